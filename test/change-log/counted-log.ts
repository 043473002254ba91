/** A change log that counts what SQLite does for it, in instructions of its virtual machine: the same on every machine. */

import type { Epoch } from "../../src/common/ids.ts";
import { openChangeLog, type ChangeLog } from "../../src/database/change-log.ts";
import type { Database } from "../../src/database/database.ts";
import type { Engine, EngineModule, Pointer } from "../../src/database/engine-module.ts";
import { createMemoryDirectory } from "../../src/database/memory-directory.ts";
import { openSqlite } from "../../src/database/sqlite-connection.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { createSyncVfs } from "../../src/database/vfs.ts";
import { loadEngine } from "../../src/database/wasm-location.ts";

/** Not part of what Ledger uses, so not of its types. */
interface CountingModule extends EngineModule {
  progressHandler(database: Pointer, everyInstructions: number, handler: () => number, userData: null): void;
}

export interface CountedLog {
  readonly database: Database;
  readonly log: ChangeLog;
  /** Instructions that `work` took. */
  count(work: () => Promise<unknown>): Promise<number>;
}

export const openCountedLog = async (schema: string, table: string): Promise<CountedLog> => {
  let instructions = 0;
  const vfsName = "counted";

  const openConnection = async () => {
    const engine = await loadEngine("sync");
    const module = engine.module as CountingModule;
    module.registerVFS(createSyncVfs({ name: vfsName, directory: createMemoryDirectory() }), false);
    let database: Pointer = 0;
    const counted: Engine = {
      ...engine,
      open: (name, out, flags, vfs) => {
        const result = engine.open(name, out, flags, vfs);
        database = module.HEAPU32[out >> 2] as Pointer;
        return result;
      },
    };
    const connection = await openSqlite({ engine: counted, fileName: "ledger.db", vfs: vfsName });
    const count = (): number => {
      instructions += 1;
      return 0;
    };
    module.progressHandler(database, 1, count, null);
    return connection;
  };

  const database = await createSqliteDatabase({
    storage: "memory",
    openConnection,
    replace: async () => {},
    release: async () => {},
  });
  await database.exec({ sql: schema });
  await database.enableSync(table);
  const log = await openChangeLog({ database, epoch: "0".repeat(32) as Epoch, nowMs: 1 });
  return {
    database,
    log,
    count: async (work) => {
      const before = instructions;
      await work();
      return instructions - before;
    },
  };
};
