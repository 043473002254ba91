/** Transactions that stay open between calls, and batches. */

import { assertEqual, assertRefused } from "./assert.ts";
import { commitsDuring, openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

const insert = (id: string) => ({ sql: "insert into notes values (?, 't', 1)", params: [id] });

export const transactionCases: readonly DatabaseCase[] = [
  {
    name: "keeps what a transaction did, as one commit and one version",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const commits = await commitsDuring(database, async () => {
        const open = await database.begin();
        await open.exec(insert("a"));
        await open.exec({ sql: "insert into notes values ('b', 't', 1); update notes set n = n + 1" });
        assertEqual((await open.exec({ sql: "select n from notes" })).rows, [{ n: 2 }, { n: 2 }]);
        await open.commit();
      });

      assertEqual(commits, [{ tables: ["notes"], origin: { type: "local" }, version: database.version }]);
      assertEqual(await rowsOf(database, "select id, n from notes"), [
        ["a", 2],
        ["b", 2],
      ]);
      assertEqual(await rowsOf(database, "select count(distinct db_version) from crsql_changes"), [[1]]);
    },
  },
  {
    name: "undoes what a transaction did, with the schema, and reports nothing",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const commits = await commitsDuring(database, async () => {
        const open = await database.begin();
        await open.exec(insert("a"));
        await open.exec({ sql: "create table other (a)" });
        await open.exec({ sql: "insert into other values (1)" });
        await open.rollback();
        await open.rollback();
      });

      assertEqual(commits, []);
      assertEqual(await rowsOf(database, "select * from notes"), []);
      await assertRefused(database.exec({ sql: "insert into other values (1)" }), "LEDGER_SQL_ERROR", /no such table/);
      assertEqual(await rowsOf(database, "select count(*) from crsql_changes"), [[0]]);
    },
  },
  {
    name: "lets everything else wait until a transaction is over",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const order: string[] = [];
      const open = await database.begin();
      const outside = database.exec(insert("a")).then(() => order.push("outside"));
      const second = database.begin().then(async (next) => {
        order.push("second");
        await next.rollback();
      });
      await open.exec({ sql: "insert into notes values ('b', 't', 1)" });
      assertEqual((await open.exec({ sql: "select id from notes" })).rows, [{ id: "b" }]);
      order.push("first");
      await open.commit();
      await Promise.all([outside, second]);

      assertEqual(order, ["first", "outside", "second"]);
    },
  },
  {
    name: "goes on with a transaction after a statement that failed, without anything of it",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const open = await database.begin();
      await open.exec(insert("a"));
      await assertRefused(open.exec(insert("a")), "LEDGER_CONSTRAINT");
      await assertRefused(
        open.exec({ sql: "insert into notes values ('b', 't', 1); select nothing" }),
        "LEDGER_SQL_ERROR",
      );
      await assertRefused(open.exec({ sql: "commit" }), "LEDGER_STATEMENT_REFUSED", /transaction\(\)/);
      await assertRefused(open.exec({ sql: "drop table notes" }), "LEDGER_SCHEMA_CHANGE_REFUSED");
      await open.exec(insert("c"));
      await open.commit();

      assertEqual(await rowsOf(database, "select id from notes"), [["a"], ["c"]]);
    },
  },
  {
    name: "refuses calls of a transaction that is over, also one that SQLite ended",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const committed = await database.begin();
      await committed.commit();
      await assertRefused(committed.exec(insert("a")), "LEDGER_TRANSACTION_ENDED");

      const ended = await database.begin();
      await ended.exec(insert("a"));
      await assertRefused(
        ended.exec({ sql: "insert or rollback into notes values ('a', 't', 1)" }),
        "LEDGER_CONSTRAINT",
      );
      await assertRefused(ended.exec(insert("b")), "LEDGER_TRANSACTION_ENDED");
      await assertRefused(ended.commit(), "LEDGER_TRANSACTION_ENDED");
      assertEqual(await rowsOf(database, "select id from notes"), []);
    },
  },
  {
    name: "nests by savepoints, and keeps the changes that replicate with them",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const open = await database.begin();
      await open.exec(insert("a"));
      await open.savepoint();
      await open.exec(insert("b"));
      await open.savepoint();
      await open.exec(insert("c"));
      await open.release();
      await open.rollbackTo();
      await open.savepoint();
      await open.exec(insert("d"));
      await open.release();
      await open.commit();

      assertEqual(await rowsOf(database, "select id from notes"), [["a"], ["d"]]);
      assertEqual(await rowsOf(database, "select count(*), count(distinct pk) from crsql_changes"), [[4, 2]]);
    },
  },
  {
    name: "undoes an open transaction when it is closed, and refuses those that wait",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const open = await database.begin();
      await open.exec(insert("a"));
      const waiting = assertRefused(database.begin(), "LEDGER_CLOSED");
      await database.close();
      await waiting;
      await assertRefused(open.exec(insert("b")), "LEDGER_TRANSACTION_ENDED");

      if (!fixture.isPersistent) return;
      assertEqual(await rowsOf(await fixture.open(), "select id from notes"), []);
    },
  },
  {
    name: "answers with the columns of now after the schema was changed within, and after that was undone",
    run: async (fixture) => {
      const database = await fixture.open();
      const all = { sql: "select * from plain" };
      await database.exec({ sql: "create table plain (a); insert into plain values (1)" });
      await database.exec(all);
      const open = await database.begin();
      await open.savepoint();
      await open.exec({ sql: "alter table plain add column b default 2" });
      assertEqual((await open.exec(all)).rows, [{ a: 1, b: 2 }]);
      await open.exec({ sql: "alter table plain rename column b to c; select 1" });
      assertEqual((await open.exec(all)).rows, [{ a: 1, c: 2 }]);
      await open.rollbackTo();
      assertEqual((await open.exec(all)).rows, [{ a: 1 }]);
      await assertRefused(
        open.exec({ sql: "alter table plain add column d; select * from plain; select nothing" }),
        "LEDGER_SQL_ERROR",
      );
      assertEqual((await open.exec(all)).rows, [{ a: 1 }]);
      await open.rollback();
      const results = await database.batch([all, { sql: "alter table plain add column e" }, all]);
      assertEqual(results[2]?.rows, [{ a: 1, e: null }]);
    },
  },
  {
    name: "runs a batch whole and answers for every statement",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const commits = await commitsDuring(database, async () => {
        const results = await database.batch([insert("a"), insert("b"), { sql: "select id from notes" }]);
        assertEqual(
          results.map(({ rows, rowsAffected }) => [rows.length, rowsAffected]),
          [
            [0, 1],
            [0, 1],
            [2, 0],
          ],
        );
      });
      assertEqual(
        commits.map(({ tables }) => tables),
        [["notes"]],
      );
      await assertRefused(database.batch([insert("c"), insert("a")]), "LEDGER_CONSTRAINT", /statement 2 of 2/);
      assertEqual(await rowsOf(database, "select id from notes"), [["a"], ["b"]]);
      assertEqual(await database.batch([]), []);
    },
  },
];
