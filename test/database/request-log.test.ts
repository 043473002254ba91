/** Calls made again, as by a tab whose leader went before it answered. */

import { afterEach, describe, expect, it } from "vitest";
import { openChangeLog } from "../../src/database/change-log.ts";
import type { Commit, Database, ExecRequest, RequestId } from "../../src/database/database.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import { createMemoryDirectory } from "../../src/database/memory-directory.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import type { Epoch } from "../../src/common/ids.ts";

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

/** Opens the files of `directory`, as the next leader does. */
const openOn = async (directory = createMemoryDirectory()): Promise<Database> => {
  const database = await createSqliteDatabase(await openMemoryHost(undefined, directory));
  opened.push(database);
  await openChangeLog({ database, epoch: "0".repeat(32) as Epoch, nowMs: 1_700_000_000_000 });
  return database;
};

const idOf = (slot: number, number: number, caller = "bob"): RequestId => ({ caller, slot, number });

const countOf = async (database: Database, table = "n"): Promise<unknown> =>
  (await database.exec({ sql: `SELECT count(*) AS n FROM ${table}` })).rows[0];

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "answered",
    (error: { readonly code?: unknown }) => error.code,
  );

describe("a call made again", () => {
  it("is carried out once and answered the same, by the next leader as well", async () => {
    const directory = createMemoryDirectory();
    const first = await openOn(directory);
    await first.exec({ sql: "CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL, t TEXT)" });
    const request: ExecRequest = { sql: "INSERT INTO n (t) VALUES ('a'), (?) RETURNING id, t", params: ["b"] };
    const answer = await first.exec(request, idOf(0, 1));
    await first.close();

    const next = await openOn(directory);
    const again = await next.exec(request, idOf(0, 1));

    expect(again).toEqual(answer);
    expect(again).toEqual({
      columns: ["id", "t"],
      rows: [
        { id: 1, t: "a" },
        { id: 2, t: "b" },
      ],
      rowsAffected: 2,
    });
    expect(await countOf(next)).toEqual({ n: 2 });
  });

  it("is carried out when it was not before", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL CHECK (id < 5))" });

    const refused = await codeOf(database.exec({ sql: "INSERT INTO n VALUES (9)" }, idOf(0, 1)));
    await database.exec({ sql: "INSERT INTO n VALUES (1)" }, idOf(0, 1));

    expect(refused).toBe("LEDGER_CONSTRAINT");
    expect(await countOf(database)).toEqual({ n: 1 });
  });

  it("is told with the rows that it kept when it failed, and keeps no more when it is made again", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL)" });
    const commits: Commit[] = [];
    database.onCommit((commit) => commits.push(commit));
    const orFail = { sql: "INSERT OR FAIL INTO n VALUES (1), (1), (2)" };

    expect(await codeOf(database.exec(orFail, idOf(0, 1)))).toBe("LEDGER_CONSTRAINT");
    expect(await codeOf(database.exec(orFail, idOf(0, 1)))).toBe("LEDGER_CONSTRAINT");

    expect(await countOf(database)).toEqual({ n: 1 });
    expect(commits.map(({ tables }) => tables)).toEqual([["n"]]);
  });

  it.each([
    ["making a table", "CREATE TABLE m (x)"],
    ["dropping one", "DROP TABLE n"],
    ["several statements", "INSERT INTO n VALUES (1); CREATE TABLE m (x); SELECT 1 AS one"],
    ["a trigger", "CREATE TRIGGER later AFTER INSERT ON n BEGIN DELETE FROM n WHERE x = 7; END"],
    ["VACUUM", "/* tidy */ VACUUM"],
  ])("does not fail where running it twice would: %s", async (_, sql) => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });

    const answer = await database.exec({ sql }, idOf(3, 8));

    expect(await database.exec({ sql }, idOf(3, 8))).toEqual(answer);
  });

  it("tells of its commit once", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });
    const commits: Commit[] = [];
    database.onCommit((commit) => commits.push(commit));

    for (let time = 0; time < 3; time += 1) await database.exec({ sql: "INSERT INTO n VALUES (1)" }, idOf(0, 1));

    expect(commits.map(({ tables }) => tables)).toEqual([["n"]]);
  });

  it("is not confused with the same number of another caller, nor with an earlier call in the slot", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });
    const insert = { sql: "INSERT INTO n VALUES (1)" };

    for (const id of [idOf(0, 1), idOf(0, 1, "carol"), idOf(0, 2), idOf(1, 3)]) await database.exec(insert, id);

    expect(await countOf(database)).toEqual({ n: 4 });
  });

  it("changes nothing when it arrives after its caller went on with the slot", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });
    const insert = { sql: "INSERT INTO n VALUES (1)" };
    await database.exec(insert, idOf(0, 2));

    expect(await codeOf(database.exec(insert, idOf(0, 1)))).toBe("LEDGER_LEADER_CHANGED");
    expect(await countOf(database)).toEqual({ n: 1 });
  });

  it.each([
    [
      "more rows than are kept",
      "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c LIMIT 9000) SELECT i FROM c",
    ],
    ["bytes", "SELECT x'00ff'"],
    ["an integer beyond 2^53", "SELECT 9007199254740993"],
    ["infinity", "SELECT 9e999"],
  ])("says that it is stored when its answer cannot be given again: %s", async (_, values) => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });
    const request = { sql: `INSERT INTO n ${values} RETURNING x` };
    await database.exec(request, idOf(0, 1));
    const before = await countOf(database);

    const again = await database.exec(request, idOf(0, 1)).catch((error: unknown) => error);

    expect(again).toMatchObject({ code: "LEDGER_LEADER_CHANGED", message: expect.stringContaining("is stored") });
    expect(await countOf(database)).toEqual(before);
  });
});

describe("a batch made again", () => {
  it("is carried out once and answered the same", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (id INTEGER PRIMARY KEY, x)" });
    const requests = [{ sql: "INSERT INTO n (x) VALUES (1)" }, { sql: "SELECT x FROM n" }];
    const answer = await database.batch(requests, idOf(0, 1));

    expect(await database.batch(requests, idOf(0, 1))).toEqual(answer);
    expect(await countOf(database)).toEqual({ n: 1 });
  });
});

describe("a transaction", () => {
  it("is known to be stored once it was committed under an id, and not when it was rolled back", async () => {
    const directory = createMemoryDirectory();
    const first = await openOn(directory);
    await first.exec({ sql: "CREATE TABLE n (x)" });
    for (const end of ["commit", "rollback"] as const) {
      const transaction = await first.begin();
      await transaction.exec({ sql: "INSERT INTO n VALUES (1)" });
      await (end === "commit" ? transaction.commit(idOf(0, 1)) : transaction.rollback());
    }
    await first.close();

    const next = await openOn(directory);

    expect(await next.wasDone(idOf(0, 1))).toBe(true);
    expect(await next.wasDone(idOf(0, 2))).toBe(false);
    expect(await countOf(next)).toEqual({ n: 1 });
  });

  it("that only read leaves nothing behind", async () => {
    const database = await openOn();
    const transaction = await database.begin();
    await transaction.exec({ sql: "SELECT 1" });

    await transaction.commit(idOf(0, 1));

    expect(await countOf(database, "ledger_request")).toEqual({ n: 0 });
  });
});

describe("the log of requests", () => {
  it("leaves last_insert_rowid() to the app and holds nothing of what only reads", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });
    await database.exec({ sql: "INSERT INTO n VALUES (1), (2), (3)" }, idOf(0, 1));

    const answer = await database.exec({ sql: "WITH n AS (SELECT 1) SELECT last_insert_rowid() AS id" }, idOf(1, 2));

    expect(answer.rows).toEqual([{ id: 3 }]);
    expect(await countOf(database, "ledger_request")).toEqual({ n: 1 });
  });

  it("has one row for a caller that waits for each answer", async () => {
    const database = await openOn();
    await database.exec({ sql: "CREATE TABLE n (x)" });

    for (let n = 1; n <= 50; n += 1) await database.exec({ sql: "INSERT INTO n VALUES (1)" }, idOf(0, n));

    expect(await countOf(database, "ledger_request")).toEqual({ n: 1 });
  });

  it("forgets at an opening what is older than a day", async () => {
    const directory = createMemoryDirectory();
    const first = await openOn(directory);
    await first.exec({ sql: "CREATE TABLE n (x)" });
    for (const slot of [0, 1]) await first.exec({ sql: "INSERT INTO n VALUES (1)" }, idOf(slot, slot + 1));
    await first.transact({ type: "local" }, async (connection) => {
      await connection.all("UPDATE ledger_request SET at = at - 90000 WHERE slot = 0");
      return { result: undefined, tables: [] };
    });
    await first.close();

    const next = await openOn(directory);

    expect((await next.exec({ sql: "SELECT slot FROM ledger_request" })).rows).toEqual([{ slot: 1 }]);
  });
});
