/**
 * An engine that is ready before it is needed. Loading it, and running its code for the first time, is most of what opening
 * a database takes.
 */

import type { Epoch } from "../common/ids.ts";
import { openChangeLog } from "./change-log.ts";
import type { Engine } from "./engine-module.ts";
import { openMemoryConnection } from "./memory-host.ts";
import { createSqliteDatabase } from "./sqlite-database.ts";
import { loadEngine } from "./wasm-location.ts";

/**
 * Loads the synchronous engine and takes it through the life of a database in memory, so that its code is compiled.
 * @throws LedgerError LEDGER_ENGINE_UNAVAILABLE
 */
export const warmUpEngine = async (wasmUrl?: string): Promise<Engine> => {
  const engine = await loadEngine("sync", wasmUrl);
  const database = await createSqliteDatabase({
    storage: "memory",
    openConnection: () => openMemoryConnection(engine),
    replace: async () => {},
    release: async () => {},
  });
  await openChangeLog({ database, epoch: "0".repeat(32) as Epoch, nowMs: 0 });
  await database.exec({ sql: "CREATE TABLE a (id INTEGER PRIMARY KEY NOT NULL)" });
  await database.enableSync("a");
  await database.exec({ sql: "INSERT INTO a VALUES (1)" });
  await database.close();
  return engine;
};
