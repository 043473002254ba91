/** A transaction that is open on the connection between calls. Knows nothing of queues of other work, of ids and of idle limits. */

import { LedgerError, toLedgerError } from "../common/errors.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import type { OpenTransaction } from "./database.ts";
import type { Executor } from "./executor.ts";
import { recordMigration, type MigrationRecord } from "./migration-log.ts";
import { recordRequest } from "./request-log.ts";
import type { Rollback } from "./rollback.ts";
import type { SchemaChanges } from "./schema-changes.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export interface OpenTransactionOptions {
  /** In a transaction that was just begun. */
  readonly connection: SqliteConnection;
  readonly executor: Executor;
  readonly rollback: Rollback;
  /** Of a migration: what it may do to synced tables, and what it is recorded as. Once anything fails it cannot be committed. */
  readonly migration?: { readonly changes: SchemaChanges; readonly record: MigrationRecord } | undefined;
  /** After a commit: tells of the tables that changed. */
  readonly committed: (tables: ReadonlySet<string>) => Promise<void>;
  /** The transaction is over. The connection may still be in it when it was not committed. */
  readonly ended: () => void;
}

export const createOpenTransaction = (options: OpenTransactionOptions): OpenTransaction => {
  const { connection, executor, rollback, migration, committed, ended } = options;
  const queue = createWorkQueue();
  const changedTables = new Set<string>();
  let mayHaveWritten = false;
  let depth = 0;
  let failure: unknown;
  let isOver = false;
  /** Why it is over, when nobody asked for it. */
  let cause: LedgerError | undefined;

  const end = (reason?: LedgerError): void => {
    if (isOver) return;
    isOver = true;
    cause = reason;
    ended();
  };

  /** Runs `work` after the calls made before it; notices a transaction that SQLite ended by itself. */
  const inside = <T>(work: () => Promise<T>): Promise<T> =>
    queue.run(async () => {
      if (isOver) throw transactionEnded(cause);
      try {
        return await work();
      } catch (error) {
        failure ??= error;
        if (connection.crash !== undefined || !connection.isInTransaction) end(toLedgerError(error));
        else await connection.resetPending();
        throw error;
      }
    });

  const savepointName = (): string => `ledger_savepoint_${depth}`;
  const endSavepoint = (undo: boolean): Promise<void> =>
    inside(async () => {
      if (depth === 0) throw new LedgerError("LEDGER_INTERNAL", "a savepoint was ended that was not begun");
      if (undo) {
        await rollback.to(savepointName());
        await executor.forgetStatements();
      }
      await connection.run(`release ${savepointName()}`);
      depth -= 1;
    });

  return {
    exec: (request) =>
      inside(async () => {
        const outcome =
          migration === undefined
            ? await executor.exec(request, "inside")
            : await executor.migrate(request, migration.changes);
        for (const table of outcome.changedTables) changedTables.add(table);
        mayHaveWritten ||= outcome.mayHaveWritten;
        if (outcome.failure !== undefined) throw outcome.failure;
        return outcome.result;
      }),
    enableSync: (table) =>
      inside(async () => {
        if (migration === undefined) throw new LedgerError("LEDGER_INTERNAL", "enableSync in a transaction of the app");
        for (const filled of await migration.changes.enableSync(table)) changedTables.add(filled);
        mayHaveWritten = true;
      }),
    savepoint: () =>
      inside(async () => {
        depth += 1;
        await connection.run(`savepoint ${savepointName()}`);
      }),
    release: () => endSavepoint(false),
    rollbackTo: () => endSavepoint(true),
    commit: (id) =>
      inside(async () => {
        try {
          await connection.resetPending();
          if (migration !== undefined) {
            if (failure !== undefined) throw failure;
            await migration.changes.settle();
            await recordMigration(connection, migration.record);
            mayHaveWritten = true;
          }
          if (id !== undefined && mayHaveWritten) await recordRequest(connection, id, undefined);
          await connection.all("commit");
          await committed(changedTables);
        } finally {
          end();
        }
      }),
    rollback: () =>
      queue.run(async () => {
        if (isOver) return;
        try {
          if (connection.crash !== undefined) return;
          await connection.resetPending();
          await rollback.all();
          // Some may have been compiled for a schema that is undone now.
          await executor.forgetStatements();
        } finally {
          end();
        }
      }),
  };
};

const transactionEnded = (cause: LedgerError | undefined): LedgerError =>
  new LedgerError(
    "LEDGER_TRANSACTION_ENDED",
    "the transaction is over; begin another one",
    cause === undefined ? undefined : { cause },
  );
