/** Snapshots between replicas with the real engine, linked in memory. */

import { afterEach, expect, test } from "vitest";
import type { Replica } from "../src/replica.ts";
import { execOn } from "./support/calls.ts";
import { changesOf, connect, openMemoryReplica, rowsOf, settled, type Connection } from "./support/replicas.ts";

const opened: Replica[] = [];

const openReplica = async (): Promise<Replica> => {
  const replica = await openMemoryReplica();
  opened.push(replica);
  return replica;
};

const fill = (replica: Replica, rows: number, from = 0) =>
  execOn(replica, {
    sql: `WITH RECURSIVE n(i) AS (VALUES (${from}) UNION ALL SELECT i + 1 FROM n WHERE i < ${from + rows - 1})
      INSERT INTO notes (id, title, body, stars) SELECT 'id ' || i, 'title ' || i, 'body', i FROM n`,
  });

const firstSync = (replica: Replica): Promise<number> =>
  new Promise((resolve) => {
    const off = replica.on("sync", (count) => {
      off();
      resolve(count);
    });
  });

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
});

test("brings a newcomer everything at once, and what is written meanwhile after it", async () => {
  const [alice, bob] = [await openReplica(), await openReplica()];
  await fill(alice, 2_000);
  const synced = firstSync(bob);

  connect(alice, bob);
  const late = fill(alice, 5, 5_000);
  const [count] = await Promise.all([synced, late]);
  await settled(bob, alice);

  expect(count).toBeGreaterThanOrEqual(2_000 * 3);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("is not taken by one that wrote meanwhile, who gets everything as changes", async () => {
  const [alice, bob] = [await openReplica(), await openReplica()];
  await fill(alice, 2_000);

  connect(alice, bob);
  await fill(bob, 1, 9_000);
  await settled(bob, alice);
  await settled(alice, bob);

  expect(await rowsOf(alice, "SELECT count(*) AS n FROM notes")).toEqual([{ n: 2_001 }]);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("goes on where it was when the link breaks after it", async () => {
  const [alice, bob] = [await openReplica(), await openReplica()];
  await fill(alice, 2_000);
  const synced = firstSync(bob);
  const first = connect(alice, bob);
  await synced;
  first.drop();

  connect(alice, bob);
  await settled(bob, alice);

  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

/** Closes the link once so many of its frames have come. */
const dropAfter = (frames: number, { links }: Connection): Promise<void> =>
  new Promise((resolve) => {
    let left = frames;
    links[1].on("frame", () => {
      left -= 1;
      if (left > 0) return;
      links[0].close("test");
      resolve();
    });
  });

test("goes on where it was when the link breaks in the middle of it", async () => {
  const [alice, bob, carol] = [await openReplica(), await openReplica(), await openReplica()];
  // More than fifteen parts.
  await execOn(alice, {
    sql: `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO notes (id, title, body) SELECT 'id ' || i, '', hex(randomblob(1200)) FROM n`,
  });
  const received: number[] = [];
  const counting = (connection: Connection): Connection => {
    const index = received.push(0) - 1;
    connection.links[1].on("frame", (frame) => (received[index] = (received[index] ?? 0) + frame.length));
    return connection;
  };

  await dropAfter(14, counting(connect(alice, bob)));
  counting(connect(alice, bob));
  await settled(bob, alice);
  counting(connect(alice, carol));
  await settled(carol, alice);

  const [, rest = Infinity, whole = 0] = received;
  expect(rest).toBeLessThan(whole * 0.7);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("serves a newcomer that meets two at once", async () => {
  const [alice, bob, carol] = [await openReplica(), await openReplica(), await openReplica()];
  await fill(alice, 2_000);
  connect(alice, bob);
  await settled(bob, alice);
  await fill(bob, 3, 7_000);
  const counts: number[] = [];
  carol.on("sync", (count) => counts.push(count));

  connect(alice, carol);
  connect(bob, carol);
  await settled(carol, alice, bob);

  expect(await changesOf(carol)).toEqual(await changesOf(bob));
  expect(counts.reduce((sum, count) => sum + count)).toBe(2_003 * 3);
});
