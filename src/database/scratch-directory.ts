/**
 * Files beside the database that exist only while it is exported or imported: in memory, in pieces, so that a file of any
 * size grows without being copied and becomes a Blob as it is.
 */

import type { VfsDirectory, VfsFile } from "./vfs.ts";

const pieceBytes = 256 * 1024;

interface ScratchFile {
  readonly pieces: Uint8Array<ArrayBuffer>[];
  size: number;
}

export interface ScratchDirectory extends VfsDirectory {
  /** Stores `image` as a file. */
  put(path: string, image: Blob): Promise<void>;
  /** The file as a Blob; it is gone from here then. */
  take(path: string): Blob;
}

export const createScratchDirectory = (): ScratchDirectory => {
  const files = new Map<string, ScratchFile>();

  const fileAt = (path: string, create: boolean): ScratchFile | undefined => {
    const found = files.get(path);
    if (found !== undefined || !create) return found;
    const file: ScratchFile = { pieces: [], size: 0 };
    files.set(path, file);
    return file;
  };

  return {
    exists: (path) => files.has(path),
    open: (path, create) => {
      const file = fileAt(path, create);
      return file === undefined ? undefined : openScratchFile(file);
    },
    delete: (path) => {
      files.delete(path);
    },
    put: async (path, image) => {
      const file: ScratchFile = { pieces: [], size: 0 };
      for (let start = 0; start < image.size; start += pieceBytes) {
        const part = new Uint8Array(await image.slice(start, start + pieceBytes).arrayBuffer());
        const piece = new Uint8Array(pieceBytes);
        piece.set(part);
        file.pieces.push(piece);
      }
      file.size = image.size;
      files.set(path, file);
    },
    take: (path) => {
      const file = fileAt(path, true) as ScratchFile;
      files.delete(path);
      const parts = file.pieces.map((piece, index) => piece.subarray(0, file.size - index * pieceBytes));
      return new Blob(parts, { type: "application/vnd.sqlite3" });
    },
  };
};

const openScratchFile = (file: ScratchFile): VfsFile => {
  /** Calls `use` with each piece that lies in the range, and where it begins there. */
  const forEachPart = (
    offset: number,
    length: number,
    use: (part: Uint8Array<ArrayBuffer>, done: number) => void,
  ): void => {
    for (let done = 0; done < length;) {
      const at = (offset + done) % pieceBytes;
      const count = Math.min(pieceBytes - at, length - done);
      const piece = file.pieces[Math.floor((offset + done) / pieceBytes)] as Uint8Array<ArrayBuffer>;
      use(piece.subarray(at, at + count), done);
      done += count;
    }
  };
  const resize = (size: number): void => {
    while (file.pieces.length * pieceBytes < size) file.pieces.push(new Uint8Array(pieceBytes));
    file.pieces.length = Math.ceil(size / pieceBytes);
    // A later growth must read as zeros.
    file.pieces.at(-1)?.fill(0, size - (file.pieces.length - 1) * pieceBytes);
    file.size = size;
  };

  return {
    read: (into, offset) => {
      const count = Math.max(0, Math.min(into.length, file.size - offset));
      forEachPart(offset, count, (part, done) => into.set(part, done));
      return count;
    },
    write: (from, offset) => {
      if (offset + from.length > file.size) resize(offset + from.length);
      forEachPart(offset, from.length, (part, done) => part.set(from.subarray(done, done + part.length)));
    },
    truncate: resize,
    size: () => file.size,
    sync: () => {},
    close: () => {},
  };
};
