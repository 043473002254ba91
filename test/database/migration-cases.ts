/** Migrations: changing the schema of synced tables without breaking their replication. */

import type { LedgerErrorCode } from "../../src/common/errors.ts";
import type { Database, OpenTransaction } from "../../src/database/database.ts";
import type { RowChange } from "../../src/database/row-change.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

let nextVersion = 1;

/** Runs `work` as a migration, which is undone when it throws. */
const migrate = async (database: Database, work: (tx: OpenTransaction) => Promise<unknown>): Promise<void> => {
  const tx = await database.beginMigration({ version: nextVersion++, name: "test", text: null });
  try {
    await work(tx);
    await tx.commit();
  } finally {
    await tx.rollback();
  }
};
const run = (database: Database, sql: string): Promise<void> => migrate(database, (tx) => tx.exec({ sql }));

/** Statements that add `count` columns to notes. */
const addColumns = (count: number): string =>
  Array.from({ length: count }, (_, index) => `alter table notes add column c${index}`).join("; ");

const changes = (database: Database) =>
  rowsOf(database, `select "table", cid, val, col_version from crsql_changes order by db_version, seq`);

export const migrationCases: readonly DatabaseCase[] = [
  {
    name: "alters synced tables in a migration, and replicates what is written to them in it and after it",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 'A', 1)" });
      const before = database.version;
      await run(
        database,
        `alter table notes add column color text not null default 'red';
         alter table "notes" drop column n; alter table main.notes add rank integer;
         create table tags (id text primary key not null); create index by_color on notes (color);
         update notes set rank = 5, color = 'blue'`,
      );
      await database.exec({ sql: "insert into notes (id, rank) values ('b', 6)" });
      assertEqual(await rowsOf(database, "select * from notes order by id"), [
        ["a", "A", "blue", 5],
        ["b", null, "red", 6],
      ]);
      assertEqual(await changes(database), [
        ["notes", "title", "A", 1],
        ["notes", "color", "blue", 1],
        ["notes", "rank", 5, 1],
        ["notes", "title", null, 1],
        ["notes", "color", "red", 1],
        ["notes", "rank", 6, 1],
      ]);
      assertEqual([...database.syncedTables.values()][0]?.valueColumns, ["title", "color", "rank"]);
      assertEqual(database.version > before, true);
      await assertRefused(
        database.exec({ sql: "update notes set id = 'z' where id = 'a'" }),
        "LEDGER_KEY_UPDATE_REFUSED",
      );
    },
  },
  {
    name: "syncs tables in a migration, with the rows that it puts there before and after",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await migrate(database, async (tx) => {
        await tx.exec({ sql: "create table tags (id text primary key not null, x); insert into tags values ('a', 1)" });
        await tx.enableSync("tags");
        await tx.exec({ sql: "insert into tags values ('b', ?)", params: [2] });
        await tx.exec({ sql: "insert into notes values ('n', 'N', 3)" });
      });
      assertEqual(await changes(database), [
        ["tags", "x", 1, 1],
        ["tags", "x", 2, 1],
        ["notes", "title", "N", 1],
        ["notes", "n", 3, 1],
      ]);
    },
  },
  {
    name: "drops a synced table in a migration, and gives no version twice",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "create table tags (id text primary key not null, x integer default 1)" });
      await database.enableSync("tags");
      await database.exec({ sql: "insert into notes values ('a', 'A', 1)" });
      await database.exec({ sql: "insert into tags values ('t', 1)" });
      await database.exec({ sql: "update tags set x = 2" });
      const before = database.version;
      await run(database, "drop table tags; insert into notes values ('b', 'B', 2)");
      assertEqual(await rowsOf(database, "select name from sqlite_master where name like '%tags%'"), []);
      assertEqual(await changes(database), [
        ["notes", "title", "A", 1],
        ["notes", "n", 1, 1],
        ["notes", "title", "B", 1],
        ["notes", "n", 2, 1],
      ]);
      assertEqual(await rowsOf(database, "select max(db_version) from crsql_changes where val = 'B'"), [[before + 1]]);
      const again = (value: number) =>
        migrate(database, async (tx) => {
          await tx.exec({ sql: `create table tags (id text primary key not null, x integer default ${value})` });
          await tx.enableSync("tags");
        });
      await assertRefused(again(9), "LEDGER_SCHEMA_CHANGE_REFUSED", /had DEFAULT 1/);
      await again(1);
    },
  },
  {
    name: "refuses what cannot converge in a migration, and undoes the whole of it",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 'A', 1)" });
      const cases: readonly [sql: string, code: LedgerErrorCode, remedy: RegExp][] = [
        ["alter table notes rename to papers", "LEDGER_SCHEMA_CHANGE_REFUSED", /copy, and leave the old one/],
        ["alter table notes rename column n to m", "LEDGER_SCHEMA_CHANGE_REFUSED", /copy, and leave the old one/],
        ["alter table notes rename n to m", "LEDGER_SCHEMA_CHANGE_REFUSED", /copy/],
        ["create unique index once on notes (title)", "LEDGER_SCHEMA_CHANGE_REFUSED", /plain index/],
        ["alter table notes add column m text unique", "LEDGER_SQL_ERROR", /UNIQUE/],
        ["alter table notes add column m text not null", "LEDGER_SQL_ERROR", /NOT NULL/],
        ["alter table notes add column m default (random())", "LEDGER_SQL_ERROR", /non-constant/],
        ["alter table notes add column owner text references notes (id)", "LEDGER_TABLE_FOREIGN_KEY", /REFERENCES/],
        [addColumns(61), "LEDGER_TABLE_TOO_WIDE", /64 columns/],
        [`alter table notes add column "two words"`, "LEDGER_TABLE_NAME_INVALID", /plain name/],
        [
          "alter table notes drop column n; alter table notes add column n default 7",
          "LEDGER_SCHEMA_CHANGE_REFUSED",
          /another name/,
        ],
        [
          "update notes set n = 2; alter table notes add column m; update notes set m = 3",
          "LEDGER_SCHEMA_CHANGE_REFUSED",
          /ALTERs first/,
        ],
        ["drop table notes__crsql_clock", "LEDGER_INTERNAL_TABLE", /read, not changed/],
        ["drop trigger notes__ledger_key", "LEDGER_INTERNAL_TABLE", /read, not changed/],
        ["commit", "LEDGER_STATEMENT_REFUSED", /./],
      ];
      for (const [sql, code, remedy] of cases) {
        await assertRefused(run(database, `create table undone (a); ${sql}`), code, remedy);
        assertEqual(await rowsOf(database, "select 1 from sqlite_master where name = 'undone'"), [], sql);
      }
      await database.exec({ sql: "update notes set n = 5" });
      assertEqual(await changes(database), [
        ["notes", "title", "A", 1],
        ["notes", "n", 5, 2],
      ]);
    },
  },
  {
    name: "commits nothing of a migration in which something failed, and goes on as before",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const failing = migrate(database, async (tx) => {
        await tx.exec({ sql: "alter table notes add column m; update notes set m = 1" });
        await tx.exec({ sql: "select nothing" }).catch(() => {});
      });
      await assertRefused(failing, "LEDGER_SQL_ERROR", /nothing/);
      await database.exec({ sql: "insert into notes values ('a', 'A', 1)" });
      await run(database, "alter table notes drop column title");
      await database.exec({ sql: "update notes set n = 2" });
      assertEqual(await changes(database), [["notes", "n", 2, 2]]);
    },
  },
  {
    name: "goes on watching a table that a migration changed or would have changed, and tells that rows were missed",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "insert into notes values ('a', 'A', 1)" });
      await database.watch("test", ["notes"]);
      const told: RowChange[] = [];
      database.onRows((rows) => told.push(...rows));
      await run(database, "alter table notes add column m; select nothing").catch(() => {});
      await database.exec({ sql: "update notes set n = 2" });
      await run(database, "alter table notes drop column n; alter table notes add column m; update notes set m = 1");
      await database.exec({ sql: "update notes set m = 2" });
      assertEqual(
        told.map((change) => (change.type === "update" ? change.new : change.type === "missed" && change.reason)),
        [{ n: 2 }, "schema-changed", { m: 2 }],
      );
    },
  },
];
