/** A database in plain SQLite files of a directory, for Node. Loaded by dynamic import only. */

import type { EngineHost } from "./engine-host.ts";
import { finishInstall, installImage, stagedName } from "./install-image.ts";
import { takeLockFile } from "./node-lock-file.ts";
import { nodeModule } from "./node-platform.ts";
import { openLoggedSqlite, type LoggedSqlite } from "./logged-sqlite.ts";
import type { VfsDirectory, VfsFile } from "./vfs.ts";
import { loadEngine } from "./wasm-location.ts";
import { journalNameOf, logNameOf } from "./logged-directory.ts";

const vfsName = "ledger-node-file";

const openNodeFile = (path: string, flags: string): VfsFile => {
  const fs = nodeModule("node:fs");
  const descriptor = fs.openSync(path, flags);
  return {
    read: (into, offset) => {
      let count = 0;
      while (count < into.length) {
        const read = fs.readSync(descriptor, into, count, into.length - count, offset + count);
        if (read === 0) break;
        count += read;
      }
      return count;
    },
    write: (from, offset) => {
      let count = 0;
      while (count < from.length) {
        count += fs.writeSync(descriptor, from, count, from.length - count, offset + count);
      }
    },
    truncate: (size) => fs.ftruncateSync(descriptor, size),
    size: () => fs.fstatSync(descriptor).size,
    sync: () => fs.fsyncSync(descriptor),
    close: () => fs.closeSync(descriptor),
  };
};

const createNodeDirectory = (directory: string): VfsDirectory => {
  const fs = nodeModule("node:fs");
  const path = nodeModule("node:path");
  const pathOf = (name: string): string => path.join(directory, path.basename(name));
  /** A file that was created or deleted is so for good only when its directory is synced. Windows cannot and need not. */
  const syncDirectory = (): void => {
    if (process.platform === "win32") return;
    const descriptor = fs.openSync(directory, "r");
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  };
  return {
    exists: (name) => fs.existsSync(pathOf(name)),
    open: (name, create) => {
      const file = pathOf(name);
      if (fs.existsSync(file)) return openNodeFile(file, "r+");
      if (!create) return undefined;
      const created = openNodeFile(file, "w+");
      syncDirectory();
      return created;
    },
    delete: (name) => {
      fs.rmSync(pathOf(name), { force: true });
      syncDirectory();
    },
  };
};

/** Any text as a file name, percent-encoded. Capitals too: on macOS and Windows `Notes` and `notes` would be one file. */
export const databaseNameToFileName = (name: string): string =>
  encodeURIComponent(name).replace(/%..|[A-Z!'()*~]|^\./g, (sign) =>
    sign.startsWith("%") ? sign.toLowerCase() : `%${sign.charCodeAt(0).toString(16)}`,
  );

/** @throws LedgerError LEDGER_STORAGE_BUSY when another process, or this one, has the database open */
export const openNodeFileHost = async (name: string, directory: string, wasmUrl?: string): Promise<EngineHost> => {
  nodeModule("node:fs").mkdirSync(directory, { recursive: true });
  const fileName = fileNameOf(name);
  const giveUpLock = lock(name, directory);
  const files = createNodeDirectory(directory);
  let opened: LoggedSqlite | undefined;
  return {
    storage: "file",
    openConnection: async () => {
      opened?.abandon();
      const engine = await loadEngine("sync", wasmUrl);
      finishInstall(files, fileName);
      opened = await openLoggedSqlite({ engine, directory: files, fileName, vfs: vfsName });
      return opened.connection;
    },
    upkeep: () => opened?.upkeep(),
    replace: (image) => installImage(files, fileName, image),
    release: async () => giveUpLock(),
  };
};

/** @throws LedgerError LEDGER_STORAGE_BUSY when another process, or this one, has the database open */
export const eraseNodeFiles = (name: string, directory: string): void => {
  const fs = nodeModule("node:fs");
  if (!fs.existsSync(directory)) return;
  const giveUpLock = lock(name, directory);
  try {
    const fileName = fileNameOf(name);
    // What an import left first: it would become the database again.
    for (const each of [stagedName(fileName), logNameOf(fileName), fileName, journalNameOf(fileName)]) {
      fs.rmSync(nodeModule("node:path").join(directory, each), { force: true });
    }
  } finally {
    giveUpLock();
  }
};

const fileNameOf = (name: string): string => `${databaseNameToFileName(name)}.db`;

const lock = (name: string, directory: string): (() => void) =>
  takeLockFile(nodeModule("node:path").join(directory, `${fileNameOf(name)}.lock`));
