/** Files of one simulated replica, which can be put back to an earlier moment, as by a crash or an old backup. */

import type { VfsDirectory } from "../../src/database/vfs.ts";

export interface SimulatedDisk extends VfsDirectory {
  /** Remembers the files as they are. No statement may be running. */
  save(): void;
  /** Puts the remembered files back; false when none were remembered. */
  restore(): boolean;
  /** Nothing that is open now writes to the files any more. */
  cutOff(): void;
  /** Another disk with the same files, as they are or as remembered. No statement may be running. */
  copy(remembered: boolean): SimulatedDisk;
}

type Files = Map<string, { bytes: Uint8Array }>;

const copyOf = (files: Files): Files =>
  new Map([...files].map(([path, { bytes }]) => [path, { bytes: bytes.slice() }]));

export const createSimulatedDisk = (from: Files = new Map()): SimulatedDisk => {
  let files = copyOf(from);
  let saved: Files | undefined;

  const resize = (file: { bytes: Uint8Array }, size: number): void => {
    const bytes = new Uint8Array(size);
    bytes.set(file.bytes.subarray(0, size));
    file.bytes = bytes;
  };

  return {
    exists: (path) => files.has(path),
    open: (path, create) => {
      let file = files.get(path);
      if (file === undefined && !create) return undefined;
      if (file === undefined) files.set(path, (file = { bytes: new Uint8Array(0) }));
      const opened = file;
      return {
        read: (into, offset) => {
          const part = opened.bytes.subarray(offset, offset + into.length);
          into.set(part);
          return part.length;
        },
        write: (from, offset) => {
          if (offset + from.length > opened.bytes.length) resize(opened, offset + from.length);
          opened.bytes.set(from, offset);
        },
        truncate: (size) => resize(opened, size),
        size: () => opened.bytes.length,
        sync: () => {},
        close: () => {},
      };
    },
    delete: (path) => {
      files.delete(path);
    },
    save: () => {
      saved = copyOf(files);
    },
    restore: () => {
      if (saved === undefined) return false;
      files = copyOf(saved);
      return true;
    },
    cutOff: () => {
      files = copyOf(files);
    },
    copy: (remembered) => createSimulatedDisk((remembered && saved) || files),
  };
};
