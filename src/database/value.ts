/**
 * Values as SQLite stores them. A storage class is carried beside the value wherever it matters, because JavaScript's
 * number cannot tell REAL 1.0 from INTEGER 1 and a merge that confuses them diverges for good.
 */

/** SQLite's fundamental type codes. @see https://www.sqlite.org/c3ref/c_blob.html */
export const StorageClass = { integer: 1, real: 2, text: 3, blob: 4, null: 5 } as const;
export type StorageClass = (typeof StorageClass)[keyof typeof StorageClass];

/** A value read from SQLite: integers are `number` up to 2^53 - 1 either way and exact `bigint` beyond. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** What an app may pass as a parameter. `boolean` is stored as 0 or 1, `ArrayBuffer` as its bytes. */
export type SqlParam = null | number | bigint | string | boolean | Uint8Array | ArrayBuffer;

/** Array for `?` and `?1`, object for `:name`, `@name` and `$name` (keys without the sigil). */
export type SqlParams = readonly SqlParam[] | Readonly<Record<string, SqlParam>>;
