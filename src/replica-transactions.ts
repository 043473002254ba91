/**
 * The transactions that are open for apps, by id, each until it is ended or was idle for too long. While one is open nothing
 * else of the replica is served, so:
 * 1. A transaction that nothing is asked of for its idle limit is rolled back.
 * 2. One that was ended while it still waited for its turn is rolled back as soon as it has it.
 */

import type { Clock } from "./common/clock.ts";
import { LedgerError } from "./common/errors.ts";
import type { Logger } from "./common/logger.ts";
import type { Database, OpenTransaction, RequestId } from "./database/database.ts";
import type { MigrationRecord } from "./database/migration-log.ts";
import type { TransactionId } from "./replica-call.ts";

export interface ReplicaTransactions {
  /** Resolves once it is open. @param idleMs - see rule 1 @param migration - that it is to run */
  begin(id: TransactionId, idleMs: number, migration?: MigrationRecord): Promise<void>;
  /** @throws LedgerError LEDGER_TRANSACTION_ENDED when there is none of this id */
  use<T>(id: TransactionId, work: (transaction: OpenTransaction) => Promise<T>): Promise<T>;
  /** @param request - resolves when it was committed under this before, by whatever replica of the database */
  commit(id: TransactionId, request?: RequestId): Promise<void>;
  /** Does nothing when there is none of this id. */
  rollback(id: TransactionId): Promise<void>;
  /** Rolls back all. Idempotent, never rejects. */
  close(): Promise<void>;
}

interface Entry {
  readonly idleMs: number;
  /** Undefined while it waits for its turn. */
  transaction: OpenTransaction | undefined;
  /** Calls that are not answered. */
  running: number;
  stopTimer: () => void;
}

export const createReplicaTransactions = ({
  database,
  clock,
  logger,
}: {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}): ReplicaTransactions => {
  const entries = new Map<TransactionId, Entry>();

  const rollback = async (id: TransactionId): Promise<void> => {
    const entry = entries.get(id);
    entries.delete(id);
    entry?.stopTimer();
    await entry?.transaction?.rollback();
  };

  /** Keeps 1. */
  const rest = (id: TransactionId, entry: Entry): void => {
    entry.stopTimer();
    if (entry.running > 0 || entries.get(id) !== entry) return;
    entry.stopTimer = clock.setTimer(entry.idleMs, () => {
      logger.warn("a transaction was idle for too long and is rolled back", { idleMs: entry.idleMs });
      rollback(id).catch((error: unknown) => logger.error("rollback failed", { error: String(error) }));
    });
  };

  const use: ReplicaTransactions["use"] = async (id, work) => {
    const entry = entries.get(id);
    if (entry?.transaction === undefined) throw notOpen();
    entry.stopTimer();
    entry.running += 1;
    try {
      return await work(entry.transaction);
    } finally {
      entry.running -= 1;
      rest(id, entry);
    }
  };

  return {
    begin: async (id, idleMs, migration) => {
      const entry: Entry = { idleMs, transaction: undefined, running: 0, stopTimer: () => {} };
      entries.set(id, entry);
      try {
        entry.transaction = await (migration === undefined ? database.begin() : database.beginMigration(migration));
      } catch (error) {
        entries.delete(id);
        throw error;
      }
      if (entries.get(id) !== entry) {
        // Keeps 2.
        await entry.transaction.rollback();
        throw notOpen();
      }
      rest(id, entry);
    },
    use,
    commit: async (id, request) => {
      try {
        await use(id, (transaction) => transaction.commit(request));
      } catch (error) {
        const isOver = error instanceof LedgerError && error.code === "LEDGER_TRANSACTION_ENDED";
        if (!isOver || request === undefined || !(await database.wasDone(request))) throw error;
      } finally {
        await rollback(id);
      }
    },
    rollback,
    close: async () => {
      for (const id of [...entries.keys()]) {
        await rollback(id).catch((error: unknown) => logger.error("rollback failed", { error: String(error) }));
      }
    },
  };
};

const notOpen = (): LedgerError =>
  new LedgerError(
    "LEDGER_TRANSACTION_ENDED",
    "the transaction is over and nothing of it was kept: nothing was asked of it for too long, or the tab that owned the database went away",
  );
