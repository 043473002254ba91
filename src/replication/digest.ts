/**
 * An order-free hash of a table's changes: two replicas that hold the same changes have the same one, however they came
 * by them. Not cryptographic: it finds mistakes, not attacks.
 */

import { bytesToHex } from "../common/ids.ts";
import { utf8 } from "../common/utf8.ts";
import { createByteWriter } from "./byte-writer.ts";
import type { Change } from "./change.ts";
import type { TableDigest } from "./message.ts";

/** Whether the tables that both sides know are the same on both. A table that only one side syncs is no difference. */
export const digestsAgree = (own: readonly TableDigest[], theirs: readonly TableDigest[]): boolean => {
  const ownByTable = new Map(own.map((digest) => [digest.table, digest]));
  return theirs.every((digest) => {
    const mine = ownByTable.get(digest.table);
    return mine === undefined || (mine.hash === digest.hash && mine.changes === digest.changes);
  });
};

/** FNV-1a with a seed, 32 bits. @see http://www.isthe.com/chongo/tech/comp/fnv/ */
const fnv = (hash: number, bytes: Uint8Array): number => {
  let h = hash;
  for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
  return h;
};

/** Finalizer of MurmurHash3: without it, sums of FNV hashes of similar changes collide. */
const mix = (hash: number): number => {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** FNV's own, and another that has nothing to do with it. */
const seeds = [0x811c9dc5, 0x050c5d1f] as const;

const separator = 0xff; // Never part of UTF-8, so no two lists of fields run into each other.

/** The bytes of one change after the other, in memory that is used again. */
const createChangeBytes = (): ((change: Change) => Uint8Array) => {
  const writer = createByteWriter(4096);
  const number = new Float64Array(1);
  const numberBytes = new Uint8Array(number.buffer);

  const putNumber = (value: number): void => {
    number[0] = value;
    writer.raw(numberBytes);
  };
  const putValue = ({ valueClass, value }: Change): void => {
    switch (valueClass) {
      case 1:
        return writer.rawText(String(value));
      case 2:
        return putNumber((value as number) + 0); // -0.0 and 0.0 are one value to a merge.
      case 3:
        return writer.rawText(value as string);
      case 4:
        return writer.raw(value as Uint8Array);
      case 5:
    }
  };

  return (change) => {
    writer.clear();
    writer.raw(change.pk);
    writer.byte(separator);
    writer.rawText(change.cid);
    writer.byte(separator);
    writer.byte(change.valueClass);
    putValue(change);
    writer.byte(separator);
    putNumber(change.colVersion);
    putNumber(change.cl);
    return writer.written;
  };
};

/** Two hashes of 32 bits as 16 hex digits. */
const toHex = (high: number, low: number): string => {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, high);
  view.setUint32(4, low);
  return bytesToHex(bytes);
};

/** 64 bits as 16 hex digits. Not cryptographic either. */
export const hashText = (text: string): string => {
  const bytes = utf8.encode(text);
  const [high, low] = seeds.map((seed) => mix(fnv(seed, bytes)));
  return toHex(high as number, low as number);
};

export interface DigestBuilder {
  add(change: Change): void;
  finish(): readonly TableDigest[];
}

/** Sums, per table, a 64-bit hash of (pk, cid, storage class, value, column version, causal length) of each change. */
export const createDigestBuilder = (): DigestBuilder => {
  const sums = new Map<string, { high: number; low: number; changes: number }>();
  const bytesOf = createChangeBytes();

  return {
    add: (change) => {
      let sum = sums.get(change.table);
      if (sum === undefined) {
        sum = { high: 0, low: 0, changes: 0 };
        sums.set(change.table, sum);
      }
      const bytes = bytesOf(change);
      sum.high = (sum.high + mix(fnv(seeds[0], bytes))) >>> 0;
      sum.low = (sum.low + mix(fnv(seeds[1], bytes))) >>> 0;
      sum.changes += 1;
    },
    finish: () =>
      [...sums]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([table, { high, low, changes }]) => ({ table, hash: toHex(high, low), changes })),
  };
};
