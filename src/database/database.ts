/**
 * Port: the database of one replica. One queue: whatever is asked for runs alone and in order.
 * What an app may run goes through `exec`, which guards; Ledger's own work goes through `transact`, which does not.
 */

import type { SiteId } from "../common/ids.ts";
import type { Unsubscribe } from "../common/emitter.ts";
import type { Connection, MaybePromise } from "./connection.ts";
import type { MigrationRecord } from "./migration-log.ts";
import type { RowChange } from "./row-change.ts";
import type { SqlParams, SqlValue } from "./value.ts";

/** Where a database lives. `file` and `memory` are the rungs in Node; `opfs`, `idb`, `memory` those in a browser. */
export type StorageKind = "opfs" | "idb" | "file" | "memory";

export type RowMode = "object" | "array";

export interface ExecRequest {
  readonly sql: string;
  readonly params?: SqlParams;
  /** Default `object`: rows keyed by column name. */
  readonly rowMode?: RowMode;
}

export interface ExecResult {
  readonly columns: readonly string[];
  readonly rows: readonly (Readonly<Record<string, SqlValue>> | readonly SqlValue[])[];
  /** Rows that INSERT, UPDATE and DELETE of this call changed; 0 for a query. */
  readonly rowsAffected: number;
}

/** Names one writing call of one tab, so that asking again for what may be done already does it once. */
export interface RequestId {
  /** Random; one tab's. */
  readonly caller: string;
  /** Its caller's alone until the call is answered; then free for a later call. */
  readonly slot: number;
  /** Grows with every call of the caller. */
  readonly number: number;
}

/** Stands in QueryResult.readTables for a table that every commit may change. */
export const anyTable = "*";

/** The answer of a statement that only reads. */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: ExecResult["rows"];
  /**
   * Tables and views that the rows depend on, also through views, subqueries and what is only counted, in lower case. Of
   * cr-sqlite's and Ledger's own tables no commit tells; they are `anyTable`.
   */
  readonly readTables: readonly string[];
}

/** Who caused a commit. */
export type CommitOrigin = { readonly type: "local" } | { readonly type: "remote"; readonly peerId: SiteId };

/** Told after a commit is durable, in commit order. */
export interface Commit {
  /** User tables whose rows changed, sorted. Never cr-sqlite's or Ledger's own. */
  readonly tables: readonly string[];
  readonly origin: CommitOrigin;
  /** `crsql_db_version()` after the commit. */
  readonly version: number;
}

/**
 * A transaction that stays open between calls. Calls run in the order in which they are made, after the guard rails.
 * Over when committed or rolled back, by a statement that SQLite answers with a rollback of everything, by a crash and by
 * close(): every later call rejects with LEDGER_TRANSACTION_ENDED, and what was not committed is gone.
 */
export interface OpenTransaction {
  /** A statement that fails leaves the transaction open and what was done before it in place. */
  exec(request: ExecRequest): Promise<ExecResult>;
  /** As Database.enableSync; in a migration only. */
  enableSync(table: string): Promise<void>;
  /** Opens a transaction within, up to its release() or rollbackTo(). */
  savepoint(): Promise<void>;
  /** Ends the innermost savepoint and keeps what was done since. */
  release(): Promise<void>;
  /** Ends the innermost savepoint and undoes what was done since. */
  rollbackTo(): Promise<void>;
  /** Resolves once everything is durable and told by onCommit(). @param id - for wasDone(), when anything was written */
  commit(id?: RequestId): Promise<void>;
  /** Idempotent. */
  rollback(): Promise<void>;
}

/** A synced table as this replica knows it. */
export interface SyncedTable {
  readonly name: string;
  /** Key columns in PRIMARY KEY order: the order in which cr-sqlite packs them. */
  readonly keyColumns: readonly string[];
  /** All other columns that replicate (generated ones do not), in table order. */
  readonly valueColumns: readonly string[];
}

export interface Database {
  /** Changes with {@link replace} only. */
  readonly siteId: SiteId;
  readonly storage: StorageKind;

  /**
   * Runs one statement with params, or several without in one transaction, after the guard rails.
   * @param id - what was carried out under it already is answered, not run again; the same holds for batch()
   */
  exec(request: ExecRequest, id?: RequestId): Promise<ExecResult>;

  /**
   * The same without any wait, when there is nothing to wait for: the engine is synchronous and at rest, and the statement was
   * run before and reads, or writes one table. Else undefined, and nothing was done.
   * A write is told by onCommit() right after the answer.
   */
  execAtOnce(request: ExecRequest): ExecResult | undefined;

  /** Runs one statement that only reads, as exec does. @throws LedgerError LEDGER_STATEMENT_REFUSED for any other */
  query(request: ExecRequest): Promise<QueryResult>;

  /** Runs the requests in order in one transaction: all of them or, when one fails, none. */
  batch(requests: readonly ExecRequest[], id?: RequestId): Promise<readonly ExecResult[]>;

  /** Opens a transaction once everything asked for before is done; until it ends, everything else waits. */
  begin(): Promise<OpenTransaction>;

  /**
   * The same, for a migration: ALTER and DROP of synced tables are let pass, `enableSync` works, and committing records it.
   * Once a call failed it can only be rolled back.
   */
  beginMigration(migration: MigrationRecord): Promise<OpenTransaction>;

  /** Whether what was asked for under `id` has been stored. */
  wasDone(id: RequestId): Promise<boolean>;

  /** Makes `table` replicate; idempotent. Rows that are there already replicate as well. */
  enableSync(table: string): Promise<void>;

  /** The synced tables by name, as of the last finished work. Kept current across DDL by this connection. */
  readonly syncedTables: ReadonlyMap<string, SyncedTable>;

  /**
   * Runs `work` alone on the connection in BEGIN IMMEDIATE … COMMIT, unguarded; rolls back when it throws.
   * `work` returns the user tables it changed besides its result; a commit that changed none is not reported. It calls
   * `wrote` after the writes of each replica, so that those who watch rows learn whose they are.
   * @param image - a database to be attached as schema `image` meanwhile
   */
  transact<T>(
    origin: CommitOrigin,
    work: (
      connection: Connection,
      wrote: (who: SiteId) => MaybePromise<void>,
    ) => Promise<{ readonly result: T; readonly tables: readonly string[] }>,
    image?: Uint8Array,
  ): Promise<T>;

  /**
   * From now on `onRows` tells of these tables, as long as any `owner` watches them. Takes the place of what the owner
   * watched before; costs nothing for tables that nobody watches.
   * @throws LedgerError LEDGER_TABLE_NOT_SYNCED
   */
  watch(owner: string, tables: readonly string[]): Promise<void>;

  /**
   * Runs `work` as transact() does, and opens the engine anew afterwards, which reads the replica's id again. For
   * changing that id, which the engine keeps in memory.
   */
  transactAndReopen(work: (connection: Connection) => Promise<void>): Promise<void>;

  /** Runs `work` alone on the connection, for reading only, outside a transaction of its own. */
  read<T>(work: (connection: Connection) => Promise<T>): Promise<T>;

  /** The whole database as a plain SQLite file of one moment. */
  export(withMetadata: boolean): Promise<Blob>;

  /**
   * Puts another database in place of this one, whole or, when it fails or the process ends meanwhile, not at all. It has
   * an id of its own: what was said of this one holds for it no more. `siteId` is the new one afterwards.
   * @param image - made by openImport()
   */
  replace(image: Blob): Promise<void>;

  /** `crsql_db_version()` after the last finished work. */
  readonly version: number;

  onCommit(listener: (commit: Commit) => void): Unsubscribe;
  /** The rows of watched tables that a commit changed; told before the commit itself. */
  onRows(listener: (changes: readonly RowChange[]) => void): Unsubscribe;
  /** Told after the set of synced tables or their columns changed. */
  onSchemaChange(listener: () => void): Unsubscribe;
  /**
   * Told when what was read before may be outdated in ways that no commit tells: a table, view, trigger or index was made,
   * changed or dropped, or the engine was opened again after a crash.
   */
  onReset(listener: () => void): Unsubscribe;

  /** Lets running work finish, then closes; idempotent, never rejects. Later calls reject with LEDGER_CLOSED. */
  close(): Promise<void>;
}

/** How to open a database. */
export interface DatabaseOptions {
  /** Any text; each name is a separate database. */
  readonly name: string;
  /** Rungs to try, in order; the first that opens is used. */
  readonly ladder: readonly StorageKind[];
  /** Where the wasm files are: URL of `crsqlite-sync.wasm`; the asynchronous `crsqlite.wasm` is looked for beside it. */
  readonly wasmUrl?: string;
  /** Node only: directory of database files for the `file` rung; created when missing. */
  readonly directory?: string;
}
