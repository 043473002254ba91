/** query(): that it only reads, and that it tells every table that its rows depend on. */

import { anyTable, type Database } from "../../src/database/database.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { openWithNotes, type DatabaseCase } from "./database-case.ts";

/** Those that can change: the names of CTEs and of table functions may be told as well, or not. */
const tablesReadBy = async (database: Database, sql: string): Promise<readonly string[]> => {
  const { rows } = await database.query({ sql: "select lower(name) as name from sqlite_master" });
  const names = new Set<unknown>([anyTable, "sqlite_master", ...rows.map((row) => (row as { name: string }).name)]);
  return (await database.query({ sql })).readTables.filter((table) => names.has(table)).sort();
};

const resetsDuring = async (database: Database, work: () => Promise<unknown>): Promise<number> => {
  let count = 0;
  const stop = database.onReset(() => (count += 1));
  await work();
  stop();
  return count;
};

export const queryCases: readonly DatabaseCase[] = [
  {
    name: "answers rows and columns of a query, with params",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 't', 1), ('b', 'u', 2)" });
      const request = { sql: "select id, n from notes where n > :n", params: { n: 1 } };
      const expected = { columns: ["id", "n"], rows: [{ id: "b", n: 2 }], readTables: ["notes"] };
      assertEqual(await database.query(request), expected);
      assertEqual(await database.query({ ...request, rowMode: "array" }), { ...expected, rows: [["b", 2]] });
    },
  },
  {
    name: "tells the tables that a query reads: by join, subquery, CTE, view, function, and when it only counts",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({
        sql: `create table Authors (id, name); create table tags (id, note);
          create view named as select n.id, a.name from notes n left join authors a on a.id = n.title;
          create view counted as select count(*) as n from tags;
          create virtual table found using fts5(body)`,
      });
      const read = (sql: string) => tablesReadBy(database, sql);
      assertEqual(await read("select 1"), []);
      assertEqual(await read("select count(*) from notes"), ["notes"]);
      assertEqual(await read("select count(*) from NOTES"), ["notes"]);
      assertEqual(await read("select 1 from notes, tags"), ["notes", "tags"]);
      assertEqual(await read("select n.id from notes n join authors a on a.id = n.id"), ["authors", "notes"]);
      assertEqual(await read("select exists (select 1 from tags), (select max(n) from notes)"), ["notes", "tags"]);
      assertEqual(await read("select id from notes where id in (select note from tags)"), ["notes", "tags"]);
      assertEqual(await read("with c as (select id from notes) select count(*) from c"), ["notes"]);
      assertEqual(
        await read(
          "with recursive c(x) as (select min(n) from notes union all select x + 1 from c where x < 3) select * from c",
        ),
        ["notes"],
      );
      assertEqual(await read("select id from notes union all select id from tags"), ["notes", "tags"]);
      assertEqual(await read("select name from named"), ["authors", "named", "notes"]);
      assertEqual(await read("select id from named"), ["authors", "named", "notes"]);
      assertEqual(await read("select * from counted"), ["counted", "tags"]);
      assertEqual(await read("select count(*) from counted"), ["counted", "tags"]);
      assertEqual(await read("select value from notes, json_each(notes.title)"), ["notes"]);
      assertEqual(await read("select count(*) from found where found match 'a'"), ["found"]);
      assertEqual(await read("values (1), ((select count(*) from tags))"), ["tags"]);
    },
  },
  {
    name: "knows that of the engine's own tables no commit tells, and of the schema's a reset",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      assertEqual(await tablesReadBy(database, "select count(*) from crsql_changes"), [anyTable]);
      assertEqual(await tablesReadBy(database, "select n.id from notes n join notes__crsql_clock c"), [
        anyTable,
        "notes",
      ]);
      assertEqual(await tablesReadBy(database, "select name from sqlite_master"), ["sqlite_master"]);
    },
  },
  {
    name: "reads other tables once a view was defined anew",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "create table plain (id); create view v as select id from notes" });
      assertEqual(await tablesReadBy(database, "select * from v"), ["notes", "v"]);
      await database.exec({ sql: "drop view v; create view v as select id from plain" });
      assertEqual(await tablesReadBy(database, "select * from v"), ["plain", "v"]);
    },
  },
  {
    name: "refuses as query what is not one statement that only reads",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      for (const sql of [
        "insert into notes values ('a', 't', 1)",
        "insert into notes values ('a', 't', 1) returning id",
        "with c as (select 1) delete from notes",
        "create table other (a)",
        "select 1; select 2",
        "select 1; delete from notes",
        "",
        "-- nothing",
      ]) {
        // Also when it is known already.
        if (sql.startsWith("insert")) await database.exec({ sql: sql.replace("'a'", "'b'") });
        await assertRefused(database.query({ sql }), "LEDGER_STATEMENT_REFUSED");
        await database.exec({ sql: "delete from notes" });
      }
      await assertRefused(database.query({ sql: "select nothing" }), "LEDGER_SQL_ERROR");
      await assertRefused(database.query({ sql: "select ?" }), "LEDGER_PARAMS_INVALID");
      assertEqual((await database.query({ sql: "select count(*) as n from notes" })).rows, [{ n: 0 }]);
    },
  },
  {
    name: "tells of a reset whenever the schema changed, and only then",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const during = (sql: string) => resetsDuring(database, () => database.exec({ sql }));
      assertEqual(await during("create table plain (a)"), 1);
      assertEqual(await during("create view v as select * from plain"), 1);
      assertEqual(await during("alter table plain add column b"), 1);
      assertEqual(await during("insert into plain values (1, 2); insert into notes values ('a', 't', 1)"), 0);
      assertEqual(await during("select * from v"), 0);
      assertEqual(await during("drop view v; drop table plain"), 1);
      assertEqual(await resetsDuring(database, () => database.enableSync("notes")), 0);
      await database.exec({ sql: "create table other (id integer primary key not null)" });
      assertEqual(await resetsDuring(database, () => database.enableSync("other")), 1);
    },
  },
];
