/** A transaction that is open on the connection between calls. Knows nothing of queues of other work, of ids and of idle limits. */

import { LedgerError, toLedgerError } from "../common/errors.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import type { OpenTransaction } from "./database.ts";
import type { Executor } from "./executor.ts";
import { recordRequest } from "./request-log.ts";
import type { Rollback } from "./rollback.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export interface OpenTransactionOptions {
  /** In a transaction that was just begun. */
  readonly connection: SqliteConnection;
  readonly executor: Executor;
  readonly rollback: Rollback;
  /** After a commit: tells of the tables that changed. */
  readonly committed: (tables: ReadonlySet<string>) => Promise<void>;
  /** The transaction is over. The connection may still be in it when it was not committed. */
  readonly ended: () => void;
}

export const createOpenTransaction = (options: OpenTransactionOptions): OpenTransaction => {
  const { connection, executor, rollback, committed, ended } = options;
  const queue = createWorkQueue();
  const changedTables = new Set<string>();
  let mayHaveWritten = false;
  let depth = 0;
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
        if (connection.crash !== undefined || !connection.isInTransaction) end(toLedgerError(error));
        else await connection.resetPending();
        throw error;
      }
    });

  const savepointName = (): string => `ledger_savepoint_${depth}`;
  const endSavepoint = (undo: boolean): Promise<void> =>
    inside(async () => {
      if (depth === 0) throw new LedgerError("LEDGER_INTERNAL", "a savepoint was ended that was not begun");
      if (undo) await rollback.to(savepointName());
      await connection.run(`release ${savepointName()}`);
      depth -= 1;
    });

  return {
    exec: (request) =>
      inside(async () => {
        const outcome = await executor.exec(request, "inside");
        for (const table of outcome.changedTables) changedTables.add(table);
        mayHaveWritten ||= outcome.mayHaveWritten;
        return outcome.result;
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
