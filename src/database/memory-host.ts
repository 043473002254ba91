/** A database that lives in this context's memory and is gone with it. */

import type { EngineHost } from "./engine-host.ts";
import { createMemoryDirectory } from "./memory-directory.ts";
import { openSqlite } from "./sqlite-connection.ts";
import { createSyncVfs, type VfsDirectory } from "./vfs.ts";
import { loadEngine } from "./wasm-location.ts";

const vfsName = "ledger-memory";

/** @param directory - given by tests that open the same files twice */
export const openMemoryHost = async (
  wasmUrl?: string,
  directory: VfsDirectory = createMemoryDirectory(),
): Promise<EngineHost> => ({
  storage: "memory",
  openConnection: async () => {
    const engine = await loadEngine("sync", wasmUrl);
    engine.module.registerVFS(createSyncVfs({ name: vfsName, directory }), false);
    return openSqlite({ engine, fileName: "ledger.db", vfs: vfsName });
  },
  release: async () => {},
});
