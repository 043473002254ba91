import { afterEach, expect, test } from "vitest";
import type { RowChange } from "../../src/database/row-change.ts";
import { closeLogs, openLog, send, sync, type Log } from "./logs.ts";

const schema = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER)";

const tell = (log: Log): RowChange[][] => {
  const told: RowChange[][] = [];
  log.database.onRows((changes) => told.push([...changes]));
  return told;
};

afterEach(closeLogs);

test("tells of merged rows with the replica that wrote them, also when they came by way of another", async () => {
  const [alice, bob, carol] = [await openLog(schema), await openLog(schema), await openLog(schema)];
  await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
  await send(alice, bob);
  await bob.exec("INSERT INTO n VALUES ('b', 2, 2)");
  await carol.database.watch("test", ["n"]);
  const told = tell(carol);

  await send(bob, carol);

  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject([
    { type: "insert", origin: "remote", who: alice.site, row: { id: "a", x: 1, y: 1 } },
    { type: "insert", origin: "remote", who: bob.site, row: { id: "b", x: 2, y: 2 } },
  ]);
});

test("tells of each replica's part of a row by itself", async () => {
  const [alice, bob, carol] = [await openLog(schema), await openLog(schema), await openLog(schema)];
  await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
  await sync(alice, bob);
  await sync(alice, carol);
  await alice.exec("UPDATE n SET x = 5");
  await sync(alice, bob);
  await bob.exec("UPDATE n SET y = 6");
  await carol.database.watch("test", ["n"]);
  const told = tell(carol);

  await send(bob, carol);

  expect(told).toMatchObject([
    [
      { type: "update", who: alice.site, old: { x: 1 }, new: { x: 5 }, row: { id: "a", x: 5, y: 1 } },
      { type: "update", who: bob.site, old: { y: 1 }, new: { y: 6 }, row: { id: "a", x: 5, y: 6 } },
    ],
  ]);
});

test("tells of merged deletions, and of rows that are made anew after one", async () => {
  const [alice, bob] = [await openLog(schema), await openLog(schema)];
  await alice.exec("INSERT INTO n VALUES ('a', 1, 1), ('b', 2, 2)");
  await sync(alice, bob);
  await alice.exec("DELETE FROM n");
  await alice.exec("INSERT INTO n VALUES ('b', 9, 2)");
  await bob.database.watch("test", ["n"]);
  const told = tell(bob);

  await send(alice, bob);

  expect(told).toMatchObject([
    [
      { type: "delete", who: alice.site, key: { id: "a" } },
      { type: "update", who: alice.site, key: { id: "b" }, old: { x: 2 }, new: { x: 9 } },
    ],
  ]);
  expect(await bob.rows("SELECT * FROM n")).toEqual([["b", 9, 2]]);
});

test("tells nothing of changes that lose, and the whole of a change when what came was in quarantine", async () => {
  const alice = await openLog(`${schema}; CREATE TABLE late (id TEXT PRIMARY KEY NOT NULL, v INTEGER)`);
  const bob = await openLog(schema);
  await alice.exec("INSERT INTO n VALUES ('a', 1, 1); INSERT INTO late VALUES ('l', 1)");
  await bob.exec("INSERT INTO n VALUES ('a', 7, 7)");
  await bob.exec("CREATE TABLE late (id TEXT PRIMARY KEY NOT NULL, v INTEGER)");
  await bob.database.watch("test", ["n"]);
  const told = tell(bob);

  await send(alice, bob);
  expect(told).toEqual([]);
  await bob.database.enableSync("late");
  await bob.database.watch("test", ["n", "late"]);
  await bob.log.replayQuarantine();

  expect(told).toMatchObject([[{ type: "insert", table: "late", who: alice.site, row: { id: "l", v: 1 } }]]);
});
