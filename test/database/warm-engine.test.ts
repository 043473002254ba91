import { expect, test } from "vitest";
import { createMemoryDirectory } from "../../src/database/memory-directory.ts";
import { openSqlite } from "../../src/database/sqlite-connection.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { createSyncVfs } from "../../src/database/vfs.ts";
import { warmUpEngine } from "../../src/database/warm-engine.ts";

test("is as good as a new engine: a database on it is empty, syncs and closes", async () => {
  const engine = await warmUpEngine();
  engine.module.registerVFS(createSyncVfs({ name: "files", directory: createMemoryDirectory() }), false);
  const database = await createSqliteDatabase({
    storage: "memory",
    openConnection: () => openSqlite({ engine, fileName: "ledger.db", vfs: "files" }),
    replace: async () => {},
    release: async () => {},
  });

  await database.exec({ sql: "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL)" });
  await database.enableSync("n");
  await database.exec({ sql: "INSERT INTO n VALUES ('a')" });

  expect([...database.syncedTables.keys()]).toEqual(["n"]);
  expect(database.version).toBe(1);
  const tables = await database.exec({ sql: "SELECT name FROM sqlite_master WHERE name LIKE 'ledger%' OR name = 'a'" });
  expect(tables.rows).toEqual([]);
  await database.close();
});

test("says why when the engine cannot be loaded", async () => {
  await expect(warmUpEngine("file:///nowhere/crsqlite-sync.wasm")).rejects.toMatchObject({
    code: "LEDGER_ENGINE_UNAVAILABLE",
  });
});
