/**
 * Files in JavaScript's memory. They outlive an engine that crashed, so that a rollback journal in them still does its work
 * when the next engine opens them.
 */

import type { VfsDirectory, VfsFile } from "./vfs.ts";

interface MemoryFile {
  bytes: Uint8Array;
  size: number;
}

const grow = (file: MemoryFile, size: number): void => {
  if (size > file.bytes.length) {
    const bytes = new Uint8Array(Math.max(size, file.bytes.length * 2, 65_536));
    bytes.set(file.bytes.subarray(0, file.size));
    file.bytes = bytes;
  }
  if (size > file.size) file.size = size;
};

const openMemoryFile = (file: MemoryFile): VfsFile => ({
  read: (into, offset) => {
    const count = Math.max(0, Math.min(into.length, file.size - offset));
    into.set(file.bytes.subarray(offset, offset + count));
    return count;
  },
  write: (from, offset) => {
    grow(file, offset + from.length);
    file.bytes.set(from, offset);
  },
  truncate: (size) => {
    // A later growth must read as zeros.
    if (size < file.size) file.bytes.fill(0, size, file.size);
    else grow(file, size);
    file.size = size;
  },
  size: () => file.size,
  sync: () => {},
  close: () => {},
});

export const createMemoryDirectory = (): VfsDirectory => {
  const files = new Map<string, MemoryFile>();
  return {
    exists: (path) => files.has(path),
    open: (path, create) => {
      let file = files.get(path);
      if (file === undefined) {
        if (!create) return undefined;
        file = { bytes: new Uint8Array(0), size: 0 };
        files.set(path, file);
      }
      return openMemoryFile(file);
    },
    delete: (path) => {
      files.delete(path);
    },
  };
};
