/** Storage that fails: what the app is told, and that nothing acknowledged goes. */

import { describe, expect, it } from "vitest";
import { createMemoryDirectory } from "../../src/database/memory-directory.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { openSqlite } from "../../src/database/sqlite-connection.ts";
import { createSyncVfs, type VfsDirectory, type VfsFile } from "../../src/database/vfs.ts";
import { loadEngine } from "../../src/database/wasm-location.ts";
import { notesTable, rowsOf } from "./database-case.ts";

interface FaultyDirectory extends VfsDirectory {
  /** What every write and sync throws from now on; undefined to work again. */
  fault: Error | undefined;
  /** Writes and syncs that still work before they do. Default 0. */
  roomFor: number;
}

const createFaultyDirectory = (): FaultyDirectory => {
  const inner = createMemoryDirectory();
  const mayFail = (): void => {
    if (directory.fault === undefined) return;
    if (directory.roomFor === 0) throw directory.fault;
    directory.roomFor -= 1;
  };
  const faulty = (file: VfsFile): VfsFile => ({
    ...file,
    write: (from, offset) => {
      mayFail();
      file.write(from, offset);
    },
    sync: mayFail,
  });
  const directory: FaultyDirectory = {
    ...inner,
    fault: undefined,
    roomFor: 0,
    open: (path, create) => {
      const file = inner.open(path, create);
      return file === undefined ? undefined : faulty(file);
    },
  };
  return directory;
};

const openOver = async (directory: VfsDirectory) => createSqliteDatabase(await openMemoryHost(undefined, directory));
const insert = { sql: "insert into notes values (hex(randomblob(8)), 't', 1)" };
const outOfSpace = Object.assign(new Error("no space left"), { code: "ENOSPC" });

describe("a database whose storage fails", () => {
  it.each([
    ["the browser's quota", new DOMException("full", "QuotaExceededError"), "LEDGER_QUOTA_EXCEEDED"],
    ["a full disk", outOfSpace, "LEDGER_QUOTA_EXCEEDED"],
    ["a disk that breaks", new Error("EIO"), "LEDGER_SQL_ERROR"],
  ])("keeps what was acknowledged and works again after %s", async (_name, fault, code) => {
    const directory = createFaultyDirectory();
    const database = await openOver(directory);
    await database.exec({ sql: notesTable });
    await database.enableSync("notes");
    await database.exec(insert);

    directory.fault = fault;
    await expect(database.exec(insert)).rejects.toMatchObject({ code });
    await expect(database.exec({ sql: `${insert.sql}; ${insert.sql}` })).rejects.toMatchObject({ code });
    expect(await rowsOf(database, "select count(*) from notes")).toEqual([[1]]);

    directory.fault = undefined;
    await database.exec(insert);
    expect(await rowsOf(database, "select count(*) from notes")).toEqual([[2]]);
    expect(await rowsOf(database, "select count(*) from crsql_changes")).toEqual([[4]]);
    expect(await rowsOf(database, "pragma integrity_check")).toEqual([["ok"]]);
    await database.close();
  });

  it("tracks what is written after a long batch that outgrew the cache and found the disk full", async () => {
    const directory = createFaultyDirectory();
    const database = await openOver(directory);
    await database.exec({ sql: notesTable });
    await database.enableSync("notes");
    const body = "x".repeat(20_000);
    const rows = Array.from({ length: 2000 }, (_, index) => ({
      sql: "insert into notes (id, title) values (?, ?)",
      params: [`n${index}`, body],
    }));

    Object.assign(directory, { fault: outOfSpace, roomFor: 100 });
    await expect(database.batch(rows)).rejects.toMatchObject({
      code: "LEDGER_QUOTA_EXCEEDED",
      message: expect.stringMatching(/^statement 1\d\d\d of 2000: /) as string,
    });

    directory.fault = undefined;
    await database.exec(insert);
    expect(await rowsOf(database, "select count(*) from crsql_changes")).toEqual([[2]]);
    expect(await database.batch(rows.slice(0, 40))).toHaveLength(40);
    expect(await rowsOf(database, "select count(*) from crsql_changes")).toEqual([[82]]);
    expect(await rowsOf(database, "pragma integrity_check")).toEqual([["ok"]]);
    await database.close();
  });

  it("goes on with a new connection where a failure is the end of one, once one can be had", async () => {
    const directory = createFaultyDirectory();
    let opened = 0;
    const database = await createSqliteDatabase({
      storage: "memory",
      openConnection: async () => {
        if (directory.fault !== undefined) throw directory.fault;
        opened += 1;
        const engine = await loadEngine("sync");
        engine.module.registerVFS(createSyncVfs({ name: "files", directory }), false);
        return openSqlite({ engine, fileName: "ledger.db", vfs: "files", endsOnIoError: true });
      },
      replace: async () => {},
      release: async () => {},
    });
    await database.exec({ sql: notesTable });
    await database.exec(insert);

    directory.fault = new Error("EIO");
    await expect(database.exec(insert)).rejects.toMatchObject({ code: "LEDGER_SQL_ERROR" });
    await new Promise((resolve) => setImmediate(resolve));
    directory.fault = undefined;
    await database.exec(insert);

    expect(opened).toBe(2);
    expect(await rowsOf(database, "select count(*) from notes")).toEqual([[2]]);
    await database.close();
  });

  it("rolls a half-written transaction back when the files are opened again", async () => {
    const directory = createFaultyDirectory();
    const crashed = await openOver(directory);
    await crashed.exec({ sql: "create table t (a); insert into t values ('kept')" });
    // The engine is abandoned in the middle of a commit: the journal is there, the database is half written.
    directory.fault = new Error("power");
    await crashed.exec({ sql: "insert into t values ('lost')" }).catch(() => {});
    directory.fault = undefined;

    const database = await openOver(directory);

    expect(await rowsOf(database, "select a from t")).toEqual([["kept"]]);
    expect(await rowsOf(database, "pragma integrity_check")).toEqual([["ok"]]);
    await database.close();
  });

  it("rejects with LEDGER_ENGINE_UNAVAILABLE when the wasm file is not there", async () => {
    const host = await openMemoryHost("file:///nowhere/crsqlite-sync.wasm");
    await expect(createSqliteDatabase(host)).rejects.toMatchObject({
      code: "LEDGER_ENGINE_UNAVAILABLE",
      message: expect.stringContaining("wasmUrl"),
    });
  });
});
