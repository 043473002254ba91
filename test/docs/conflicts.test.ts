/** What README promises about conflicts, between two real replicas that edit while they are apart. */

import { afterEach, expect, test } from "vitest";
import { Ledger, type SqlParam } from "../../src/index.ts";
import { createTestNetwork } from "../../src/testing.ts";

const opened: Ledger[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

const openPair = async (): Promise<readonly [alice: Ledger, bob: Ledger]> => {
  const options = { network: createTestNetwork(), signalingUrl: "ws://test", token: Ledger.createToken() };
  const pair = [new Ledger(options), new Ledger(options)] as const;
  for (const db of pair) {
    opened.push(db);
    await db.init();
    await db.exec("CREATE TABLE cells (id TEXT PRIMARY KEY NOT NULL, a, b)");
    await db.enableSync("cells");
  }
  return pair;
};

const changesOf = async (db: Ledger): Promise<string> => {
  const sql = "SELECT pk, cid, typeof(val) AS class, val, col_version, cl FROM crsql_changes ORDER BY pk, cid";
  return JSON.stringify(await db.query(sql), (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
};

/** Links the two, which differ, until they hold the same, then parts them. */
const meet = async (alice: Ledger, bob: Ledger): Promise<void> => {
  const offs: (() => void)[] = [];
  const same = new Promise<void>((resolve, reject) => {
    const look = async (): Promise<void> => {
      if ((await changesOf(alice)) === (await changesOf(bob))) resolve();
    };
    for (const db of [alice, bob]) offs.push(db.on("change", () => void look().catch(reject)));
  });
  await Promise.all([alice.connect(), bob.connect()]);
  await same;
  for (const off of offs) off();
  await Promise.all([alice.disconnect(), bob.disconnect()]);
};

const set = (db: Ledger, column: "a" | "b", value: SqlParam): Promise<unknown> =>
  db.exec(`UPDATE cells SET ${column} = ? WHERE id = 'x'`, [value]);

const insert = (db: Ledger, a: SqlParam = null, b: SqlParam = null): Promise<unknown> =>
  db.exec("INSERT INTO cells (id, a, b) VALUES ('x', ?, ?)", [a, b]);

/** Both sides' row x, which must be the same. */
const rowOf = async (...pair: readonly Ledger[]): Promise<unknown> => {
  const [own, theirs] = await Promise.all(pair.map((db) => db.get("SELECT a, b FROM cells WHERE id = 'x'")));
  expect(own).toEqual(theirs);
  return own;
};

test("keeps edits of different columns of one row", async () => {
  const [alice, bob] = await openPair();
  await insert(alice, 1, 1);
  await meet(alice, bob);

  await set(alice, "a", "by Alice");
  await set(bob, "b", "by Bob");
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toEqual({ a: "by Alice", b: "by Bob" });
});

test("lets the cell that was edited more often win, whatever the values and the times", async () => {
  const [alice, bob] = await openPair();
  await insert(alice, 0);
  await meet(alice, bob);

  await set(alice, "a", 8);
  await set(alice, "a", 1);
  await set(bob, "a", 9);
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toEqual({ a: 1, b: null });
});

test("does not count an edit that leaves the value as it was", async () => {
  const [alice, bob] = await openPair();
  await insert(alice, 0);
  await meet(alice, bob);

  await set(alice, "a", 1);
  await set(alice, "a", 1);
  await set(alice, "a", 1);
  await set(bob, "a", 2);
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toEqual({ a: 2, b: null });
});

test.each<readonly [winner: SqlParam, loser: SqlParam]>([
  [2, 1],
  [-5, 1.5], // integer over real, although -5 is the smaller number
  [0.5, "zzz"],
  ["b", "a"],
  ["a", "Z"], // by bytes, not by alphabet
  ["a", new Uint8Array([255])],
  [new Uint8Array([2]), new Uint8Array([1])],
  [new Uint8Array([0]), null],
])("of equally many edits lets %s win over %s", async (winner, loser) => {
  const [alice, bob] = await openPair();
  await insert(alice, "before");
  await meet(alice, bob);

  await set(alice, "a", winner);
  await set(bob, "a", loser);
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toMatchObject({ a: winner });
});

test("merges two rows with one key, inserted on both sides, cell by cell", async () => {
  const [alice, bob] = await openPair();

  await insert(alice, 1, 9);
  await insert(bob, 2, 3);
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toEqual({ a: 2, b: 9 });
});

test("lets a deletion win over any number of edits made meanwhile", async () => {
  const [alice, bob] = await openPair();
  await insert(alice, 0);
  await meet(alice, bob);

  await alice.exec("DELETE FROM cells WHERE id = 'x'");
  for (const value of [1, 2, 3]) await set(bob, "a", value);
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toBeUndefined();
});

test("lets a row that was inserted again win over its deletion, without the old values", async () => {
  const [alice, bob] = await openPair();
  await insert(alice, "old", "old");
  await meet(alice, bob);

  await alice.exec("DELETE FROM cells WHERE id = 'x'");
  await alice.exec("INSERT INTO cells (id, a) VALUES ('x', 'new')");
  await bob.exec("DELETE FROM cells WHERE id = 'x'");
  await meet(alice, bob);

  expect(await rowOf(alice, bob)).toEqual({ a: "new", b: null });
});
