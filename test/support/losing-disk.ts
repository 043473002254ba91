/**
 * A directory on a disk that can lose power: of what was written and not synced it then keeps any sectors, chosen by chance,
 * each old or new as a whole. Creating and deleting files is durable at once.
 */

import type { VfsDirectory, VfsFile } from "../../src/database/vfs.ts";

const sectorBytes = 512;

interface DiskFile {
  bytes: Uint8Array;
  durable: Uint8Array;
}

export interface LosingDisk extends VfsDirectory {
  /** Writes, truncations and syncs so far. */
  readonly operations: number;
  readonly syncs: number;
  /** The operation with this number fails, and every one after it, with `fault`. */
  failFrom(operation: number, fault?: Error): void;
  /** Everything works again, over what is left. `keeps` decides for each sector that was not synced. */
  losePower(keeps: () => boolean): void;
  /** A copy of a file as it is now. */
  copyOf(path: string): Uint8Array;
}

const resized = (bytes: Uint8Array, size: number): Uint8Array => {
  const next = new Uint8Array(size);
  next.set(bytes.subarray(0, size));
  return next;
};

/** Sector by sector one or the other; also the length. */
const mixed = (older: Uint8Array, newer: Uint8Array, keeps: () => boolean): Uint8Array => {
  const result = resized(older, keeps() ? newer.length : Math.max(older.length, newer.length));
  for (let at = 0; at < result.length; at += sectorBytes) {
    const sector = newer.subarray(at, at + sectorBytes);
    if (keeps()) result.set(sector.subarray(0, result.length - at), at);
  }
  return result;
};

export const createLosingDisk = (): LosingDisk => {
  const files = new Map<string, DiskFile>();
  let operations = 0;
  let syncs = 0;
  let failing = Infinity;
  let failure = new Error("the power is off");

  const operate = (): void => {
    operations += 1;
    if (operations >= failing) throw failure;
  };
  const openFile = (file: DiskFile): VfsFile => ({
    read: (into, offset) => {
      const part = file.bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    write: (from, offset) => {
      operate();
      if (offset + from.length > file.bytes.length) file.bytes = resized(file.bytes, offset + from.length);
      file.bytes.set(from, offset);
    },
    truncate: (size) => {
      operate();
      file.bytes = resized(file.bytes, size);
    },
    size: () => file.bytes.length,
    sync: () => {
      operate();
      syncs += 1;
      file.durable = file.bytes.slice();
    },
    close: () => {},
  });

  return {
    get operations() {
      return operations;
    },
    get syncs() {
      return syncs;
    },
    failFrom: (operation, fault = new Error("the power is off")) => {
      failing = operation;
      failure = fault;
    },
    losePower: (keeps) => {
      failing = Infinity;
      for (const file of files.values()) {
        file.bytes = mixed(file.durable, file.bytes, keeps);
        file.durable = file.bytes.slice();
      }
    },
    copyOf: (path) => files.get(path)?.bytes.slice() ?? new Uint8Array(),
    exists: (path) => files.has(path),
    open: (path, create) => {
      let file = files.get(path);
      if (file === undefined) {
        if (!create) return undefined;
        file = { bytes: new Uint8Array(), durable: new Uint8Array() };
        files.set(path, file);
      }
      return openFile(file);
    },
    delete: (path) => {
      operate();
      files.delete(path);
    },
  };
};
