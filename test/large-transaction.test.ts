/** Transactions of 100,000 changes and more over links that break: whole or not at all. */

import { afterEach, expect, test } from "vitest";
import type { Replica } from "../src/replica.ts";
import { execOn } from "./support/calls.ts";
import { changesOf, connect, openMemoryReplica, rowsOf } from "./support/replicas.ts";

const opened: Replica[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
});

const countOf = async (replica: Replica): Promise<unknown> =>
  ((await rowsOf(replica, "SELECT count(*) AS n FROM notes")) as { readonly n: number }[])[0]?.n;

/** Three cells a row, of random text: the message takes many frames. */
const writeRows = (replica: Replica, count: number) =>
  execOn(replica, {
    sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${count})
          INSERT INTO notes (id, title, body) SELECT 'row-' || n, hex(randomblob(8)), hex(randomblob(16)) FROM c`,
  });

const replicated = (replica: Replica) =>
  replica.call({ type: "wait", goal: { type: "replicated", peers: 1 }, timeoutMs: 200_000 });

test.each([
  ["a replica that holds nothing, as a snapshot", 33_334, 0],
  ["a replica that holds rows, as changes", 33_334, 1],
])("arrives whole at %s, after its link broke in the middle", { timeout: 240_000 }, async (_, rows, ofBob) => {
  const [alice, bob] = await Promise.all([openMemoryReplica(), openMemoryReplica()]);
  opened.push(alice, bob);
  await writeRows(alice, rows);
  if (ofBob > 0) await execOn(bob, { sql: "INSERT INTO notes (id) VALUES ('of Bob')" });
  const counts = new Set<unknown>();
  bob.on("commit", () => void countOf(bob).then((count) => counts.add(count)));

  const first = connect(alice, bob);
  let frames = 0;
  const broken = new Promise<void>((resolve) => {
    first.links[1].on("frame", () => {
      frames += 1;
      if (frames !== 5) return;
      first.drop();
      resolve();
    });
  });
  await broken;
  expect(await countOf(bob)).toBe(ofBob);

  connect(alice, bob);
  await Promise.all([replicated(alice), replicated(bob)]);

  expect([...counts]).toEqual([rows + ofBob]);
  expect(await countOf(alice)).toBe(rows + ofBob);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});
