/** A replica claims no version of its own that it did not write: peers would wait for it, or take it for a lost one. */

import { expect, test } from "vitest";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import { openChangeLog } from "../../src/database/change-log.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { ChangeGroup } from "../../src/replication/change.ts";
import { versionOf } from "../../src/replication/frontier.ts";

const bob = "b0".repeat(16) as SiteId;
const epoch = (n: number) => n.toString(16).padStart(32, "0") as Epoch;
const group = (originVersion: number, key: string): ChangeGroup => ({
  site: bob,
  originVersion,
  changes: [
    {
      table: "n",
      pk: Uint8Array.of(1, 0x0b, 1, key.charCodeAt(0)),
      cid: "x",
      valueClass: 1,
      value: 1,
      colVersion: 1,
      cl: 1,
      seq: 0,
    },
  ],
});
const delta = (...groups: ChangeGroup[]) => ({
  peer: bob,
  groups,
  cursor: { epoch: epoch(9), position: 1 },
  claims: new Map(),
});

const open = async () => {
  const database = await openDatabase({ name: "p", ladder: ["memory"] });
  await database.exec({ sql: "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x)" });
  await database.enableSync("n");
  return database;
};

test("a replica that never wrote claims no own version after merges of which some lost", async () => {
  const database = await open();
  const log = await openChangeLog({ database, epoch: epoch(1), nowMs: 1 });
  await log.apply(delta(group(1, "a")));
  await log.apply(delta(group(1, "a")));
  await log.apply(delta(group(1, "a"), group(2, "b")));
  await log.apply(delta(group(2, "b")));
  await log.apply(delta(group(3, "c")));

  expect(versionOf((await log.greeting(bob)).frontier, database.siteId)).toBe(0);
  await database.close();
});

test("a no-op update is no version of its own", async () => {
  const database = await open();
  const log = await openChangeLog({ database, epoch: epoch(1), nowMs: 1 });
  await database.exec({ sql: "INSERT INTO n VALUES ('w', 1)" });
  const { frontier } = await log.greeting(bob);
  await database.exec({ sql: "UPDATE n SET x = x" });
  await log.apply(delta(group(1, "a")));

  expect(versionOf((await log.greeting(bob)).frontier, database.siteId)).toBe(versionOf(frontier, database.siteId));
  await database.close();
});

test("a second opening that only merges does not look like lost writes to the third", async () => {
  const database = await open();
  await openChangeLog({ database, epoch: epoch(1), nowMs: 1_000 });
  await database.exec({ sql: "INSERT INTO n VALUES ('w', 1)" });
  const second = await openChangeLog({ database, epoch: epoch(2), nowMs: 2_000 });
  await second.apply(delta(group(1, "a")));
  const told = versionOf((await second.greeting(bob)).frontier, database.siteId);

  const third = await openChangeLog({ database, epoch: epoch(3), nowMs: 3_000 });

  expect(third.lostAfter(told)).toBeUndefined();
  await database.close();
});

test("lost own writes that lose against what is here count as held, and are asked for no more", async () => {
  const database = await open();
  await openChangeLog({ database, epoch: epoch(1), nowMs: 1_000 });
  const second = await openChangeLog({ database, epoch: epoch(2), nowMs: 2_000 });
  const lost = 1_500 * 1024;
  await second.apply(delta(group(1, "a")));

  const before = second.lostAfter(lost);
  await second.apply({
    ...delta({ ...group(lost, "a"), site: database.siteId }),
    claims: new Map([[database.siteId, lost]]),
  });
  const third = await openChangeLog({ database, epoch: epoch(3), nowMs: 3_000 });

  expect(before).toBe(0);
  expect(versionOf((await second.greeting(bob)).frontier, database.siteId)).toBe(lost);
  expect(second.lostAfter(lost)).toBeUndefined();
  expect(third.lostAfter(lost)).toBeUndefined();
  expect(third.lostAfter(lost + 1)).toBe(0);
  await database.close();
});
