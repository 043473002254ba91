/**
 * Port: one open SQLite connection with cr-sqlite loaded.
 * Not safe for concurrent use: the Database owns the queue and lends the connection to one piece of work at a time.
 * Statements are cached by their text and reset after use; `close()` of a connection ends them all.
 */

import type { Images } from "./images.ts";
import type { SqlValue, StorageClass } from "./value.ts";

/** The synchronous engine answers at once, the asynchronous one with a promise; await only when it is one. */
export type MaybePromise<T> = T | Promise<T>;

/** A prepared statement for hot loops. Columns are read while `step()` last answered true, indexes from 0. */
export interface Statement {
  /**
   * Binds one parameter with exactly the given storage class, so that REAL 1.0 stays REAL and INTEGER stays INTEGER.
   * @param index - from 1
   * @param value - `number | bigint` for integer, `number` for real, `string` for text, `Uint8Array` for blob
   *   (an empty one is stored as an empty blob, not as NULL), ignored for null. Text with NUL is bound whole.
   */
  bind(index: number, storageClass: StorageClass, value: SqlValue): void;
  /** Advances; true when there is a row. @throws LedgerError LEDGER_SQL_ERROR, LEDGER_CONSTRAINT, LEDGER_QUOTA_EXCEEDED */
  step(): MaybePromise<boolean>;
  column(index: number): SqlValue;
  columnClass(index: number): StorageClass;
  /** Makes the statement ready for the next round of binds. */
  reset(): MaybePromise<void>;
}

export interface Connection {
  /** The cached statement of `sql`, reset and without binds. One at a time per text. */
  prepare(sql: string): MaybePromise<Statement>;
  /**
   * Runs one statement to its end and returns its rows, column by column in order.
   * Params are bound by JavaScript type: integral numbers and bigints as INTEGER, other numbers as REAL.
   */
  all(sql: string, params?: readonly SqlValue[]): Promise<SqlValue[][]>;
  /** Runs one or several statements without params for their effect. */
  run(sql: string): Promise<void>;
  /** Databases in memory, to be attached beside this one. */
  readonly images: Images;
  /** Rows changed by the last finished INSERT, UPDATE or DELETE. */
  changes(): number;
}
