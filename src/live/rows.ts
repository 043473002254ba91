/** Compares what a query answered before with what it answers now. */

import { LedgerError } from "../common/errors.ts";
import { valuesToText } from "./values-to-text.ts";

/** What is different from the result before. Rows that only moved are in none of the lists. */
export interface RowChanges<R> {
  readonly added: readonly R[];
  /** As they are now. */
  readonly updated: readonly R[];
  /** As they were last. */
  readonly removed: readonly R[];
}

/** The rows of one query by their keys, from answer to answer. */
export interface KeyedRows<R> {
  /**
   * @returns `rows` with those that are as before by identity, in an array of its own only when something changed
   * @throws LedgerError LEDGER_OPTION_INVALID when the key is no column of the rows or not unique among them
   */
  take(rows: readonly R[]): { readonly rows: readonly R[]; readonly changes: RowChanges<R> };
}

export const createKeyedRows = <R>(columns: readonly string[]): KeyedRows<R> => {
  let known: readonly R[] = [];
  let knownByKey: ReadonlyMap<string, R> = new Map();

  const keyOf = (row: R): string => {
    const values = columns.map((column) => {
      if (Object.hasOwn(row as object, column)) return (row as Readonly<Record<string, unknown>>)[column];
      throw new LedgerError(
        "LEDGER_OPTION_INVALID",
        `the key of a live query names ${column}, which it does not select`,
      );
    });
    return valuesToText(values);
  };

  return {
    take: (rows) => {
      const byKey = new Map<string, R>();
      const added: R[] = [];
      const updated: R[] = [];
      const next = rows.map((row) => {
        const key = keyOf(row);
        if (byKey.has(key)) {
          const message = `two rows have the same key (${columns.join(", ")}); name columns that tell all rows apart`;
          throw new LedgerError("LEDGER_OPTION_INVALID", message);
        }
        const before = knownByKey.get(key);
        const isSame = before !== undefined && areRowsEqual(before, row);
        const kept = isSame ? before : row;
        if (before === undefined) added.push(row);
        else if (!isSame) updated.push(row);
        byKey.set(key, kept);
        return kept;
      });
      const removed = [...knownByKey].filter(([key]) => !byKey.has(key)).map(([, row]) => row);
      const isUnmoved = next.length === known.length && next.every((row, index) => row === known[index]);
      known = isUnmoved ? known : next;
      knownByKey = byKey;
      return { rows: known, changes: { added, updated, removed } };
    },
  };
};

/** Whether two results have the same rows in the same order. */
export const areResultsEqual = (left: readonly unknown[], right: readonly unknown[]): boolean =>
  left.length === right.length && left.every((row, index) => areRowsEqual(row, right[index]));

const areRowsEqual = (left: unknown, right: unknown): boolean => {
  if (left === right) return true;
  const [before, now] = [left, right] as readonly [
    Readonly<Record<string, unknown>>,
    Readonly<Record<string, unknown>>,
  ];
  const columns = Object.keys(now);
  return (
    columns.length === Object.keys(before).length &&
    columns.every((column) => Object.hasOwn(before, column) && areValuesEqual(before[column], now[column]))
  );
};

const areValuesEqual = (left: unknown, right: unknown): boolean => {
  if (!(left instanceof Uint8Array && right instanceof Uint8Array)) return Object.is(left, right);
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
};
