/**
 * What the engine asks of a file system, and the synchronous one that Ledger uses: named files of bytes behind SQLite's
 * calls. Must not throw into the engine: an exception that crosses its frames leaves it unusable, so every fault becomes a
 * result code here.
 */

import { DeviceCharacteristic, FileControl, OpenFlag, ResultCode } from "./sqlite-codes.ts";

/** @see https://www.sqlite.org/c3ref/io_methods.html */
export interface Vfs {
  readonly name: string;
  readonly mxPathName: number;
  xOpen(name: string | null, fileId: number, flags: number, outFlags: DataView): number;
  xClose(fileId: number): number;
  xRead(fileId: number, into: Uint8Array, offset: number): number;
  xWrite(fileId: number, from: Uint8Array, offset: number): number;
  xTruncate(fileId: number, size: number): number;
  xSync(fileId: number, flags: number): number;
  xFileSize(fileId: number, outSize: DataView): number;
  xLock(fileId: number, level: number): number;
  xUnlock(fileId: number, level: number): number;
  xCheckReservedLock(fileId: number, out: DataView): number;
  xFileControl(fileId: number, operation: number, argument: DataView): number;
  xSectorSize(fileId: number): number;
  xDeviceCharacteristics(fileId: number): number;
  xAccess(name: string, flags: number, out: DataView): number;
  xDelete(name: string, syncDirectory: number): number;
}

/** What is written between `begin` and `commit` is durable with it, all of it or nothing. */
export interface AtomicWrites {
  begin(): void;
  /** When it throws, `abandon` follows, and nothing was written. A write before it does not throw. */
  commit(): void;
  abandon(): void;
}

/** One file as a store of bytes. May throw: the VFS translates. */
export interface VfsFile {
  /** Reads as much as there is from `offset`; the count of bytes read. */
  read(into: Uint8Array, offset: number): number;
  write(from: Uint8Array, offset: number): void;
  truncate(size: number): void;
  size(): number;
  /** Returns when what was written is durable. */
  sync(): void;
  close(): void;
  readonly atomic?: AtomicWrites;
}

/** A flat directory of files. */
export interface VfsDirectory {
  exists(path: string): boolean;
  /** Opens, or creates when `create`; undefined when there is none. */
  open(path: string, create: boolean): VfsFile | undefined;
  delete(path: string): void;
}

export interface VfsOptions {
  readonly name: string;
  readonly directory: VfsDirectory;
  /** Told of every fault before it becomes a result code. */
  readonly onFault?: (fault: unknown) => void;
}

const isOutOfSpace = (fault: unknown): boolean => {
  if (typeof fault !== "object" || fault === null) return false;
  const { name, code } = fault as { readonly name?: unknown; readonly code?: unknown };
  return name === "QuotaExceededError" || code === "ENOSPC" || code === "EDQUOT";
};

/** The engine may append `?vfs=…` to names. */
const nameToPath = (name: string): string => name.replace(/\?.*$/s, "");

export const createSyncVfs = ({ name, directory, onFault }: VfsOptions): Vfs => {
  const openFiles = new Map<number, { readonly file: VfsFile; readonly deletePath: string | undefined }>();
  let unnamed = 0;

  const attempt = (work: () => number, faultCode: number = ResultCode.ioError): number => {
    try {
      return work();
    } catch (fault) {
      onFault?.(fault);
      return isOutOfSpace(fault) ? ResultCode.full : faultCode;
    }
  };
  /** With an I/O error SQLite would write the same again through its journal, and not safely. */
  const attemptAtomic = (step: () => void): number =>
    attempt(() => {
      step();
      return ResultCode.ok;
    }, ResultCode.error);
  const fileOf = (fileId: number): VfsFile => {
    const open = openFiles.get(fileId);
    if (open === undefined) throw new Error("file is not open");
    return open.file;
  };

  return {
    name,
    mxPathName: 256,
    xOpen: (given, fileId, flags, outFlags) =>
      attempt(() => {
        unnamed += 1;
        const path = given === null || given === "" ? `unnamed-${unnamed}` : nameToPath(given);
        const file = directory.open(path, (flags & OpenFlag.create) !== 0);
        if (file === undefined) return ResultCode.cannotOpen;
        openFiles.set(fileId, { file, deletePath: (flags & OpenFlag.deleteOnClose) !== 0 ? path : undefined });
        outFlags.setInt32(0, flags, true);
        return ResultCode.ok;
      }, ResultCode.cannotOpen),
    xClose: (fileId) =>
      attempt(() => {
        const open = openFiles.get(fileId);
        openFiles.delete(fileId);
        open?.file.close();
        if (open?.deletePath !== undefined) directory.delete(open.deletePath);
        return ResultCode.ok;
      }),
    xRead: (fileId, into, offset) =>
      attempt(() => {
        const count = fileOf(fileId).read(into, offset);
        if (count >= into.length) return ResultCode.ok;
        into.fill(0, count);
        return ResultCode.ioErrorShortRead;
      }),
    xWrite: (fileId, from, offset) =>
      attempt(() => {
        fileOf(fileId).write(from, offset);
        return ResultCode.ok;
      }),
    xTruncate: (fileId, size) =>
      attempt(() => {
        fileOf(fileId).truncate(size);
        return ResultCode.ok;
      }),
    xSync: (fileId) =>
      attempt(() => {
        fileOf(fileId).sync();
        return ResultCode.ok;
      }),
    xFileSize: (fileId, outSize) =>
      attempt(() => {
        outSize.setBigInt64(0, BigInt(fileOf(fileId).size()), true);
        return ResultCode.ok;
      }),
    // One connection per file, and its host holds the lock: nothing to negotiate here.
    xLock: () => ResultCode.ok,
    xUnlock: () => ResultCode.ok,
    xCheckReservedLock: (_fileId, out) => {
      out.setInt32(0, 0, true);
      return ResultCode.ok;
    },
    xFileControl: (fileId, operation) => {
      const atomic = openFiles.get(fileId)?.file.atomic;
      if (atomic === undefined) return ResultCode.notFound;
      switch (operation) {
        case FileControl.beginAtomicWrite:
          return attemptAtomic(atomic.begin);
        case FileControl.commitAtomicWrite:
          return attemptAtomic(atomic.commit);
        case FileControl.rollbackAtomicWrite:
          return attemptAtomic(atomic.abandon);
        default:
          return ResultCode.notFound;
      }
    },
    xSectorSize: () => 4096,
    xDeviceCharacteristics: (fileId) =>
      openFiles.get(fileId)?.file.atomic === undefined ? 0 : DeviceCharacteristic.batchAtomic,
    xAccess: (given, _flags, out) =>
      attempt(() => {
        out.setInt32(0, directory.exists(nameToPath(given)) ? 1 : 0, true);
        return ResultCode.ok;
      }),
    xDelete: (given) =>
      attempt(() => {
        directory.delete(nameToPath(given));
        return ResultCode.ok;
      }),
  };
};
