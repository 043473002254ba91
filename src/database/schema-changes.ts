/**
 * Changes the schema of synced tables inside a migration's transaction, as cr-sqlite wants it:
 * 1. It must know before an ALTER and hear after it, or later writes fail; before a DROP the table is made a plain one, or
 *    reading changes fails for all tables.
 * 2. It reads the columns of synced tables once per transaction, at the first write to any of them and at the end of the
 *    first ALTER. So all ALTERs are ended together, before the next write; a table that changes after that cannot be
 *    written to in the same transaction, where values would go to wrong columns.
 * 3. The newest version that was stored may go with what is dropped; it is written down before, so that it is not used again.
 * When anything here fails the transaction must be rolled back.
 */

import { LedgerError } from "../common/errors.ts";
import { createBookkeepingTables, noteOwnVersion } from "./bookkeeping.ts";
import { newestVersion } from "./change-reader.ts";
import type { SyncedTable } from "./database.ts";
import { enableSyncOf } from "./enable-sync.ts";
import type { RowWatch } from "./row-watch.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import type { StatementFacts } from "./statement-guard.ts";
import { readSyncedTables } from "./synced-tables.ts";
import { assertTableCanSync } from "./table-rules.ts";

export interface SchemaChanges {
  /** Runs a statement that the guard let pass, with what it needs before and after it. */
  run<T>(facts: StatementFacts, sql: string, statement: () => Promise<T>): Promise<T>;
  /** @returns the table when its rows began to replicate */
  enableSync(table: string): Promise<readonly string[]>;
  /** To be called before the transaction is committed. @throws LedgerError when a table breaks the rules now */
  settle(): Promise<void>;
}

export interface SchemaChangesOptions {
  readonly connection: SqliteConnection;
  /** The synced tables as they were before the transaction. */
  readonly tables: ReadonlyMap<string, SyncedTable>;
  readonly onTables: (tables: ReadonlyMap<string, SyncedTable>) => void;
  readonly rowWatch: Pick<RowWatch, "uninstall">;
}

/** Column to the text of its default. */
type Defaults = ReadonlyMap<string, string | null>;

const droppedSchema = `create table if not exists ledger_dropped (tbl text, col text, dflt text, primary key (tbl, col))
  without rowid`;

export const createSchemaChanges = (options: SchemaChangesOptions): SchemaChanges => {
  const { connection, onTables, rowWatch } = options;
  let { tables } = options;
  /** Tables between the begin and the end of an ALTER, with the columns that they had. */
  const altering = new Map<string, Defaults>();
  /** Tables that changed after cr-sqlite had read the columns. */
  const stale = new Set<string>();
  let isRead = false;
  let isNoted = false;

  const refresh = async (): Promise<void> => {
    tables = await readSyncedTables(connection);
    onTables(tables);
  };
  const synced = (name: string): string | undefined =>
    [...tables.keys()].find((table) => table.toLowerCase() === name.toLowerCase());

  const readDefaults = async (table: string): Promise<Defaults> => {
    const rows = await connection.all("select name, dflt_value from pragma_table_xinfo(?)", [table]);
    return new Map(rows as [string, string | null][]);
  };
  const rememberDropped = async (table: string, columns: Iterable<[string, string | null]>): Promise<void> => {
    await connection.all(droppedSchema);
    for (const [column, value] of columns) {
      await connection.all("insert or replace into ledger_dropped values (?, ?, ?)", [table, column, value]);
    }
  };
  /** Rows from before a column was there have its default without anybody having written it. */
  const refuseOtherDefaults = async (table: string, before: Defaults, now: Defaults): Promise<void> => {
    await connection.all(droppedSchema);
    const dropped = await connection.all("select col, dflt from ledger_dropped where tbl = ?", [table]);
    const known = new Map([...(dropped as [string, string | null][]), ...before]);
    for (const [column, value] of now) {
      const earlier = known.get(column);
      if (earlier === undefined || earlier === value) continue;
      throw new LedgerError(
        "LEDGER_SCHEMA_CHANGE_REFUSED",
        `column ${column} of ${table} had DEFAULT ${earlier ?? "NULL"}; another default would make replicas differ for good: give the column another name`,
      );
    }
  };

  /** Keeps 3. */
  const note = async (): Promise<void> => {
    if (isNoted) return;
    isNoted = true;
    await createBookkeepingTables(connection);
    await noteOwnVersion(connection, await newestVersion(connection, [...tables.values()]));
    await connection.all(
      `insert or replace into crsql_master (key, value) select 'pre_compact_dbversion',
       max(crsql_db_version(), coalesce((select value from crsql_master where key = 'pre_compact_dbversion'), 0))`,
    );
  };

  const settle = async (): Promise<void> => {
    for (const [table, before] of altering) {
      await assertTableCanSync(connection, table);
      const now = await readDefaults(table);
      await refuseOtherDefaults(table, before, now);
      await rememberDropped(
        table,
        [...before].filter(([column]) => !now.has(column)),
      );
      await connection.all("select crsql_commit_alter(?)", [table]);
      isRead = true;
    }
    if (altering.size > 0) await refresh();
    altering.clear();
  };

  const alter = async (table: string): Promise<void> => {
    if (altering.has(table)) return;
    if (isRead) stale.add(table);
    await note();
    altering.set(table, await readDefaults(table));
    await connection.all("select crsql_begin_alter(?)", [table]);
  };
  const drop = async (table: string): Promise<void> => {
    await settle();
    await note();
    await rememberDropped(table, await readDefaults(table));
    await connection.all("select crsql_as_table(?)", [table]);
  };

  /** Keeps 2. */
  const beforeWriting = async (written: readonly string[]): Promise<void> => {
    await settle();
    isRead = true;
    const changed = written.find((table) => stale.has(table));
    if (changed === undefined) return;
    throw new LedgerError(
      "LEDGER_SCHEMA_CHANGE_REFUSED",
      `${changed} was changed after the migration had written to a synced table, and cannot be written to before the next one: put ALTERs first, or the writes into a migration of their own`,
    );
  };

  return {
    run: async (facts, sql, statement) => {
      const { syncedChange } = facts;
      if (syncedChange === undefined) {
        const written = [...facts.writtenTables].flatMap((table) => synced(table) ?? []);
        if (written.length > 0 || /crsql_changes/i.test(sql)) await beforeWriting(written);
        return statement();
      }
      const table = synced(syncedChange.table) as string;
      await rowWatch.uninstall(connection, table, "schema-changed");
      await (syncedChange.kind === "alter" ? alter(table) : drop(table));
      const result = await statement();
      if (syncedChange.kind === "drop") await refresh();
      return result;
    },
    enableSync: async (given) => {
      const filled = await enableSyncOf(connection, given);
      await refresh();
      const table = synced(given) as string;
      if (isRead) stale.add(table);
      await refuseOtherDefaults(table, new Map(), await readDefaults(table));
      return filled;
    },
    settle,
  };
};
