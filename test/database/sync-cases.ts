/** Tables that replicate: what enableSync() takes, refuses and does, and how synced rows behave. */

import type { LedgerErrorCode } from "../../src/common/errors.ts";
import type { Connection } from "../../src/database/connection.ts";
import type { Database } from "../../src/database/database.ts";
import type { SqlValue } from "../../src/database/value.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

/** `count` names with commas between. */
const columnNames = (count: number): string => Array.from({ length: count }, (_, index) => `c${index}`).join(", ");

const refusedTables: readonly (readonly [string, string, LedgerErrorCode, RegExp])[] = [
  ["missing", "select 1", "LEDGER_TABLE_NOT_FOUND", /create it/],
  ["v", "create view v as select 1 as a", "LEDGER_TABLE_NOT_FOUND", /view/],
  ["t t", `create table "t t" (id text primary key not null)`, "LEDGER_TABLE_NAME_INVALID", /plain name/],
  ["x'; drop", "select 1", "LEDGER_TABLE_NAME_INVALID", /plain name/],
  ["crsql_master", "select 1", "LEDGER_TABLE_NAME_INVALID", /keeps for itself/],
  ["t1", `create table t1 (id text primary key not null, "a b" text)`, "LEDGER_TABLE_NAME_INVALID", /column "a b"/],
  ["t2", "create table t2 (a text)", "LEDGER_TABLE_KEY_INVALID", /no primary key/],
  ["t3", "create table t3 (id text primary key)", "LEDGER_TABLE_KEY_INVALID", /id TEXT PRIMARY KEY NOT NULL/],
  ["t4", "create table t4 (id integer primary key)", "LEDGER_TABLE_KEY_INVALID", /NOT NULL/],
  ["t5", "create table t5 (a not null, b, primary key (a, b))", "LEDGER_TABLE_KEY_INVALID", /column b/],
  ["t6", "create table t6 (id text primary key not null, a unique)", "LEDGER_TABLE_UNIQUE", /plain index/],
  [
    "t7",
    "create table t7 (id text primary key not null, a); create unique index u on t7 (a)",
    "LEDGER_TABLE_UNIQUE",
    /plain index/,
  ],
  ["t8", "create table t8 (id text primary key not null, a text not null)", "LEDGER_TABLE_DEFAULT_MISSING", /DEFAULT/],
  ["t9", "create table t9 (id integer primary key autoincrement not null)", "LEDGER_TABLE_AUTOINCREMENT", /uuidv7/],
  ["t10", "create table t10 (id text primary key not null collate nocase)", "LEDGER_TABLE_COLLATION", /NOCASE/],
  [
    "t11",
    "create table t11 (id text not null, primary key (id collate rtrim)) without rowid",
    "LEDGER_TABLE_COLLATION",
    /RTRIM/,
  ],
  [
    "t12",
    "create table t12 (id text primary key not null, p text references t2 (a))",
    "LEDGER_TABLE_FOREIGN_KEY",
    /REFERENCES/,
  ],
  [
    "t13",
    "create table t13 (id text primary key not null); create trigger x after insert on t13 begin delete from t13; end",
    "LEDGER_SCHEMA_CHANGE_REFUSED",
    /sync_bit/,
  ],
  ["t14", `create table t14 (id text primary key not null, ${columnNames(63)})`, "LEDGER_TABLE_TOO_WIDE", /64 columns/],
];

const goodTables: readonly (readonly [string, string, string])[] = [
  [
    "plain",
    "(id text primary key not null, a, n integer not null default 0)",
    "insert into plain (id, a) values ('k', 1)",
  ],
  ["blobs", "(id blob primary key not null, a)", "insert into blobs values (x'01', x'')"],
  ["integers", "(id integer primary key not null, a)", "insert into integers (a) values ('auto')"],
  ["rowless", "(id text primary key, a) without rowid", "insert into rowless values ('k', 1)"],
  [
    "strict_one",
    "(id text primary key not null, a integer, x any) strict",
    "insert into strict_one values ('k', 1, 1.5)",
  ],
  [
    "composite",
    "(a, z text not null, y integer not null, primary key (y, z))",
    "insert into composite values (1, 'z', 2)",
  ],
  [
    "derived",
    "(id text primary key not null, a, twice as (a * 2), more as (a * 3) stored)",
    "insert into derived (id, a) values ('k', 1)",
  ],
  ["only_key", "(id text primary key not null)", "insert into only_key values ('k')"],
  ["checked", "(id text primary key not null, a check (a > 0))", "insert into checked values ('k', 1)"],
  [
    "widest",
    `(a text not null, b text not null, ${columnNames(61)}, more as (c1 || c2), primary key (b, a))`,
    "insert into widest (a, b, c60) values ('k', 'l', 1)",
  ],
  ["MixedCase", "(Id text primary key not null, A)", "insert into MixedCase values ('k', 1)"],
];

const changesSql =
  'select "table", pk, cid, val, typeof(val), col_version, cl from crsql_changes order by "table", pk, cid';

/** Plays another replica's changes of `changes` into `target`, value classes kept. */
const merge = (target: Database, changes: readonly (readonly SqlValue[])[]): Promise<void> =>
  target.transact({ type: "local" }, async (connection: Connection) => {
    for (const change of changes) {
      await connection.all("insert into crsql_changes values (?, ?, ?, ?, ?, ?, ?, ?, ?)", change);
    }
    return { result: undefined, tables: [] };
  });

const peerChange = (key: string, cid: string, value: SqlValue, version: number, cl: number): readonly SqlValue[] => [
  "notes",
  new Uint8Array([1, 0x0b, key.length, ...new TextEncoder().encode(key)]),
  cid,
  value,
  version,
  0,
  new Uint8Array(16).fill(9),
  cl,
  0,
];

export const syncCases: readonly DatabaseCase[] = [
  {
    name: "refuses tables that could diverge, each with its code and remedy",
    run: async (fixture) => {
      const database = await fixture.open();
      for (const [table, sql, code, pattern] of refusedTables) {
        await database.exec({ sql });
        await assertRefused(database.enableSync(table), code, pattern);
      }
      assertEqual([...database.syncedTables.keys()], []);
      assertEqual(await rowsOf(database, "select count(*) from sqlite_master where name like '%crsql_clock'"), [[0]]);
    },
  },
  {
    name: "syncs tables of every other form, with the rows that are there already",
    run: async (fixture) => {
      const database = await fixture.open();
      for (const [table, columns, insert] of goodTables) {
        await database.exec({ sql: `create table ${table} ${columns}` });
        await database.exec({ sql: insert });
        await database.enableSync(table);
        assertEqual(
          await rowsOf(database, `select count(distinct pk) from crsql_changes where "table" = ?`, [table]),
          [[1]],
          table,
        );
      }
      const described = [...database.syncedTables.values()].map(({ name, keyColumns, valueColumns }) => [
        name,
        keyColumns,
        valueColumns,
      ]);
      assertEqual(
        described.find(([name]) => name === "composite"),
        ["composite", ["y", "z"], ["a"]],
      );
      assertEqual(
        described.find(([name]) => name === "derived"),
        ["derived", ["id"], ["a"]],
      );
      assertEqual(described.length, goodTables.length);
    },
  },
  {
    name: "enables a table once, however often and concurrently it is asked to",
    run: async (fixture) => {
      const database = await fixture.open();
      let schemaChanges = 0;
      database.onSchemaChange(() => {
        schemaChanges += 1;
      });
      await database.exec({
        sql: "create table notes (id text primary key not null, a); insert into notes values ('k', 1)",
      });
      await Promise.all([database.enableSync("notes"), database.enableSync("notes"), database.enableSync("NOTES")]);
      await database.enableSync("notes");
      assertEqual(schemaChanges, 1);
      assertEqual(await rowsOf(database, "select val from crsql_changes"), [[1]]);
      assertEqual([...database.syncedTables.keys()], ["notes"]);
    },
  },
  {
    name: "records typed values, empty blobs and NULL in the change log",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const values: readonly SqlValue[] = [1, 1.5, "t", new Uint8Array(0), null, 1_763_724_000_123, 2n ** 60n];
      for (const [index, value] of values.entries()) {
        await database.exec({ sql: "insert into notes (id, title) values (?, ?)", params: [`k${index}`, value] });
      }
      const logged = await rowsOf(database, "select typeof(val) from crsql_changes where cid = 'title' order by pk");
      assertEqual(logged, [["text"], ["text"], ["text"], ["blob"], ["null"], ["text"], ["text"]]);
    },
  },
  {
    name: "keeps INSERT OR REPLACE and REPLACE on a synced table replicating as updates",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 'one', 1)" });
      await database.exec({ sql: "insert or replace into notes values ('a', 'two', 1)" });
      await database.exec({ sql: "replace into notes values ('a', 'three', 1)" });
      assertEqual(await rowsOf(database, "select * from notes"), [["a", "three", 1]]);
      const [title] = (await rowsOf(database, changesSql)).filter(([, , cid]) => cid === "title");
      assertEqual(title?.slice(3), ["three", "text", 3, 1]);
    },
  },
  {
    name: "merges a peer's rows past the key guard, and replicates deletes and re-inserts",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 'mine', 1)" });
      await merge(database, [peerChange("a", "title", "theirs", 2, 1), peerChange("b", "n", 7, 1, 1)]);
      assertEqual(await rowsOf(database, "select * from notes order by id"), [
        ["a", "theirs", 1],
        ["b", null, 7],
      ]);
      await merge(database, [peerChange("a", "-1", null, 2, 2)]);
      assertEqual(await rowsOf(database, "select id from notes"), [["b"]]);
      await database.exec({ sql: "insert into notes values ('a', 'again', 1)" });
      assertEqual(await rowsOf(database, "select distinct cl from crsql_changes where val = 'again'"), [[3]]);
    },
  },
  {
    name: "runs a trigger for local writes only when it says so, and derives local rows from merges",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({
        sql: `create table seen (id);
          create trigger derive after insert on notes begin insert into seen values (new.id); end;
          create trigger stamp after insert on notes when crsql_internal_sync_bit() = 0
            begin update notes set n = 99 where id = new.id; end`,
      });
      await database.exec({ sql: "insert into notes values ('a', 't', 1)" });
      await merge(database, [peerChange("b", "n", 7, 1, 1)]);
      assertEqual(await rowsOf(database, "select id, n from notes order by id"), [
        ["a", 99],
        ["b", 7],
      ]);
      assertEqual(await rowsOf(database, "select id from seen"), [["a"], ["b"]]);
      assertEqual(await rowsOf(database, "select val from crsql_changes where cid = 'n' order by pk"), [[99], [7]]);
    },
  },
  {
    name: "syncs a table that is made after a schema change was undone",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const many = Array.from({ length: 12 }, (_, n) => `create table t${n} (a);`).join("");
      const change = `${many} insert into notes values ('gone', 't', 1)`;
      await assertRefused(database.exec({ sql: `${change}; select nothing` }), "LEDGER_SQL_ERROR");
      const transaction = await database.begin();
      await transaction.savepoint();
      await transaction.exec({ sql: `${change}; create table more (a)` });
      await transaction.rollbackTo();
      await transaction.commit();
      await database.exec({ sql: "create table late (id text primary key not null, a)" });
      await database.enableSync("late");
      await database.exec({ sql: "insert into late values ('x', 1)" });
      assertEqual(await rowsOf(database, `select "table", cid, val from crsql_changes`), [["late", "a", 1]]);
    },
  },
];
