import { expect, test } from "vitest";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import { openChangeLog } from "../../src/database/change-log.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { Change } from "../../src/replication/change.ts";

const epoch = "0e".repeat(16) as Epoch;
const peer = "ab".repeat(16) as SiteId;
const change: Change = {
  table: "todo",
  pk: Uint8Array.of(1, 0x0b, 1, 97),
  cid: "x",
  valueClass: 1,
  value: 1,
  colVersion: 1,
  cl: 1,
  seq: 0,
};
const delta = {
  peer,
  groups: [{ site: peer, originVersion: 1, changes: [change] }],
  cursor: { epoch, position: 1 },
  claims: new Map(),
};
const todo = "CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, x)";

test("a row in quarantine is kept once however often it comes, and is news once", async () => {
  const database = await openDatabase({ name: "q", ladder: ["memory"] });
  const log = await openChangeLog({ database, epoch, nowMs: 1 });
  expect((await log.apply(delta)).grew).toBe(true);

  expect((await log.apply(delta)).grew).toBe(false);

  const { rows } = await database.exec({ sql: "SELECT count(*) AS n FROM ledger_quarantine" });
  expect(rows).toEqual([{ n: 1 }]);
  await database.close();
});

test("what became applicable just before the process ended is applied when it starts again", async () => {
  const database = await openDatabase({ name: "q", ladder: ["memory"] });
  const before = await openChangeLog({ database, epoch, nowMs: 1 });
  await before.apply(delta);
  await database.exec({ sql: todo });
  await database.enableSync("todo"); // The process ends here, before the replay of the quarantine.

  await openChangeLog({ database, epoch: "0f".repeat(16) as Epoch, nowMs: 2 });

  expect((await database.exec({ sql: "SELECT * FROM todo" })).rows).toEqual([{ id: "a", x: 1 }]);
  await database.close();
});
