/**
 * A database in the origin private file system, on the synchronous engine; needs a dedicated worker.
 * One OPFS directory per database with three plain files, held open for as long as the database is: the database, its log
 * and its rollback journal. SQLite asks for no others, because temporary ones live in memory and nothing can be attached.
 */

import { LedgerError } from "../common/errors.ts";
import type { Clock } from "../common/clock.ts";
import { createSystemClock } from "../common/system-clock.ts";
import type { EngineHost } from "./engine-host.ts";
import type { Engine } from "./engine-module.ts";
import { finishInstall, installImage, stagedName } from "./install-image.ts";
import { createMemoryDirectory } from "./memory-directory.ts";
import { openLoggedSqlite, type LoggedSqlite } from "./logged-sqlite.ts";
import { opfsDirectoryOf, opfsRootDirectory } from "./storage-names.ts";
import type { VfsDirectory, VfsFile } from "./vfs.ts";
import { loadEngine } from "./wasm-location.ts";
import { journalNameOf, logNameOf } from "./logged-directory.ts";

const vfsName = "ledger-opfs";
const databaseFile = "ledger.db";
const openFiles = [databaseFile, logNameOf(databaseFile), journalNameOf(databaseFile)];
const importFile = stagedName(databaseFile);

/** A worker that is being torn down keeps its handles for a while: a few milliseconds, or seconds on a busy machine. */
const retryDelaysMs = [25, 50, 100, 200, 400, 800, 1600];

/** As in https://fs.spec.whatwg.org; TypeScript's DOM library has it for workers only. */
interface SyncAccessHandle {
  read(into: Uint8Array, options: { readonly at: number }): number;
  write(from: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

/** Decided by trying: the method's mere presence says nothing in some browsers. */
const openHandle = (file: FileSystemFileHandle): Promise<SyncAccessHandle> =>
  (file as unknown as { createSyncAccessHandle(): Promise<SyncAccessHandle> }).createSyncAccessHandle();

const faultName = (fault: unknown): string => (fault instanceof DOMException ? fault.name : "");

/**
 * Whether OPFS holds a database of this name; false where there is no OPFS. An empty file is none: an attempt that failed for
 * want of synchronous access leaves one.
 */
export const isInOpfs = async (name: string): Promise<boolean> => {
  let handle: FileSystemFileHandle;
  try {
    const root = await navigator.storage.getDirectory();
    const directory = await (
      await root.getDirectoryHandle(opfsRootDirectory)
    ).getDirectoryHandle(opfsDirectoryOf(name));
    handle = await directory.getFileHandle(databaseFile);
  } catch {
    return false;
  }
  // A file that refuses to be looked at is in use.
  return handle.getFile().then(
    (file) => file.size > 0,
    () => true,
  );
};

const openHandleFile = (handle: SyncAccessHandle): VfsFile => ({
  read: (into, offset) => handle.read(into, { at: offset }),
  write: (from, offset) => {
    // Chromium throws when the quota is used up; the specification also allows a short write.
    const count = handle.write(from, { at: offset });
    if (count !== from.length) throw new DOMException("short write", "QuotaExceededError");
  },
  truncate: (size) => handle.truncate(size),
  size: () => handle.getSize(),
  sync: () => handle.flush(),
  // The handle itself stays open: closing it would let another worker in between two engines.
  close: () => handle.flush(),
});

/** A journal of no bytes is none: deleting is truncating, as with journal_mode=truncate. */
const createHandleDirectory = (handles: ReadonlyMap<string, SyncAccessHandle>): VfsDirectory => {
  const temporary = createMemoryDirectory();
  return {
    exists: (path) => {
      const handle = handles.get(path);
      return handle === undefined ? temporary.exists(path) : handle.getSize() > 0;
    },
    open: (path, create) => {
      const handle = handles.get(path);
      return handle === undefined ? temporary.open(path, create) : openHandleFile(handle);
    },
    delete: (path) => {
      const handle = handles.get(path);
      if (handle === undefined) return temporary.delete(path);
      handle.truncate(0);
      handle.flush();
    },
  };
};

const openDirectory = async (name: string): Promise<FileSystemDirectoryHandle> => {
  const root = await navigator.storage.getDirectory();
  const parent = await root.getDirectoryHandle(opfsRootDirectory, { create: true });
  return parent.getDirectoryHandle(opfsDirectoryOf(name), { create: true });
};

const isThere = async (directory: FileSystemDirectoryHandle, fileName: string): Promise<boolean> =>
  directory.getFileHandle(fileName).then(
    () => true,
    () => false, // Nothing else is wrong with it: the other files of the directory can be had.
  );

const openHandles = async (name: string): Promise<Map<string, SyncAccessHandle>> => {
  const directory = await openDirectory(name);
  const handles = new Map<string, SyncAccessHandle>();
  try {
    for (const fileName of openFiles) {
      const file = await directory.getFileHandle(fileName, { create: true });
      handles.set(fileName, await openHandle(file));
    }
  } catch (error) {
    for (const handle of handles.values()) handle.close();
    throw error;
  }
  return handles;
};

/** Runs `work` with the file in which an import waits; what waits there is finished or thrown away then. */
const withImportFile = async (
  name: string,
  handles: Map<string, SyncAccessHandle>,
  work: (directory: VfsDirectory) => Promise<void>,
): Promise<void> => {
  const directory = await openDirectory(name);
  const handle = await openHandle(await directory.getFileHandle(importFile, { create: true }));
  const files = createHandleDirectory(new Map(handles).set(importFile, handle));
  try {
    await work(files);
    finishInstall(files, databaseFile);
  } finally {
    const isDone = handle.getSize() === 0;
    handle.close();
    if (isDone) await directory.removeEntry(importFile);
  }
};

const openHandlesPatiently = async (name: string, clock: Clock): Promise<Map<string, SyncAccessHandle>> => {
  // Asked first: trying creates the file.
  const wasThere = await isInOpfs(name);
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await openHandles(name);
    } catch (cause) {
      const isHeld = faultName(cause) === "NoModificationAllowedError";
      const delayMs = retryDelaysMs[attempt];
      if (isHeld && delayMs !== undefined) {
        await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
        continue;
      }
      if (isHeld) {
        throw new LedgerError(
          "LEDGER_STORAGE_BUSY",
          `another tab or worker holds database ${JSON.stringify(name)} open`,
          { cause },
        );
      }
      // With files there, falling down the ladder would show an empty database in their place.
      if (wasThere) {
        throw new LedgerError(
          "LEDGER_STORAGE_BUSY",
          `database ${JSON.stringify(name)} is in OPFS and cannot be opened now`,
          { cause },
        );
      }
      throw new LedgerError(
        "LEDGER_STORAGE_UNAVAILABLE",
        "OPFS with synchronous access cannot be used in this context",
        { cause },
      );
    }
  }
};

/**
 * @param warm - an engine for the first connection
 * @throws LedgerError LEDGER_STORAGE_UNAVAILABLE, LEDGER_STORAGE_BUSY
 */
export const openOpfsHost = async (
  name: string,
  wasmUrl?: string,
  warm?: Promise<Engine>,
  clock: Clock = createSystemClock(),
): Promise<EngineHost> => {
  const handles = await openHandlesPatiently(name, clock);
  let spare = warm;
  let opened: LoggedSqlite | undefined;
  return {
    storage: "opfs",
    openConnection: async () => {
      opened?.abandon();
      // Left by an import that was cut off.
      if (await isThere(await openDirectory(name), importFile)) await withImportFile(name, handles, async () => {});
      // When making one ready went wrong, loading one now says why.
      const engine = (await spare?.catch(() => undefined)) ?? (await loadEngine("sync", wasmUrl));
      spare = undefined;
      opened = await openLoggedSqlite({
        engine,
        directory: createHandleDirectory(handles),
        fileName: databaseFile,
        vfs: vfsName,
      });
      return opened.connection;
    },
    upkeep: () => opened?.upkeep(),
    replace: (image) => withImportFile(name, handles, (directory) => installImage(directory, databaseFile, image)),
    release: async () => {
      for (const handle of handles.values()) handle.close();
    },
  };
};
