import { afterEach, expect, test } from "vitest";
import { readConflicts } from "../../src/database/conflicts.ts";
import { closeLogs, openLog, send, sync, type Log } from "./logs.ts";

const schema = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x, y)";

/** What is kept, without when. */
const conflictsOf = async ({ database }: Log) =>
  (await database.read((connection) => readConflicts(connection, database.syncedTables))).map(
    ({ at: _at, id: _id, ...conflict }) => conflict,
  );

/** Two replicas that hold the row `a`, and say so. */
const openPair = async (): Promise<readonly [Log, Log]> => {
  const [alice, bob] = [await openLog(schema), await openLog(schema)];
  await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
  await sync(alice, bob);
  await tellHeld(bob, alice);
  return [alice, bob];
};

/** As `from` tells by its messages what it holds. */
const tellHeld = async (from: Log, to: Log): Promise<void> =>
  to.log.noteSeen((await from.frontier()).get(to.site) ?? 0);

afterEach(closeLogs);

test("keeps an own value that a peer's larger one replaced before anybody had seen it", async () => {
  const [alice, bob] = await openPair();
  await alice.exec("UPDATE n SET x = 'mine', y = 5");
  await bob.exec("UPDATE n SET x = 'theirs'");

  await send(bob, alice);

  expect(await conflictsOf(alice)).toEqual([
    { table: "n", key: { id: "a" }, column: "x", mine: "mine", theirs: "theirs", isDeleted: false, who: bob.site },
  ]);
  expect(await alice.rows("SELECT * FROM n")).toEqual([["a", "theirs", 5]]);
});

test("keeps nothing where the own value wins, is the same, or was seen by a peer", async () => {
  const [alice, bob] = await openPair();
  await alice.exec("UPDATE n SET x = 'z', y = 3");
  await bob.exec("UPDATE n SET x = 'a', y = 3");
  await send(bob, alice);
  expect(await conflictsOf(alice)).toEqual([]);

  await send(alice, bob);
  await tellHeld(bob, alice);
  await bob.exec("UPDATE n SET x = 'after'");
  await send(bob, alice);

  expect(await alice.rows("SELECT x FROM n")).toEqual([["after"]]);
  expect(await conflictsOf(alice)).toEqual([]);
});

test("keeps the own value once when two replicas' writes replace it in one merge", async () => {
  const [alice, bob] = await openPair();
  const carol = await openLog(schema);
  await sync(bob, carol);
  await alice.exec("UPDATE n SET x = 'a'");
  await bob.exec("UPDATE n SET x = 'b'");
  await carol.exec("UPDATE n SET x = 'c'");
  const known = await alice.frontier();
  const groups = [...(await bob.read(0, known)).groups, ...(await carol.read(0, known)).groups];

  await alice.apply(groups);

  expect((await conflictsOf(alice)).map(({ mine, theirs }) => [mine, theirs])).toEqual([["a", "b"]]);
  expect(await alice.rows("SELECT x FROM n")).toEqual([["c"]]);
});

test("keeps the unseen cells of a row that a peer deleted", async () => {
  const [alice, bob] = await openPair();
  await alice.exec("UPDATE n SET y = x'00ff'");
  await bob.exec("DELETE FROM n");

  await send(bob, alice);

  expect(await conflictsOf(alice)).toEqual([
    {
      table: "n",
      key: { id: "a" },
      column: "y",
      mine: Uint8Array.of(0, 255),
      theirs: null,
      isDeleted: true,
      who: bob.site,
    },
  ]);
});

test("names the replica whose write won, by whatever way it came, and finds rows by keys of any kind", async () => {
  const wide = "CREATE TABLE n (a INTEGER NOT NULL, b NOT NULL, c REAL NOT NULL, v, PRIMARY KEY (c, a, b))";
  const [alice, bob, carol] = [await openLog(wide), await openLog(wide), await openLog(wide)];
  const insert = (v: string) =>
    `INSERT INTO n VALUES (-7, 1, 2.0, '${v}'), (7, '1', 1e300, '${v}'), (0, x'00', 0.5, '${v}')`;
  await alice.exec(insert("a"));
  await carol.exec(insert("c"));
  await send(carol, bob);

  await send(bob, alice);

  const conflicts = await conflictsOf(alice);
  expect(conflicts.map(({ key, mine, theirs, who }) => [key, mine, theirs, who])).toEqual([
    [{ c: 2, a: -7, b: 1 }, "a", "c", carol.site],
    [{ c: 1e300, a: 7, b: "1" }, "a", "c", carol.site],
    [{ c: 0.5, a: 0, b: Uint8Array.of(0) }, "a", "c", carol.site],
  ]);
});

test("keeps the thousand newest", async () => {
  const [alice, bob] = await openPair();
  const fill = (text: string) =>
    `WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 1003) INSERT INTO n SELECT 'k' || n, '${text}', 1 FROM i`;
  await alice.exec(fill("mine"));
  await bob.exec(fill("theirs"));

  await send(bob, alice);

  const conflicts = await conflictsOf(alice);
  expect(conflicts).toHaveLength(1000);
  expect(conflicts.at(-1)).toMatchObject({ key: { id: "k1003" }, mine: "mine", theirs: "theirs" });
});
