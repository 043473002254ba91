/**
 * The form of the log of commits: a header, then records. Numbers are 32 bits, in the order of the machine's bytes, as the
 * engine's own memory has them.
 */

import type { VfsFile } from "./vfs.ts";

const magic = 0x4c67_4c31; // "LgL1"
/** Log: magic, 0, salt, salt, then zeros. */
export const headerBytes = 32;
/** Record: frames, page size, database size in pages, 0, salt, salt, checksum, checksum; then its frames. */
export const recordHeadBytes = 32;
const checksumAt = 24;
/** Frame: page number from 0 on, 0; then the page. */
export const frameHeadBytes = 8;

export type Checksum = readonly [number, number];

/** Two 32-bit numbers that no other header of this log has. */
export const newSalt = (): Checksum => {
  const [first = 0, second = 0] = crypto.getRandomValues(new Uint32Array(2));
  return [first, second];
};

/** @see https://www.sqlite.org/fileformat2.html#checksum_algorithm */
export const addToChecksum = ([before0, before1]: Checksum, bytes: Uint8Array): Checksum => {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let first = before0;
  let second = before1;
  for (let index = 0; index < words.length; index += 2) {
    first = (first + (words[index] as number) + second) | 0;
    second = (second + (words[index + 1] as number) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
};

export interface LogRecord {
  /** Page numbers of its frames, in order. */
  readonly pages: readonly number[];
  readonly pageBytes: number;
  /** Of the database with this commit, bytes. */
  readonly size: number;
}

export const encodeHeader = (salt: Checksum): Uint8Array => {
  const words = new Uint32Array(headerBytes / 4);
  words.set([magic, 0, ...salt]);
  return new Uint8Array(words.buffer);
};

/** The salt of the log's header; undefined when there is none. */
export const readHeader = (log: VfsFile): Checksum | undefined => {
  const words = new Uint32Array(headerBytes / 4);
  log.read(new Uint8Array(words.buffer), 0);
  return words[0] === magic ? [words[2] as number, words[3] as number] : undefined;
};

/** @param sum - of the record before and the frames of this one */
export const encodeHead = (
  { pages, pageBytes, size }: LogRecord,
  salt: Checksum,
  sum: Checksum,
): { readonly bytes: Uint8Array; readonly checksum: Checksum } => {
  const words = new Uint32Array(recordHeadBytes / 4);
  const bytes = new Uint8Array(words.buffer);
  words.set([pages.length, pageBytes, size / pageBytes, 0, ...salt]);
  const checksum = addToChecksum(sum, bytes);
  words.set(checksum, checksumAt / 4);
  return { bytes, checksum };
};

/**
 * The record at `at`, if one that counts is there.
 * @param before - checksum of the record before it
 */
export const readRecord = (
  log: VfsFile,
  at: number,
  salt: Checksum,
  before: Checksum,
): { readonly record: LogRecord; readonly checksum: Checksum } | undefined => {
  const head = new Uint32Array(recordHeadBytes / 4);
  if (log.read(new Uint8Array(head.buffer), at) < recordHeadBytes) return undefined;
  const [count = 0, pageBytes = 0, pageCount = 0, , salt0, salt1, ...sum] = head;
  if (count === 0 || pageBytes < 512 || pageBytes > 65_536 || salt0 !== salt[0] || salt1 !== salt[1]) return undefined;
  const frameBytes = frameHeadBytes + pageBytes;
  if (at + recordHeadBytes + count * frameBytes > log.size()) return undefined;
  const frames = new Uint8Array(count * frameBytes);
  if (log.read(frames, at + recordHeadBytes) < frames.length) return undefined;
  head.fill(0, checksumAt / 4);
  const checksum = addToChecksum(addToChecksum(before, frames), new Uint8Array(head.buffer));
  if (checksum[0] !== sum[0] || checksum[1] !== sum[1]) return undefined;
  const words = new Uint32Array(frames.buffer);
  const pages = Array.from({ length: count }, (_, index) => words[(index * frameBytes) / 4] as number);
  return { record: { pages, pageBytes, size: pageCount * pageBytes }, checksum };
};
