/** The file storage of Node: a process that is killed, and who may open a file. */

import { fork, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rolldown } from "rolldown";
import type { Database } from "../../src/database/database.ts";
import { eraseNodeFiles } from "../../src/database/node-file-host.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import { rowsOf } from "./database-case.ts";

const killRounds = 4;
const killTimeoutMs = 90_000;

let directory = "";
let writerScript = "";

beforeAll(async () => {
  // Node 20 runs no TypeScript, so the child is bundled; it stays beside node_modules for the engine's sake.
  writerScript = fileURLToPath(new URL("../../.tmp/database-writer/writer.mjs", import.meta.url));
  const bundle = await rolldown({
    input: fileURLToPath(new URL("./node-file-writer.ts", import.meta.url)),
    platform: "node",
    external: /^@vlcn\.io\//,
  });
  await bundle.write({ file: writerScript, format: "esm", codeSplitting: false });
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ledger-file-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (name = "db"): Promise<Database> => openDatabase({ name, ladder: ["file"], directory });

/** Lets a process write until it has acknowledged `rows` rows; it goes on writing. */
const startWriter = async (
  rows: number,
): Promise<{ readonly child: ChildProcess; readonly acknowledged: () => number }> => {
  const child = fork(writerScript, [directory], { stdio: "inherit" });
  let last = 0;
  await new Promise<void>((resolve, reject) => {
    let count = 0;
    child.on("message", (row) => {
      last = row as number;
      count += 1;
      if (count === rows) resolve();
    });
    child.once("exit", (code) => reject(new Error(`the writer ended with ${code}`)));
  });
  return { child, acknowledged: () => last };
};

describe("a database in a file", () => {
  it(
    "has every acknowledged row and no damage after its process was killed while it wrote",
    async () => {
      for (let round = 0; round < killRounds; round += 1) {
        const { child, acknowledged } = await startWriter(5 + round * 7);
        child.kill("SIGKILL");
        await once(child, "exit");

        const database = await open();
        const [[count, last] = []] = await rowsOf(database, "select count(*), max(id) from t");
        expect(last).toBeGreaterThanOrEqual(acknowledged());
        expect(count).toBe(last);
        expect(await rowsOf(database, "select count(*) from crsql_changes")).toEqual([[count]]);
        expect(await rowsOf(database, "pragma integrity_check")).toEqual([["ok"]]);
        await database.close();
      }
    },
    killTimeoutMs,
  );

  it("is busy while another process has it open", async () => {
    const { child } = await startWriter(1);

    await expect(open()).rejects.toMatchObject({ code: "LEDGER_STORAGE_BUSY" });

    child.kill("SIGKILL");
    await once(child, "exit");
    const database = await open();
    await database.close();
  });

  it("takes over the lock of a process that is gone, also when its number was given away again", async () => {
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    for (const owner of [`${gone} 1`, `${process.pid} 1`, "", "not a number"]) {
      writeFileSync(join(directory, "db.db.lock"), owner);
      const database = await open();
      await database.close();
    }
  });

  it("leaves a plain SQLite file and no lock behind", async () => {
    const database = await open();
    await database.exec({ sql: "create table t (a)" });
    await database.close();

    expect(readFileSync(join(directory, "db.db")).subarray(0, 15).toString()).toBe("SQLite format 3");
    expect(existsSync(join(directory, "db.db.lock"))).toBe(false);
  });

  it("keeps names apart, whatever is in them", async () => {
    const names = ["a", "A", "a/b", "../a", ".", "..", "ä", "a%2Fb", "*", "a b"];
    for (const name of names) {
      const database = await open(name);
      await database.exec({ sql: "create table t (name); insert into t values ('" + name + "')" });
      await database.close();
    }
    for (const name of names) {
      const database = await open(name);
      expect(await rowsOf(database, "select name from t")).toEqual([[name]]);
      await database.close();
    }
    expect(readdirSync(directory).filter((file) => file.endsWith(".db"))).toHaveLength(names.length);
  });

  it("refuses a file that is no database, and gives its lock up", async () => {
    writeFileSync(
      join(directory, "db.db"),
      "this is not a database, though it is long enough to look like one".repeat(20),
    );
    await expect(open()).rejects.toMatchObject({ code: "LEDGER_SQL_ERROR" });
    expect(existsSync(join(directory, "db.db.lock"))).toBe(false);
  });

  it("needs a directory, and says so", async () => {
    await expect(openDatabase({ name: "db", ladder: ["file"] })).rejects.toMatchObject({
      code: "LEDGER_OPTION_INVALID",
    });
  });
});

describe("the storage ladder in Node", () => {
  it("skips the browser's rungs", async () => {
    const database = await openDatabase({ name: "db", ladder: ["opfs", "idb", "memory"] });
    expect(database.storage).toBe("memory");
    await database.close();
  });

  it("says what was tried when nothing can be had", async () => {
    await expect(openDatabase({ name: "db", ladder: ["opfs", "idb"] })).rejects.toMatchObject({
      code: "LEDGER_STORAGE_UNAVAILABLE",
      message: expect.stringContaining("opfs, idb"),
    });
  });

  it("does not fall from a busy file to an empty memory", async () => {
    const first = await open();
    await expect(openDatabase({ name: "db", ladder: ["file", "memory"], directory })).rejects.toMatchObject({
      code: "LEDGER_STORAGE_BUSY",
    });
    await first.close();
  });
});

describe("an import that was cut off", () => {
  /** The file `db.db` holds one note; beside it lies what an import would put in its place, which holds two. */
  const cutOff = async (): Promise<void> => {
    const database = await open();
    await database.exec({ sql: "CREATE TABLE notes (id TEXT); INSERT INTO notes VALUES ('old')" });
    await database.exec({ sql: "INSERT INTO notes VALUES ('new')" });
    const image = await database.export(true);
    await database.exec({ sql: "DELETE FROM notes WHERE id = 'new'" });
    await database.close();
    writeFileSync(join(directory, "db.db-import"), new Uint8Array(await image.arrayBuffer()));
  };

  it("is finished when the database is opened next", async () => {
    await cutOff();

    const database = await open();

    expect(await rowsOf(database, "SELECT id FROM notes")).toEqual([["old"], ["new"]]);
    expect(existsSync(join(directory, "db.db-import"))).toBe(false);
    await database.close();
  });

  it("does not come back after the database was removed", async () => {
    await cutOff();

    eraseNodeFiles("db", directory);
    const database = await open();

    expect(await rowsOf(database, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'")).toEqual([[0]]);
    await database.close();
  });
});
