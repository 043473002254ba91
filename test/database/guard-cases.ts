/** What an app may not do to the database that its tabs and the replication share. */

import type { LedgerErrorCode } from "../../src/common/errors.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

const refusals: readonly (readonly [LedgerErrorCode, RegExp, readonly string[]])[] = [
  [
    "LEDGER_STATEMENT_REFUSED",
    /transaction\(\)/,
    ["begin", "BEGIN IMMEDIATE", "commit", "end", "rollback", "savepoint s", "release s", "/* x */ begin"],
  ],
  ["LEDGER_STATEMENT_REFUSED", /second Ledger/, ["attach ':memory:' as other", "detach main"]],
  ["LEDGER_STATEMENT_REFUSED", /query\(\)/, ["vacuum into 'copy.db'", "vacuum main /* */ into 'copy.db'"]],
  [
    "LEDGER_STATEMENT_REFUSED",
    /PRAGMA/,
    [
      "pragma journal_mode = wal",
      "pragma journal_mode(wal)",
      "pragma locking_mode = normal",
      "pragma synchronous = off",
      "pragma temp_store = file",
      "pragma writable_schema = on",
      "pragma foreign_keys = on",
      "pragma recursive_triggers = on",
      "pragma user_version = 3",
      "pragma incremental_vacuum",
    ],
  ],
  [
    "LEDGER_STATEMENT_REFUSED",
    /enableSync|Ledger's to call/,
    [
      "select crsql_as_crr('notes')",
      "select crsql_as_table('notes')",
      "select crsql_begin_alter('notes')",
      "select crsql_next_db_version()",
      "select crsql_finalize()",
      "select crsql_internal_sync_bit(1)",
      "create view v as select crsql_next_db_version(); select * from v",
      "create virtual table c using clset (id primary key, a)",
    ],
  ],
  [
    "LEDGER_INTERNAL_TABLE",
    /can be read|may not be modified/,
    [
      "insert into crsql_changes values ('notes', x'010901', 'n', 1, 1, 1, null, 1, 0)",
      "delete from crsql_changes",
      "delete from notes__crsql_clock",
      "update notes__crsql_pks set id = 'x'",
      "insert into crsql_master values ('a', 1)",
      "drop table notes__crsql_clock",
      "drop table crsql_site_id",
      "drop trigger notes__crsql_itrig",
      "drop trigger notes__ledger_key",
      "create table ledger_own (a)",
      "create trigger x after insert on notes__crsql_clock begin select 1; end",
      "create index x on notes__crsql_clock (key)",
      "delete from sqlite_master",
      "insert into sqlite_schema values (1, 2, 3, 4, 5)",
      "create table mine (a integer primary key autoincrement); delete from sqlite_sequence",
      "create table mine (a); create trigger x after insert on mine begin delete from notes__crsql_clock; end; insert into mine values (1)",
    ],
  ],
  [
    "LEDGER_SCHEMA_CHANGE_REFUSED",
    /synced/,
    [
      "drop table notes",
      "DROP TABLE IF EXISTS Notes",
      "alter table notes add column more",
      "alter table notes rename to other",
      "alter table notes drop column n",
      "create unique index u on notes (title)",
      "create /* */ unique index if not exists u on Notes (title)",
    ],
  ],
  [
    "LEDGER_SCHEMA_CHANGE_REFUSED",
    /WHEN crsql_internal_sync_bit\(\) = 0/,
    [
      "create trigger x after insert on notes begin update notes set n = 1 where id = new.id; end",
      "create trigger x after update on notes begin insert into tags values (new.id); end",
      "create trigger x before delete on notes begin delete from tags; end",
      "create temp trigger x after delete on notes begin delete from tags; end",
      "create table mid (a); create trigger y after insert on mid begin insert into tags values (new.a); end; create trigger x after insert on notes begin insert into mid values (new.id); end",
    ],
  ],
];

const allowed: readonly string[] = [
  "pragma table_info(notes)",
  "pragma table_list",
  "pragma integrity_check",
  "pragma journal_mode",
  "pragma user_version",
  "select * from pragma_table_xinfo('notes')",
  "select * from crsql_changes",
  "select * from notes__crsql_clock",
  "select crsql_db_version(), crsql_site_id()",
  "select * from sqlite_master",
  "create index plain on notes (title)",
  "drop index plain",
  "analyze",
  "reindex",
  "vacuum",
  "create trigger x after insert on notes when crsql_internal_sync_bit() = 0 begin update notes set n = 1 where id = new.id; end",
  "drop trigger x",
  "create table mine (a integer primary key autoincrement, b unique)",
  "insert into mine (b) values (1)",
  "alter table mine add column c",
  "alter table mine rename to yours",
  "alter table yours rename column c to d",
  "create view v as select * from notes",
  "drop view v",
  "create trigger local after insert on notes begin insert into yours (b) values (new.id); end",
  "drop table yours",
];

export const guardCases: readonly DatabaseCase[] = [
  {
    name: "refuses what would disturb tabs, engine or replication, and says what to do instead",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "create table tags (id text primary key not null)" });
      await database.enableSync("tags");
      const schema = await rowsOf(database, "select name, sql from sqlite_master order by 1, 2");
      for (const [code, pattern, statements] of refusals) {
        for (const sql of statements) {
          await assertRefused(database.exec({ sql }), code, pattern).catch((error: unknown) => {
            throw new Error(`${sql}: ${String(error)}`);
          });
        }
      }
      assertEqual(await rowsOf(database, "select name, sql from sqlite_master order by 1, 2"), schema);
      await database.exec({ sql: "insert into notes values ('a', 't', 1)" });
    },
  },
  {
    name: "allows reading pragmas, reading internals and schema work on unsynced tables",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      for (const sql of allowed) {
        await database.exec({ sql }).catch((error: unknown) => {
          throw new Error(`${sql}: ${String(error)}`);
        });
      }
    },
  },
  {
    name: "guards a statement that it compiled when its table was not synced yet",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (id text primary key not null, a)" });
      const sql = "drop table if exists t";
      await database.exec({ sql: "explain drop table t" });
      await database.enableSync("t");
      await assertRefused(database.exec({ sql }), "LEDGER_SCHEMA_CHANGE_REFUSED");
      await assertRefused(database.exec({ sql: "explain drop table t" }), "LEDGER_SCHEMA_CHANGE_REFUSED");
    },
  },
  {
    name: "refuses to update a key, but lets an UPDATE assign it its own value",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 't', 1), ('b', 't', 2)" });
      const refusing = (sql: string) =>
        assertRefused(database.exec({ sql }), "LEDGER_KEY_UPDATE_REFUSED", /delete the row/);
      await refusing("update notes set id = 'c' where id = 'a'");
      await refusing("update or replace notes set id = 'b' where id = 'a'");
      await refusing("update or ignore notes set id = 'c' where id = 'a'");
      await refusing("insert into notes values ('a', 't', 1) on conflict (id) do update set id = 'c'");
      await database.exec({ sql: "update notes set id = id, title = 'new' where id = 'a'" });
      assertEqual(await rowsOf(database, "select * from notes order by id"), [
        ["a", "new", 1],
        ["b", "t", 2],
      ]);
    },
  },
];
