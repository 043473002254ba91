/** Appends numbers, text and bytes to a growing buffer. Integers are LEB128 varints. */

import { utf8 } from "../common/utf8.ts";

export interface ByteWriter {
  byte(value: number): void;
  /** @param value - whole, 0 to 2^53 - 1 */
  varint(value: number): void;
  /** @param value - whole, within 2^52 either way */
  zigzag(value: number): void;
  int64(value: bigint): void;
  float64(value: number): void;
  /** Bytes without a length. */
  raw(bytes: Uint8Array): void;
  /** Length, then bytes. */
  block(bytes: Uint8Array): void;
  /** UTF-8 without a length. */
  rawText(value: string): void;
  /** Length, then UTF-8. */
  text(value: string): void;
  /** What was written, until more is. */
  readonly written: Uint8Array;
  /** Begins anew in the same memory. */
  clear(): void;
  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer>;
}

export const createByteWriter = (capacityBytes = 256): ByteWriter => {
  let buffer = new Uint8Array(capacityBytes);
  let view = new DataView(buffer.buffer);
  let length = 0;

  const reserve = (extra: number): void => {
    if (length + extra <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, length + extra));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
    view = new DataView(buffer.buffer);
  };

  const varint = (value: number): void => {
    reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      buffer[length] = (rest % 0x80) | 0x80;
      length += 1;
      rest = Math.floor(rest / 0x80);
    }
    buffer[length] = rest;
    length += 1;
  };

  const raw = (bytes: Uint8Array): void => {
    reserve(bytes.length);
    buffer.set(bytes, length);
    length += bytes.length;
  };

  return {
    byte: (value) => {
      reserve(1);
      buffer[length] = value;
      length += 1;
    },
    varint,
    zigzag: (value) => varint(value < 0 ? -value * 2 - 1 : value * 2),
    int64: (value) => {
      reserve(8);
      view.setBigInt64(length, value);
      length += 8;
    },
    float64: (value) => {
      reserve(8);
      view.setFloat64(length, value);
      length += 8;
    },
    raw,
    block: (bytes) => {
      varint(bytes.length);
      raw(bytes);
    },
    rawText: (value) => {
      reserve(value.length * 3);
      length += utf8.encodeInto(value, buffer.subarray(length));
    },
    text: (value) => {
      // Three bytes are the most a UTF-16 unit takes; the length goes before the text, so it is encoded on the side.
      const bytes = utf8.encode(value);
      varint(bytes.length);
      raw(bytes);
    },
    get written() {
      return buffer.subarray(0, length);
    },
    clear: () => {
      length = 0;
    },
    finish: () => buffer.slice(0, length),
  };
};
