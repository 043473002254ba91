/**
 * Transactions as the app sees them: runs its function over the calls of the host, commits or rolls back, nests by
 * savepoint, and tells calls that would wait for themselves.
 */

import type { ExecOptions, ExecResult, Row } from "./api.ts";
import { LedgerError } from "./common/errors.ts";
import { bytesToHex } from "./common/ids.ts";
import type { Random } from "./common/random.ts";
import type { ExecRequest } from "./database/database.ts";
import type { MigrationRecord } from "./database/migration-log.ts";
import type { SqlParams, SqlValue } from "./database/value.ts";
import { createSqlTag, readCall, type LedgerSqlTag, type SqlStatement } from "./sql.ts";
import type { AnswerTo, ReplicaCall, TransactionId } from "./replica-call.ts";

/** What an app's function may use while its transaction is open. Every method throws as its namesake of Ledger does. */
export interface Transaction {
  /** @throws LedgerError LEDGER_TRANSACTION_ENDED, LEDGER_TRANSACTION_MISUSED besides what Ledger.exec throws */
  exec(
    sql: string,
    params: SqlParams | undefined,
    options: ExecOptions & { readonly rowMode: "array" },
  ): Promise<ExecResult<readonly SqlValue[]>>;
  exec(
    statement: SqlStatement<unknown>,
    options: ExecOptions & { readonly rowMode: "array" },
  ): Promise<ExecResult<readonly SqlValue[]>>;
  exec<R = Row>(statement: SqlStatement<R>, options?: ExecOptions): Promise<ExecResult<R>>;
  exec<R = Row>(sql: string, params?: SqlParams, options?: ExecOptions): Promise<ExecResult<R>>;
  query<R = Row>(statement: SqlStatement<R>): Promise<readonly R[]>;
  query<R = Row>(sql: string, params?: SqlParams): Promise<readonly R[]>;
  get<R = Row>(statement: SqlStatement<R>): Promise<R | undefined>;
  get<R = Row>(sql: string, params?: SqlParams): Promise<R | undefined>;
  /** Like the Ledger's own; what it makes runs in this transaction when it is awaited. */
  readonly sql: LedgerSqlTag;
  /** A transaction within: when `work` throws, only what it did is undone. One at a time. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface TransactionOptions {
  /** Aborting rolls back; transaction() then rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** A transaction that may also change the schema of synced tables. */
export interface SchemaTransaction extends Transaction {
  enableSync(table: string): Promise<void>;
}

export interface Transactions {
  run<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions): Promise<T>;
  /** Runs a migration, and records it. Its `tx` cannot nest. */
  migrate<T>(record: MigrationRecord, work: (tx: SchemaTransaction) => Promise<T>): Promise<T>;
  /**
   * Whether the caller is a transaction's function, called right now or resumed by an answer of its `tx`. What it would ask
   * of the database outside of its `tx` would wait for the transaction, which waits for it.
   */
  readonly isInside: boolean;
}

export const createTransactions = (options: {
  readonly call: <C extends ReplicaCall>(call: C) => Promise<AnswerTo<C>>;
  readonly random: Random;
  /** After so long without a call the transaction is rolled back, milliseconds. */
  readonly idleMs: number;
}): Transactions => {
  const { call, random, idleMs } = options;
  let isInside = false;

  /** Runs what belongs to the app's function, up to where it waits. */
  const inside = <T>(run: () => T): T => {
    isInside = true;
    try {
      return run();
    } finally {
      isInside = false;
    }
  };

  /** Like `promise`; what waits for it is known to be the app's function. */
  const answering = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (run: () => void): void => {
        isInside = true;
        run();
        // Whoever awaits the promise was queued before this.
        queueMicrotask(() => {
          isInside = false;
        });
      };
      promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error as Error)),
      );
    });

  /** One level of nesting. @returns what the app's function gets, and an end after which it refuses */
  const createLevel = (id: TransactionId, signal: AbortSignal | undefined) => {
    let state: "open" | "nesting" | "over" = "open";

    const assertUsable = (): void => {
      signal?.throwIfAborted();
      if (state === "over") {
        throw new LedgerError(
          "LEDGER_TRANSACTION_ENDED",
          "tx was used after its transaction was over; await every call",
        );
      }
      if (state === "nesting") {
        const message = "a transaction within this one is open: use its tx, or await it first";
        throw new LedgerError("LEDGER_TRANSACTION_MISUSED", message);
      }
    };
    const exec = async (
      sql: string | SqlStatement<unknown>,
      params?: SqlParams | ExecOptions,
      execOptions?: ExecOptions,
    ): Promise<ExecResult<unknown>> => {
      assertUsable();
      return call({ type: "exec", request: toRequest(sql, params, execOptions), within: id });
    };
    const nest = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
      assertUsable();
      state = "nesting";
      const level = createLevel(id, signal);
      try {
        await call({ type: "savepoint", transaction: id });
        try {
          const result = await inside(() => work(level.tx));
          level.end();
          await call({ type: "release", transaction: id });
          return result;
        } catch (error) {
          level.end();
          await call({ type: "rollback-to", transaction: id });
          throw error;
        }
      } finally {
        if (state === "nesting") state = "open";
      }
    };

    const enableSync = async (table: string): Promise<void> => {
      assertUsable();
      await call({ type: "enable-sync", table, within: id });
    };

    const tx: SchemaTransaction = {
      exec: (sql: string | SqlStatement<unknown>, params?: SqlParams | ExecOptions, execOptions?: ExecOptions) =>
        answering(exec(sql, params, execOptions)) as Promise<never>,
      query: (sql: string | SqlStatement<unknown>, params?: SqlParams) =>
        answering(exec(sql, params).then(({ rows }) => rows as never)),
      get: (sql: string | SqlStatement<unknown>, params?: SqlParams) =>
        answering(exec(sql, params).then(({ rows }) => rows[0] as never)),
      sql: createSqlTag((statement) => tx.query(statement)),
      transaction: (work) => answering(nest(work)),
      enableSync: (table) => answering(enableSync(table)),
    };
    return {
      tx,
      end: (): void => {
        state = "over";
      },
    };
  };

  const open = async <T>(
    work: (tx: SchemaTransaction) => Promise<T>,
    { signal }: TransactionOptions,
    migration?: MigrationRecord,
  ): Promise<T> => {
    signal?.throwIfAborted();
    const id = bytesToHex(random.bytes(16)) as TransactionId;
    const level = createLevel(id, signal);
    const rollback = (): Promise<undefined> => call({ type: "rollback", transaction: id });

    const aborted = abortion(signal);
    try {
      const begin = { type: "begin", transaction: id, idleMs } as const;
      await aborted.race(call(migration === undefined ? begin : { ...begin, migration }));
      const result = await aborted.race(inside(() => work(level.tx)));
      level.end();
      await call({ type: "commit", transaction: id });
      return result;
    } catch (error) {
      level.end();
      // The database ends it anyway when this does not get through; `error` is what the app must see.
      await rollback().catch(() => {});
      throw error;
    } finally {
      aborted.stop();
    }
  };

  return {
    run: (work, runOptions) => open(work, runOptions),
    migrate: (record, work) => open(work, {}, record),
    get isInside() {
      return isInside;
    },
  };
};

/** Lets waiting end when `signal` is aborted. */
const abortion = (signal: AbortSignal | undefined) => {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", abort);
    stop = () => signal?.removeEventListener("abort", abort);
  });
  aborted.catch(() => {}); // Whoever races it hears of it.
  return { race: <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, aborted]), stop: () => stop() };
};

/** An ExecRequest without what was not given. */
export const toRequest = (
  sqlOrStatement: string | SqlStatement<unknown>,
  paramsOrOptions?: SqlParams | ExecOptions,
  execOptions?: ExecOptions,
): ExecRequest => {
  const { sql, params, options } = readCall(sqlOrStatement, paramsOrOptions, execOptions);
  return {
    sql,
    ...(params === undefined ? {} : { params }),
    ...(options?.rowMode === undefined ? {} : { rowMode: options.rowMode }),
  };
};
