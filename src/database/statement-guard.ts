/**
 * The guard rails of exec(): decides at compile time, by what SQLite's authorizer reports, whether an app may run a statement,
 * and records what it would write. One guard per statement; run time needs no guard, because cr-sqlite's own writes happen then.
 */

import { LedgerError, type LedgerErrorCode } from "../common/errors.ts";
import { anyTable, type SyncedTable } from "./database.ts";
import type { Guard } from "./sqlite-connection.ts";
import { AuthAction } from "./sqlite-codes.ts";
import { leadingWords, stripSql } from "./sql-text.ts";
import { isInternalName } from "./synced-tables.ts";

/** What compiling a statement told. */
export interface StatementFacts {
  readonly isReadOnly: boolean;
  /** User tables and views that INSERT, UPDATE or DELETE may touch, through triggers as well. */
  readonly writtenTables: ReadonlySet<string>;
  /** See QueryResult.readTables. */
  readonly readTables: ReadonlySet<string>;
  /** User tables that ALTER or DROP changes. */
  readonly alteredTables: ReadonlySet<string>;
  readonly createsTrigger: boolean;
  /** Whether what was compiled before may mean something else afterwards. */
  readonly changesSchema: boolean;
  /**
   * One INSERT, UPDATE or DELETE of one table that runs no trigger of the app: SQLite's count of its rows tells whether it
   * changed anything.
   */
  readonly isPlainWrite: boolean;
  /** What a migration's statement does to the schema of a synced table. */
  readonly syncedChange?: { readonly table: string; readonly kind: "alter" | "drop" } | undefined;
}

export interface StatementGuard {
  readonly authorize: Guard;
  /** Why the statement may not be run, once `authorize` has said no. */
  readonly refusal: LedgerError | undefined;
  /** @param sql - the statement's own text. @throws LedgerError for what only the text tells */
  conclude(sql: string): StatementFacts;
}

/** Pragmas that only answer. Those with a value in parentheses name a table or index. */
const readingPragmas = new Set(
  `application_id auto_vacuum cache_size collation_list compile_options data_version database_list encoding foreign_keys
   freelist_count function_list journal_mode locking_mode max_page_count module_list page_count page_size pragma_list
   schema_version synchronous temp_store user_version`.split(/\s+/),
);
const namingPragmas = new Set(
  `foreign_key_check foreign_key_list index_info index_list index_xinfo integrity_check quick_check table_info table_list
   table_xinfo`.split(/\s+/),
);

const appFunctions = new Set(["crsql_db_version", "crsql_site_id", "crsql_internal_sync_bit", "crsql_rows_impacted"]);
/** Statements that write the schema tables as part of their work, or only tell how they would. */
const schemaVerbs = new Set(["create", "drop", "alter", "analyze", "reindex", "vacuum", "explain"]);
const schemaTables = /^sqlite_(schema|master|temp_schema|temp_master|stat\d|sequence)$/;
/** What they hold changes with the schema only. */
const definitionTables = /^sqlite_(schema|master|temp_schema|temp_master)$/;
/** Triggers of the engine, and those of Ledger that remember watched rows; nobody else can make one of such a name. */
const internalTrigger = /__(crsql_[a-z]+trig|ledger_seen_[a-z]+)$/;

const transactionRemedy = "use transaction(), or batch() when no statement depends on another's answer";

const migrationRemedy = "do it in db.migrate(), in the same way on every replica";

/** @param isMigration - ALTER and DROP of synced tables pass as `syncedChange`. Default: they are refused */
export const createStatementGuard = (
  syncedTables: ReadonlyMap<string, SyncedTable>,
  isMigration = false,
): StatementGuard => {
  const writtenTables = new Set<string>();
  const readTables = new Set<string>();
  const alteredTables = new Set<string>();
  const indexedTables = new Set<string>();
  const syncedNames = new Set([...syncedTables.keys()].map((name) => name.toLowerCase()));
  let schemaWrite: string | undefined;
  let changesSchema = false;
  let createsTrigger = false;
  let syncedChange: StatementFacts["syncedChange"];
  let runsTrigger = false;
  let refusal: LedgerError | undefined;

  const isSynced = (table: string | null): boolean => table !== null && syncedNames.has(table.toLowerCase());
  const refuse = (code: LedgerErrorCode, message: string): false => {
    refusal ??= new LedgerError(code, message);
    return false;
  };
  const refuseInternal = (name: string): false =>
    refuse("LEDGER_INTERNAL_TABLE", `${name} belongs to the engine or to Ledger; it can be read, not changed`);

  const write = (table: string): boolean => {
    if (schemaTables.test(table)) schemaWrite ??= table;
    else if (isInternalName(table)) return refuseInternal(table);
    else writtenTables.add(table);
    return true;
  };
  const read = (table: string): true => {
    // As the statement spells it where it reads no column, as in count(*), and else as the table was declared.
    const name = table.toLowerCase();
    readTables.add(isInternalName(name) && !definitionTables.test(name) ? anyTable : name);
    return true;
  };
  const create = (name: string, onTable?: string | null): boolean => {
    changesSchema = true;
    // SQLite makes these two by itself, and lets nobody else use such names.
    const isSqlites = name.startsWith("sqlite_autoindex_") || schemaTables.test(name);
    if (isInternalName(name) && !isSqlites) return refuseInternal(name);
    const isAltering = onTable?.startsWith("sqlite_altertab_") === true;
    if (onTable != null && isInternalName(onTable) && !isAltering) return refuseInternal(onTable);
    return true;
  };
  const dropTable = (table: string): boolean => {
    changesSchema = true;
    if (isInternalName(table)) return refuseInternal(table);
    if (isSynced(table)) {
      if (!isMigration)
        return refuse("LEDGER_SCHEMA_CHANGE_REFUSED", `${table} is synced; to drop it, ${migrationRemedy}`);
      syncedChange = { table, kind: "drop" };
    }
    alteredTables.add(table);
    return true;
  };
  const alterTable = (table: string): boolean => {
    changesSchema = true;
    if (isInternalName(table)) return refuseInternal(table);
    if (isSynced(table)) {
      if (!isMigration)
        return refuse("LEDGER_SCHEMA_CHANGE_REFUSED", `${table} is synced; to alter it, ${migrationRemedy}`);
      syncedChange = { table, kind: "alter" };
    }
    alteredTables.add(table);
    return true;
  };
  const usePragma = (name: string, value: string | null): boolean => {
    const pragma = name.toLowerCase();
    if (namingPragmas.has(pragma) || (readingPragmas.has(pragma) && value === null)) return true;
    return refuse(
      "LEDGER_STATEMENT_REFUSED",
      `PRAGMA ${pragma}${value === null ? "" : " with a value"} is not for apps: it would change the connection that all tabs share or how the file is written; reading pragmas such as table_info are allowed`,
    );
  };
  const useFunction = (name: string): boolean => {
    const lower = name.toLowerCase();
    if (!lower.startsWith("crsql_") || appFunctions.has(lower)) return true;
    return refuse("LEDGER_STATEMENT_REFUSED", `${lower}() is Ledger's to call; use enableSync() to sync a table`);
  };

  const authorize: Guard = (action, first, second, trigger) => {
    if (trigger !== null && internalTrigger.test(trigger)) return true;
    runsTrigger ||= trigger !== null && !isInternalName(trigger);
    switch (action) {
      case AuthAction.read:
        return read(first ?? "");
      case AuthAction.insert:
      case AuthAction.update:
      case AuthAction.delete:
        return write(first ?? "");
      case AuthAction.function:
        return useFunction(second ?? "");
      case AuthAction.pragma:
        return usePragma(first ?? "", second);
      case AuthAction.transaction:
      case AuthAction.savepoint:
        return refuse("LEDGER_STATEMENT_REFUSED", `all tabs share one connection; ${transactionRemedy}`);
      case AuthAction.attach:
      case AuthAction.detach:
        return refuse(
          "LEDGER_STATEMENT_REFUSED",
          "other database files cannot be attached; open a second Ledger for a second database",
        );
      case AuthAction.createIndex:
      case AuthAction.createTempIndex:
        if (second !== null) indexedTables.add(second);
        return create(first ?? "", second);
      case AuthAction.createTrigger:
      case AuthAction.createTempTrigger:
        createsTrigger = true;
        return create(first ?? "", second);
      case AuthAction.createTable:
      case AuthAction.createTempTable:
      case AuthAction.createView:
      case AuthAction.createTempView:
      case AuthAction.dropIndex:
      case AuthAction.dropTempIndex:
      case AuthAction.dropTrigger:
      case AuthAction.dropTempTrigger:
        // A table's triggers go with it.
        return syncedChange?.kind === "drop" || create(first ?? "");
      case AuthAction.dropView:
      case AuthAction.dropTempView:
        return create(first ?? "");
      case AuthAction.createVirtualTable:
        if (/^(crsql|clset)/i.test(second ?? "")) return useFunction("crsql_module");
        return create(first ?? "");
      case AuthAction.dropTable:
      case AuthAction.dropTempTable:
      case AuthAction.dropVirtualTable:
        return dropTable(first ?? "");
      case AuthAction.alterTable:
        return alterTable(second ?? "");
      case AuthAction.analyze:
      case AuthAction.reindex:
        changesSchema = true;
        return true;
      default:
        return true;
    }
  };

  const concludeText = (stripped: string): string => {
    const [verb = "", object = ""] = leadingWords(stripped, 2);
    if (verb === "vacuum" && /\binto\b/i.test(stripped)) {
      refuse(
        "LEDGER_STATEMENT_REFUSED",
        "VACUUM INTO would write beside the database; read the rows with query() instead",
      );
    }
    if (verb === "create" && object === "unique") {
      for (const table of indexedTables) {
        if (!isSynced(table)) continue;
        refuse(
          "LEDGER_SCHEMA_CHANGE_REFUSED",
          `${table} is synced: two replicas can write what a UNIQUE index forbids; use a plain index`,
        );
      }
    }
    if (syncedChange?.kind === "alter" && /^[\s;]*alter\s+table\b.*\brename\b/is.test(stripped)) {
      refuse(
        "LEDGER_SCHEMA_CHANGE_REFUSED",
        `${syncedChange.table} is synced, and replicas that know the old name would lose touch: add a column or table of the new name, copy, and leave the old one`,
      );
    }
    if (/\bcrsql_internal_sync_bit\s*\(\s*[^)\s]/i.test(stripped)) useFunction("crsql_set_internal_sync_bit");
    if (schemaWrite !== undefined && !schemaVerbs.has(verb)) refuseInternal(schemaWrite);
    return verb;
  };

  return {
    authorize,
    get refusal() {
      return refusal;
    },
    conclude: (sql) => {
      const verb = concludeText(stripSql(sql));
      if (refusal !== undefined) throw refusal;
      const isQuery = ["select", "values", "with", "explain", "pragma"].includes(verb);
      const isReadOnly = verb === "explain" || (isQuery && writtenTables.size === 0 && !changesSchema);
      const isPlainWrite =
        !runsTrigger && writtenTables.size === 1 && ["insert", "replace", "update", "delete"].includes(verb);
      const tables = { writtenTables, readTables, alteredTables };
      return { ...tables, isReadOnly, createsTrigger, changesSchema, isPlainWrite, syncedChange };
    },
  };
};
