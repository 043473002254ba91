/**
 * Rules that every change from a peer must obey before it may touch the engine, which would trap, write to a wrong row
 * or brick the row otherwise. Measured on cr-sqlite 0.16.0: an empty key or a length nibble above 8 traps the WASM, a key
 * of zero columns writes to another row, counters near 2^63 make a row unwritable for ever.
 */

import { utf8 } from "../common/utf8.ts";
import { MalformedError } from "./byte-reader.ts";
import { rowSentinel, type Change } from "./change.ts";
import { maxCounter } from "./limits.ts";

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether `name` can be the name of a synced table or column. */
export const isPlainName = (name: string): boolean => namePattern.test(name);

const keyTypes = { integer: 1, real: 2, text: 3, blob: 4, null: 5 } as const;

/**
 * Number of columns of a packed key, or undefined when it is not one.
 * Layout: column count, then per column a byte of type (low 3 bits) and length of the integer or length (high 5 bits),
 * followed by that many big-endian bytes and, for text and blob, the contents.
 * @see https://github.com/vlcn-io/cr-sqlite/blob/v0.16.0/core/rs/core/src/pack_columns.rs
 */
export const keyColumnCount = (pk: Uint8Array): number | undefined => {
  const count = pk[0];
  if (count === undefined || count === 0) return undefined;
  let offset = 1;
  for (let column = 0; column < count; column += 1) {
    const header = pk[offset];
    if (header === undefined) return undefined;
    offset += 1;
    const type = header & 0x07;
    const width = header >> 3;
    switch (type) {
      case keyTypes.integer:
        if (width > 8) return undefined;
        offset += width;
        break;
      case keyTypes.real:
        if (width !== 0) return undefined;
        offset += 8;
        break;
      case keyTypes.text:
      case keyTypes.blob: {
        if (width > 4) return undefined;
        let length = 0;
        for (let i = 0; i < width; i += 1) length = length * 256 + (pk[offset + i] ?? 0);
        offset += width;
        if (offset + length > pk.length) return undefined;
        if (type === keyTypes.text && utf8.decode(pk.subarray(offset, offset + length)) === undefined) return undefined;
        offset += length;
        break;
      }
      default:
        // NULL included: key columns of a synced table are NOT NULL.
        return undefined;
    }
    if (offset > pk.length) return undefined;
  }
  return offset === pk.length ? count : undefined;
};

const isCounter = (value: number, least: number): boolean => value >= least && value <= maxCounter;

const require = (holds: boolean, rule: string): void => {
  if (!holds) throw new MalformedError(rule);
};

/** @throws MalformedError when no replica can have a column of that name */
export const checkColumn = (table: string, cid: string): void => {
  require(isPlainName(table), "table name");
  require(cid === rowSentinel || isPlainName(cid), "column name");
};

/** @throws MalformedError when `pk` is not a packed key */
export const checkKey = (pk: Uint8Array): void => require(keyColumnCount(pk) !== undefined, "key");

/**
 * What can be checked of one change without a schema, besides its column and its key.
 * @throws MalformedError naming the rule
 */
export const checkChange = (change: Change): void => {
  require(isCounter(change.cl, 1), "causal length");
  require(isCounter(change.colVersion, 0), "column version");
  require(isCounter(change.seq, 0), "sequence");
  if (change.cid === rowSentinel) {
    require(change.value === null, "sentinel with a value");
    require(change.colVersion === change.cl, "sentinel version");
  } else {
    require(change.cl % 2 === 1, "cell of a deleted row");
  }
};
