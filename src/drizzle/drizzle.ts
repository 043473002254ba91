/**
 * Drizzle over a Ledger, by Drizzle's proxy driver. Its transactions would be statements among those of everybody else;
 * here they are the Ledger's, each with a Drizzle of its own.
 */

import { TransactionRollbackError, type DrizzleConfig } from "drizzle-orm";
import { drizzle as drizzleProxy, type SqliteRemoteDatabase } from "drizzle-orm/sqlite-proxy";
import type { Ledger, SqlParam, Transaction } from "../index.ts";

type Schema = Record<string, unknown>;

/** What a transaction's function is given. */
export interface LedgerDrizzleTransaction<S extends Schema> extends Omit<
  SqliteRemoteDatabase<S>,
  "transaction" | "batch"
> {
  /** Undoes the transaction: it rejects with a TransactionRollbackError. */
  rollback(): never;
  /** A transaction within. */
  transaction<T>(work: (tx: LedgerDrizzleTransaction<S>) => Promise<T>): Promise<T>;
}

export interface LedgerDrizzle<S extends Schema> extends Omit<SqliteRemoteDatabase<S>, "transaction"> {
  transaction<T>(work: (tx: LedgerDrizzleTransaction<S>) => Promise<T>): Promise<T>;
}

type Method = "run" | "all" | "values" | "get";

const answer = (rows: readonly unknown[], method: Method) => ({
  // For `get` Drizzle wants the row itself, or undefined, which its types do not say.
  rows: (method === "get" ? rows[0] : rows) as unknown[],
});

const executeOn =
  (target: Pick<Transaction, "exec">) =>
  async (sql: string, params: unknown[], method: Method): Promise<{ rows: unknown[] }> => {
    const { rows } = await target.exec(sql, params as SqlParam[], { rowMode: "array" });
    return answer(rows, method);
  };

/** @param db - must be open before the first query; stays the app's to close */
export const drizzle = <S extends Schema = Record<string, never>>(
  db: Ledger,
  config: DrizzleConfig<S> = {},
): LedgerDrizzle<S> => {
  const transactionOver = (tx: Transaction): LedgerDrizzleTransaction<S> =>
    Object.assign(drizzleProxy<S>(executeOn(tx), config) as unknown as LedgerDrizzleTransaction<S>, {
      rollback: (): never => {
        throw new TransactionRollbackError();
      },
      transaction: <T>(work: (inner: LedgerDrizzleTransaction<S>) => Promise<T>) =>
        tx.transaction((inner) => work(transactionOver(inner))),
    });

  /** In a transaction rather than by `db.batch()`, whose rows by name would lose one of two columns of a join. */
  const batch = (queries: { sql: string; params: unknown[]; method: Method }[]): Promise<{ rows: unknown[] }[]> =>
    db.transaction(async (tx) => {
      const answers: { rows: unknown[] }[] = [];
      for (const { sql, params, method } of queries) answers.push(await executeOn(tx)(sql, params, method));
      return answers;
    });

  return Object.assign(drizzleProxy<S>(executeOn(db), batch, config) as unknown as LedgerDrizzle<S>, {
    transaction: <T>(work: (tx: LedgerDrizzleTransaction<S>) => Promise<T>) =>
      db.transaction((tx) => work(transactionOver(tx))),
  });
};
