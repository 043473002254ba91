/**
 * The Database over one engine host. Owns the queue, the transactions and what is known about the schema, and opens the
 * engine again after a crash.
 */

import { LedgerError, toLedgerError } from "../common/errors.ts";
import { createEmitter } from "../common/emitter.ts";
import { bytesToSiteId, type SiteId } from "../common/ids.ts";
import { createSilentLogger, type Logger } from "../common/logger.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import type { Connection, MaybePromise } from "./connection.ts";
import type {
  Commit,
  CommitOrigin,
  Database,
  ExecRequest,
  ExecResult,
  OpenTransaction,
  RequestId,
  SyncedTable,
} from "./database.ts";
import type { EngineHost } from "./engine-host.ts";
import { exportImage } from "./export-image.ts";
import { createBatchRunner, type BatchRunner, type Outcome } from "./exec-batch.ts";
import { createExecutor, type Executor } from "./executor.ts";
import { enableSyncOf } from "./enable-sync.ts";
import { createOpenTransaction } from "./open-transaction.ts";
import { recallRequest, recordRequest } from "./request-log.ts";
import { isVacuum } from "./sql-text.ts";
import { createMigrationTable, type MigrationRecord } from "./migration-log.ts";
import { createSchemaChanges } from "./schema-changes.ts";
import type { RowChange } from "./row-change.ts";
import { createRollback, type Rollback } from "./rollback.ts";
import { createRowWatch } from "./row-watch.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { areTablesEqual, isInternalName, readSyncedTables } from "./synced-tables.ts";

const versionSql = "select crsql_db_version()";

interface Session {
  readonly connection: SqliteConnection;
  readonly executor: Executor;
  readonly batches: BatchRunner;
  readonly rollback: Rollback;
}

/** @throws LedgerError when the host cannot open its files; the host is released then */
export const createSqliteDatabase = async (
  host: EngineHost,
  logger: Logger = createSilentLogger(),
): Promise<Database> => {
  const queue = createWorkQueue();
  const events = createEmitter<{
    commit: [Commit];
    rows: [readonly RowChange[]];
    schemaChange: [];
    reset: [];
  }>((error) => {
    logger.error("a listener of the database threw", { message: toLedgerError(error).message });
  });
  const rowWatch = createRowWatch();
  let session: Session;
  let siteId: SiteId;
  let version = 0;
  let schemaVersion = -1;
  let syncedTables: ReadonlyMap<string, SyncedTable> = new Map();
  /** As a migration that is under way has made them. */
  let migratingTables: ReadonlyMap<string, SyncedTable> | undefined;
  let views: ReadonlySet<string> = new Set();
  let openTransaction: OpenTransaction | undefined;
  /** The connection is whole, but keeps what has changed. */
  let isStale = false;
  /** Between two connections; stays so when the second could not be opened. */
  let isShut = false;
  let closing: Promise<void> | undefined;

  const openSession = async (): Promise<void> => {
    const connection = await host.openConnection();
    rowWatch.lost();
    const rollback = createRollback(connection);
    const executor = createExecutor(connection, () => migratingTables ?? syncedTables, rowWatch, rollback);
    session = { connection, rollback, executor, batches: createBatchRunner(connection, executor, () => syncedTables) };
    const [row] = await connection.all("select crsql_site_id(), crsql_db_version()");
    siteId = bytesToSiteId(row?.[0] as Uint8Array);
    version = Number(row?.[1]);
    isShut = false;
  };
  const refreshVersion = async (): Promise<void> => {
    const [row] = await session.connection.all(versionSql);
    version = Number(row?.[0]);
  };
  const refreshSchema = async (): Promise<void> => {
    const [row] = await session.connection.all("pragma schema_version");
    if (row?.[0] === schemaVersion) return;
    schemaVersion = row?.[0] as number;
    const viewRows = await session.connection.all("select name from sqlite_master where type = 'view'");
    views = new Set(viewRows.map(([name]) => name as string));
    await session.executor.forgetStatements();
    const tables = await readSyncedTables(session.connection);
    const isSame = areTablesEqual(tables, syncedTables);
    if (!isSame) syncedTables = tables;
    await rowWatch.install(session.connection, syncedTables);
    if (!isSame) events.emit("schemaChange");
    events.emit("reset");
  };

  /** Neither crashed nor closed. */
  const isUsable = (given: Session): boolean => given === session && !isShut && given.connection.crash === undefined;

  /** Leaves the connection as every piece of work finds it: nothing pending, no transaction open. */
  const tidy = async ({ connection, rollback }: Session): Promise<void> => {
    await connection.resetPending();
    if (connection.isInTransaction) await rollback.all();
    await rollback.mend();
  };
  const alone = <T>(work: (current: Session) => Promise<T>): Promise<T> => {
    if (closing !== undefined) return Promise.reject(closedError());
    return queue.run(async () => {
      if (session.connection.crash !== undefined || isStale || isShut) {
        logger.warn("opening the engine again");
        if (isStale) {
          isStale = false;
          await session.executor.forgetStatements();
          await session.connection.close();
        }
        await openSession();
        schemaVersion = -1;
        await refreshSchema();
        tellRows();
      }
      const current = session;
      try {
        return await work(current);
      } finally {
        rowWatch.discard();
        if (isUsable(current)) await tidy(current);
        if (isUsable(current)) await rowWatch.install(current.connection, syncedTables);
      }
    });
  };
  const tellRows = (): void => {
    const changes = rowWatch.take(version);
    if (changes.length > 0) events.emit("rows", changes);
  };
  const tellCommit = (tables: Iterable<string>, origin: CommitOrigin, at = version): void => {
    // A view that an INSTEAD OF trigger writes through has no rows of its own.
    const sorted = [...new Set(tables)].filter((table) => !views.has(table)).sort();
    if (sorted.length > 0) events.emit("commit", { tables: sorted, origin, version: at });
  };
  /** The commit stands, whatever becomes of the housekeeping. */
  const warnOf = (message: string) => (error: unknown) =>
    logger.warn(message, { message: toLedgerError(error).message });
  const report = async (tables: Iterable<string>, origin: CommitOrigin): Promise<void> => {
    await host.upkeep?.()?.().catch(warnOf("the storage could not be tidied"));
    await refreshVersion();
    const who = origin.type === "local" ? siteId : origin.peerId;
    if (rowWatch.isActive) {
      const collected = rowWatch.collect(session.connection, { who, origin: origin.type });
      await collected.catch(warnOf("watched rows could not be read"));
    }
    await refreshSchema();
    tellRows();
    tellCommit(tables, origin);
  };

  /** Of a write that cannot have changed the schema, while nobody watches rows. */
  const reportAtOnce = (tables: Iterable<string>): void => {
    const [row] = session.connection.allAtOnce(versionSql);
    const committed = Number(row?.[0]);
    version = committed;
    queueMicrotask(() => tellCommit(tables, { type: "local" }, committed));
    const upkeep = host.upkeep?.();
    if (upkeep !== undefined) void alone(upkeep).catch(warnOf("the storage could not be tidied"));
  };

  const transact = <T>(
    origin: CommitOrigin,
    work: (
      connection: Connection,
      wrote: (who: SiteId) => MaybePromise<void>,
    ) => Promise<{ readonly result: T; readonly tables: readonly string[] }>,
    image?: Uint8Array,
  ): Promise<T> =>
    alone(async (current) => {
      const { connection } = current;
      // Neither attaching nor detaching is possible in a transaction.
      if (image !== undefined) await connection.images.attach("image", image);
      try {
        await connection.all("begin immediate");
        const { result, tables } = await work(connection, (who) =>
          rowWatch.isActive ? rowWatch.collect(connection, { who, origin: origin.type }) : undefined,
        );
        await connection.resetPending();
        await connection.all("commit");
        await report(tables, origin);
        return result;
      } finally {
        if (image !== undefined) {
          await tidy(current);
          if (connection.crash === undefined) await connection.images.detach("image");
        }
      }
    });

  const transactAndReopen = async (work: (connection: Connection) => Promise<void>): Promise<void> => {
    await transact({ type: "local" }, async (connection) => {
      await work(connection);
      isStale = true;
      return { result: undefined, tables: [] };
    });
    await alone(async () => {});
  };

  /** Carries `work` out and notes its answer, in one transaction, unless that was done already. */
  const once = async <T>({ connection }: Session, id: RequestId, work: () => Promise<Outcome<T>>): Promise<T> => {
    // First of all: what is compiled after the schema was changed by it may not compile again.
    const before = await recallRequest(connection, id);
    if (before !== undefined) return before.answer as T;
    await connection.all("begin immediate");
    const { result, changedTables, mayHaveWritten, failure } = await work();
    if (mayHaveWritten && failure === undefined) await recordRequest(connection, id, result);
    await connection.all("commit");
    if (mayHaveWritten) await report(changedTables, { type: "local" });
    if (failure !== undefined) throw failure;
    return result;
  };

  /** The way through the queue would cost more than a read, and a tenth of a small write. */
  const execAtOnce = (request: ExecRequest): ExecResult | undefined => {
    if (closing !== undefined || !queue.isIdle || isStale || !isUsable(session)) return undefined;
    const { connection, executor } = session;
    const read = executor.readAtOnce(request);
    if (read !== undefined || rowWatch.isActive || !connection.isReady(versionSql)) return read;
    try {
      const written = executor.writeAtOnce(request);
      if (written !== undefined) reportAtOnce(written.changedTables);
      if (written?.failure !== undefined) throw written.failure;
      return written?.result;
    } catch (error) {
      void alone(async () => {}).catch(warnOf("the connection could not be tidied"));
      throw error;
    }
  };

  const exec = (request: ExecRequest, id?: RequestId): Promise<ExecResult> => {
    try {
      const result = id === undefined ? execAtOnce(request) : undefined;
      if (result !== undefined) return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
    return alone(async (current) => {
      const { executor } = current;
      // VACUUM runs in no transaction, and twice as well as once.
      if (id !== undefined && !isVacuum(request.sql)) return once(current, id, () => executor.exec(request, "inside"));
      const { result, changedTables, mayHaveWritten, failure } = await executor.exec(request);
      if (mayHaveWritten) await report(changedTables, { type: "local" });
      if (failure !== undefined) throw failure;
      return result;
    });
  };

  const query = (request: ExecRequest) => alone(({ executor }) => executor.query(request));

  const batch = (requests: readonly ExecRequest[], id?: RequestId): Promise<readonly ExecResult[]> =>
    alone(async (current) => {
      const work = () => current.batches.exec(requests);
      if (id !== undefined) return once(current, id, work);
      await current.connection.all("begin immediate");
      const { result, changedTables } = await work();
      await current.connection.all("commit");
      await report(changedTables, { type: "local" });
      return result;
    });

  const startMigration = async (connection: SqliteConnection, record: MigrationRecord) => {
    await createMigrationTable(connection);
    const onTables = (tables: typeof syncedTables): void => {
      migratingTables = tables;
    };
    return {
      record,
      changes: createSchemaChanges({ connection, tables: syncedTables, onTables, rowWatch }),
    };
  };

  const begin = (record?: MigrationRecord): Promise<OpenTransaction> =>
    new Promise((resolve, reject) => {
      alone(async ({ connection, executor, rollback }) => {
        if (closing !== undefined) throw closedError();
        await connection.all("begin immediate");
        const migration = record === undefined ? undefined : await startMigration(connection, record);
        await new Promise<void>((ended) => {
          openTransaction = createOpenTransaction({
            connection,
            executor,
            rollback,
            migration,
            committed: (tables) => report(tables, { type: "local" }),
            ended,
          });
          resolve(openTransaction);
        });
        openTransaction = undefined;
        migratingTables = undefined;
      }).catch(reject);
    });

  const enableSync = (table: string): Promise<void> =>
    alone(async ({ connection }) => {
      await connection.all("begin immediate");
      const backfilled = await enableSyncOf(connection, table);
      await connection.all("commit");
      await report(backfilled, { type: "local" });
    });

  const replace = (image: Blob): Promise<void> =>
    alone(async (current) => {
      isShut = true;
      await current.executor.forgetStatements();
      await current.connection.close();
      try {
        await host.replace(image);
      } finally {
        await openSession();
        schemaVersion = -1;
        await refreshSchema();
        tellRows();
      }
      const tables = await session.connection.all("SELECT name FROM sqlite_master WHERE type = 'table'");
      const names = (tables as [string][]).map(([name]) => name).filter((name) => !isInternalName(name));
      events.emit("commit", { tables: names.sort(), origin: { type: "local" }, version });
    });

  const watch = (owner: string, tables: readonly string[]): Promise<void> =>
    alone(async ({ connection }) => {
      const unknown = tables.find((table) => !syncedTables.has(table));
      if (unknown !== undefined) {
        throw new LedgerError("LEDGER_TABLE_NOT_SYNCED", `${unknown} is not synced; call enableSync() before watch()`);
      }
      rowWatch.setTables(owner, tables);
      await rowWatch.install(connection, syncedTables);
    });

  const closeSession = async (): Promise<void> => {
    await openTransaction?.rollback().catch((error: unknown) => {
      logger.warn("an open transaction was not rolled back", { message: toLedgerError(error).message });
    });
    await queue.idle();
    try {
      // Its statements would keep the connection open.
      if (isUsable(session)) await session.executor.forgetStatements();
      await session.connection.close();
    } catch (error) {
      logger.warn("the engine did not close cleanly", { message: toLedgerError(error).message });
    }
    await host.release().catch((error: unknown) => {
      logger.warn("the storage was not released cleanly", { message: toLedgerError(error).message });
    });
    events.clear();
  };

  try {
    await openSession();
    await refreshSchema();
  } catch (error) {
    await host.release();
    throw error;
  }
  return {
    get siteId() {
      return siteId;
    },
    storage: host.storage,
    exec,
    execAtOnce,
    query,
    batch,
    begin: () => begin(),
    beginMigration: begin,
    wasDone: (id) => alone(async ({ connection }) => (await recallRequest(connection, id)) !== undefined),
    enableSync,
    get syncedTables() {
      return syncedTables;
    },
    transact,
    transactAndReopen,
    export: (withMetadata) => alone(({ connection }) => exportImage(connection, withMetadata)),
    replace,
    watch,
    read: (work) => alone(({ connection }) => work(connection)),
    get version() {
      return version;
    },
    onCommit: (listener) => events.on("commit", listener),
    onRows: (listener) => events.on("rows", listener),
    onSchemaChange: (listener) => events.on("schemaChange", listener),
    onReset: (listener) => events.on("reset", listener),
    close: () => (closing ??= closeSession()),
  };
};

const closedError = (): LedgerError => new LedgerError("LEDGER_CLOSED", "the database was closed; open a new one");
