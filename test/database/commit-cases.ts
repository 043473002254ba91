/** Commits and transactions: who hears of what, and that work runs alone. */

import { assertEqual, assertRefused, assertTrue } from "./assert.ts";
import { commitsDuring, openWithNotes, rowsOf, tablesDuring, type DatabaseCase } from "./database-case.ts";

export const commitCases: readonly DatabaseCase[] = [
  {
    name: "reports the user tables a call changed, for every kind of table",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const tablesOf = (sql: string) => tablesDuring(database, () => database.exec({ sql }));
      await database.exec({
        sql: `create table plain (a); create table rowless (a primary key) without rowid;
          create view v as select id, title from notes;
          create trigger through instead of insert on v begin insert into notes (id, title) values (new.id, new.title); end;
          create table log (a); create trigger logged after insert on plain begin insert into log values (new.a); end`,
      });
      assertEqual(await tablesOf("insert into notes values ('a', 't', 1)"), [["notes"]]);
      assertEqual(await tablesOf("insert into rowless values (1)"), [["rowless"]]);
      assertEqual(await tablesOf("insert into plain values (1)"), [["log", "plain"]]);
      assertEqual(await tablesOf("insert into v values ('b', 't')"), [["notes"]]);
      assertEqual(await tablesOf("delete from plain"), [["plain"]]);
      assertEqual(await tablesOf("insert into rowless values (2); delete from notes; select 1"), [
        ["notes", "rowless"],
      ]);
      assertEqual(await tablesOf("with c as (select 1 as a) insert into rowless select a + 10 from c"), [["rowless"]]);
      assertEqual(await tablesOf("drop table log"), [["log"]]);

      // Nothing is inserted, but the trigger deletes.
      await database.exec({
        sql: "create trigger odd before insert on rowless begin delete from rowless; select raise(ignore); end",
      });
      assertEqual(await tablesOf("insert into rowless values (99)"), [["rowless"]]);
      assertEqual(await tablesOf("insert into rowless values (99)"), []);
    },
  },
  {
    name: "reports nothing for calls that read, fail or change nothing",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 't', 1)" });
      const commits = await commitsDuring(database, async () => {
        await database.exec({ sql: "select * from notes" });
        await database.exec({ sql: "update notes set n = 1 where id = 'none'" });
        await database.exec({ sql: "insert or ignore into notes values ('a', 't', 1)" });
        await database.exec({ sql: "explain delete from notes" });
        await database.exec({ sql: "insert into notes values ('a', 't', 1)" }).catch(() => {});
        await database.exec({ sql: "insert into notes values ('b', 't', 1); select nothing" }).catch(() => {});
      });
      assertEqual(commits, []);
    },
  },
  {
    name: "reports version and origin of each commit, in order, before the call answers",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const commits = await commitsDuring(database, async () => {
        await Promise.all([
          database.exec({ sql: "insert into notes values ('a', 't', 1)" }),
          database.exec({ sql: "insert into notes values ('b', 't', 1)" }),
        ]);
        await database.transact({ type: "remote", peerId: database.siteId }, async (connection) => {
          await connection.all("insert into notes values ('c', 't', 1)");
          return { result: undefined, tables: ["notes"] };
        });
      });
      assertEqual(commits, [
        { tables: ["notes"], origin: { type: "local" }, version: 1 },
        { tables: ["notes"], origin: { type: "local" }, version: 2 },
        { tables: ["notes"], origin: { type: "remote", peerId: database.siteId }, version: 3 },
      ]);
      assertEqual(database.version, 3);
    },
  },
  {
    name: "commits a transaction whole or not at all, and hands its result on",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const result = await database.transact({ type: "local" }, async (connection) => {
        await connection.all("insert into notes values ('a', 't', 1)");
        assertEqual(connection.changes(), 1);
        return { result: "done", tables: ["notes"] };
      });
      assertEqual(result, "done");
      const commits = await commitsDuring(database, async () => {
        const failure = database.transact({ type: "local" }, async (connection) => {
          await connection.all("insert into notes values ('b', 't', 1)");
          const statement = await connection.prepare("select id from notes");
          await statement.step();
          throw new RangeError("the caller's own");
        });
        await failure.then(
          () => assertTrue(false, "it committed"),
          (error: unknown) => assertTrue(error instanceof RangeError, "the caller's error came back changed"),
        );
      });
      assertEqual(commits, []);
      assertEqual(await rowsOf(database, "select id from notes"), [["a"]]);
      assertEqual(database.version, 1);
    },
  },
  {
    name: "runs every piece of work alone and in order",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const order: string[] = [];
      const [, count] = await Promise.all([
        database.transact({ type: "local" }, async (connection) => {
          await connection.all("insert into notes values ('a', 't', 1)");
          await Promise.resolve();
          order.push("transaction");
          await connection.all("insert into notes values ('b', 't', 1)");
          return { result: undefined, tables: ["notes"] };
        }),
        rowsOf(database, "select count(*) from notes").finally(() => order.push("query")),
        database.read(async (connection) => {
          order.push("read");
          return connection.all("select 1");
        }),
      ]);
      assertEqual(count, [[2]]);
      assertEqual(order[0], "transaction");
    },
  },
  {
    name: "survives a listener that throws",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      database.onCommit(() => {
        throw new Error("listener");
      });
      const tables = await tablesDuring(database, () => database.exec({ sql: "insert into notes values ('a','t',1)" }));
      assertEqual(tables, [["notes"]]);
    },
  },
  {
    name: "opens the engine again after it crashed, with everything acknowledged and nothing of the crashed work",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 't', 1)" });
      const { siteId } = database;
      const crash = database.transact({ type: "local" }, async (connection) => {
        await connection.all("insert into notes values ('lost', 't', 1)");
        // An empty key makes cr-sqlite panic, which stops the engine.
        await connection.all("insert into crsql_changes values ('notes', x'', 'n', 1, 1, 1, null, 1, 0)");
        return { result: undefined, tables: ["notes"] };
      });
      const next = rowsOf(database, "select id from notes");
      await assertRefused(crash, "LEDGER_ENGINE_CRASHED", /nothing acknowledged is lost/);
      assertEqual(await next, [["a"]]);
      await database.exec({ sql: "insert into notes values ('b', 't', 1)" });
      assertEqual(await rowsOf(database, "select id from notes order by id"), [["a"], ["b"]]);
      assertEqual(await rowsOf(database, "pragma integrity_check"), [["ok"]]);
      assertEqual(database.siteId, siteId);
    },
  },
  {
    name: "lets running work finish on close, refuses later calls, and closes once",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const running = database.exec({ sql: "insert into notes values ('a', 't', 1)" });
      const closing = database.close();
      assertTrue(closing === database.close(), "close() gave another promise");
      assertEqual((await running).rowsAffected, 1);
      await closing;
      await assertRefused(database.exec({ sql: "select 1" }), "LEDGER_CLOSED");
      await assertRefused(database.enableSync("notes"), "LEDGER_CLOSED");
    },
  },
];
