/** A database that lives in this context's memory and is gone with it. */

import type { EngineHost } from "./engine-host.ts";
import type { Engine } from "./engine-module.ts";
import { finishInstall, installImage } from "./install-image.ts";
import { createMemoryDirectory } from "./memory-directory.ts";
import { openSqlite, type SqliteConnection } from "./sqlite-connection.ts";
import { createSyncVfs, type VfsDirectory } from "./vfs.ts";
import { loadEngine } from "./wasm-location.ts";

const vfsName = "ledger-memory";
const fileName = "ledger.db";

/** @param directory - given by tests that open the same files twice */
export const openMemoryHost = async (
  wasmUrl?: string,
  directory: VfsDirectory = createMemoryDirectory(),
): Promise<EngineHost> => ({
  storage: "memory",
  openConnection: async () => {
    const engine = await loadEngine("sync", wasmUrl);
    finishInstall(directory, fileName);
    return openMemoryConnection(engine, directory);
  },
  replace: (image) => installImage(directory, fileName, image),
  release: async () => {},
});

export const openMemoryConnection = (
  engine: Engine,
  directory: VfsDirectory = createMemoryDirectory(),
): Promise<SqliteConnection> => {
  engine.module.registerVFS(createSyncVfs({ name: vfsName, directory }), false);
  return openSqlite({ engine, fileName, vfs: vfsName });
};
