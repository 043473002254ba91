/** Files of one simulated replica, which can be put back to an earlier moment, as by a crash or an old backup. */

import type { VfsDirectory } from "../../src/database/vfs.ts";

export interface SimulatedDisk extends VfsDirectory {
  /** Remembers the files as they are. No statement may be running. */
  save(): void;
  /** Puts the remembered files back; false when none were remembered. */
  restore(): boolean;
}

export const createSimulatedDisk = (): SimulatedDisk => {
  let files = new Map<string, { bytes: Uint8Array }>();
  let saved: Map<string, { bytes: Uint8Array }> | undefined;

  const copy = (from: ReadonlyMap<string, { readonly bytes: Uint8Array }>): Map<string, { bytes: Uint8Array }> =>
    new Map([...from].map(([path, { bytes }]) => [path, { bytes: bytes.slice() }]));

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
      saved = copy(files);
    },
    restore: () => {
      if (saved === undefined) return false;
      files = copy(saved);
      return true;
    },
  };
};
