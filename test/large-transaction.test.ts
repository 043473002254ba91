/** A transaction of 100,000 changes over links that break: whole or not at all. */

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

test("arrives whole after its link broke in the middle, and is not seen before", { timeout: 120_000 }, async () => {
  const [alice, bob] = await Promise.all([openMemoryReplica(), openMemoryReplica()]);
  opened.push(alice, bob);
  // Three cells a row, of random text: the message takes many frames.
  await execOn(alice, {
    sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 33334)
          INSERT INTO notes (id, title, body) SELECT 'row-' || n, hex(randomblob(8)), hex(randomblob(16)) FROM c`,
  });
  const counts = new Set<unknown>();
  bob.on("commit", () => void countOf(bob).then((count) => counts.add(count)));

  const first = connect(alice, bob);
  let frames = 0;
  const broken = new Promise<void>((resolve) => {
    first.links[1].on("frame", () => {
      frames += 1;
      if (frames !== 4) return;
      first.drop();
      resolve();
    });
  });
  await broken;
  expect(await countOf(bob)).toBe(0);

  connect(alice, bob);
  await alice.call({ type: "wait", goal: { type: "replicated", peers: 1 }, timeoutMs: 100_000 });

  expect(await countOf(bob)).toBe(33_334);
  expect([...counts]).toEqual([33_334]);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});
