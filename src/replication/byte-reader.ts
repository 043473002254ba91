/**
 * Reads what byte-writer.ts wrote. It throws {@link MalformedError} on anything else, and only that; codec.ts, its one
 * caller, turns it into a Result.
 */

import { utf8 } from "../common/utf8.ts";

/** Bytes that are not what the protocol says. `message` names the rule, never the contents. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

export interface ByteReader {
  /** Bytes not read yet. */
  readonly remaining: number;
  byte(): number;
  varint(): number;
  zigzag(): number;
  int64(): bigint;
  float64(): number;
  /** A view, not a copy. */
  raw(length: number): Uint8Array;
  block(maxBytes: number): Uint8Array;
  text(maxBytes: number): string;
  /** A number of things that each take at least `leastBytes`; refuses counts that cannot be there. */
  count(leastBytes: number): number;
}

export const createByteReader = (bytes: Uint8Array): ByteReader => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;

  const raw = (length: number): Uint8Array => {
    if (length > bytes.length - offset) throw new MalformedError("truncated");
    offset += length;
    return bytes.subarray(offset - length, offset);
  };

  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i += 1) {
      const byte = bytes[offset];
      if (byte === undefined) throw new MalformedError("truncated");
      offset += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw new MalformedError("varint not minimal");
        if (value > Number.MAX_SAFE_INTEGER) throw new MalformedError("varint too large");
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedError("varint too long");
  };

  const block = (maxBytes: number): Uint8Array => {
    const length = varint();
    if (length > maxBytes) throw new MalformedError("block too long");
    return raw(length);
  };

  return {
    get remaining() {
      return bytes.length - offset;
    },
    byte: () => raw(1)[0] as number,
    varint,
    zigzag: () => {
      const value = varint();
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    },
    int64: () => {
      raw(8);
      return view.getBigInt64(offset - 8);
    },
    float64: () => {
      raw(8);
      return view.getFloat64(offset - 8);
    },
    raw,
    block,
    text: (maxBytes) => {
      const text = utf8.decode(block(maxBytes));
      if (text === undefined) throw new MalformedError("text not UTF-8");
      return text;
    },
    count: (leastBytes) => {
      const count = varint();
      if (count * leastBytes > bytes.length - offset) throw new MalformedError("count beyond the message");
      return count;
    },
  };
};
