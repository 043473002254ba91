/** Text and bytes into the engine's memory and out of it. */

import { LedgerError } from "../common/errors.ts";
import type { EngineModule, Pointer } from "./engine-module.ts";

/** Bytes in the engine's memory, owned by whoever got them. */
export interface EngineBytes {
  readonly pointer: Pointer;
  readonly length: number;
}

const textEncoder = new TextEncoder();
// Without ignoreBOM a leading U+FEFF would silently disappear from text read back.
const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Below this, text is read byte by byte: cheaper than a call of the decoder. */
const shortTextBytes = 24;
/** Up to this, ASCII is written byte by byte: a call of the encoder takes over a microsecond in a browser. */
const shortTextUnits = 160;
/** Below this, text gets three bytes per UTF-16 unit, the most it can need, and is encoded in place. */
const inPlaceTextUnits = 65_536;

const allocate = (module: EngineModule, length: number): Pointer => {
  const pointer = module._sqlite3_malloc(length);
  if (pointer === 0) throw new LedgerError("LEDGER_SQL_ERROR", "out of memory");
  return pointer;
};

/** Never a null pointer, also for no bytes: SQLite takes a null pointer for NULL. */
export const copyBytesIn = (module: EngineModule, bytes: Uint8Array): EngineBytes => {
  const pointer = allocate(module, Math.max(1, bytes.length));
  module.HEAPU8.set(bytes, pointer);
  return { pointer, length: bytes.length };
};

/** UTF-8 with a NUL behind it that `length` does not count. */
export const copyTextIn = (module: EngineModule, text: string): EngineBytes => {
  if (text.length > inPlaceTextUnits) {
    const bytes = textEncoder.encode(text);
    const pointer = allocate(module, bytes.length + 1);
    module.HEAPU8.set(bytes, pointer);
    module.HEAPU8[pointer + bytes.length] = 0;
    return { pointer, length: bytes.length };
  }
  const capacity = text.length * 3 + 1;
  const pointer = allocate(module, capacity);
  const heap = module.HEAPU8;
  if (text.length <= shortTextUnits && copyAscii(heap, pointer, text)) return { pointer, length: text.length };
  const { written } = textEncoder.encodeInto(text, heap.subarray(pointer, pointer + capacity));
  heap[pointer + written] = 0;
  return { pointer, length: written };
};

/** @returns false when `text` is more than ASCII; what was written then counts for nothing */
const copyAscii = (heap: Uint8Array, pointer: Pointer, text: string): boolean => {
  const { length } = text;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 127) return false;
    heap[pointer + index] = unit;
  }
  heap[pointer + length] = 0;
  return true;
};

export const textAt = (module: EngineModule, pointer: Pointer, length: number): string => {
  const heap = module.HEAPU8;
  const end = pointer + length;
  if (length <= shortTextBytes) {
    let text = "";
    let at = pointer;
    for (; at < end; at += 1) {
      const byte = heap[at] as number;
      if (byte > 127) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  return textDecoder.decode(heap.subarray(pointer, end));
};

export const bytesAt = (module: EngineModule, pointer: Pointer, length: number): Uint8Array =>
  module.HEAPU8.slice(pointer, pointer + length);
