/**
 * What travels: one cell's (or one row's) newest write, grouped by the transaction it was written in.
 * A value's storage class travels beside it: INTEGER 1 and REAL 1.0 are different values to a merge.
 */

import type { SiteId } from "../common/ids.ts";

/** SQLite's type codes: 1 INTEGER, 2 REAL, 3 TEXT, 4 BLOB, 5 NULL. */
export type ValueClass = 1 | 2 | 3 | 4 | 5;

/** `number | bigint` for INTEGER (bigint only beyond 2^53 - 1), `number` for REAL, `string`, bytes, `null`. */
export type Value = null | number | bigint | string | Uint8Array;

/** The cid of a change that speaks of the whole row: it was deleted, or made anew after that. */
export const rowSentinel = "-1";

export interface Change {
  readonly table: string;
  /** The row's key as cr-sqlite packs it. */
  readonly pk: Uint8Array;
  /** Column name, or {@link rowSentinel}. */
  readonly cid: string;
  readonly valueClass: ValueClass;
  readonly value: Value;
  /** How often this cell was written; more writes win. */
  readonly colVersion: number;
  /** Causal length of the row: odd alive, even deleted; longer wins. */
  readonly cl: number;
  /** Position within its transaction. */
  readonly seq: number;
}

/** The surviving changes of one transaction of one replica. */
export interface ChangeGroup {
  readonly site: SiteId;
  /** The transaction's version at `site`. */
  readonly originVersion: number;
  readonly changes: readonly Change[];
}
