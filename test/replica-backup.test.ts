import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ensurePackage, installTimeoutMs } from "../signaling-server/test/daemons.js";
import { LedgerError } from "../src/common/errors.ts";
import type { Replica } from "../src/replica.ts";
import { enableSyncOn, execOn } from "./support/calls.ts";
import { changesOf, connect, openMemoryReplica, rowsOf, settled } from "./support/replicas.ts";

const opened: Replica[] = [];
let directory = "";
let sqlite3Path = "";

beforeAll(() => {
  sqlite3Path = ensurePackage("sqlite3");
}, installTimeoutMs);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ledger-backup-"));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
  rmSync(directory, { recursive: true, force: true });
});

const open = async (options: Parameters<typeof openMemoryReplica>[0] = {}): Promise<Replica> => {
  const replica = await openMemoryReplica(options);
  opened.push(replica);
  return replica;
};

const exportOf = (replica: Replica, withMetadata = true): Promise<Blob> =>
  replica.call({ type: "export", withMetadata });

const importTo = (replica: Replica, file: Blob): Promise<void> => replica.call({ type: "import", file });

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: unknown) => (error instanceof LedgerError ? error.code : String(error)),
  );

const insert = async (replica: Replica, id: string, title = id): Promise<void> => {
  await execOn(replica, { sql: "INSERT INTO notes (id, title) VALUES (?, ?)", params: [id, title] });
};

/** What Debian's sqlite3 says of the file. */
const sqlite3 = async (file: Blob, ...sql: readonly string[]): Promise<string> => {
  const path = join(directory, "export.db");
  writeFileSync(path, new Uint8Array(await file.arrayBuffer()));
  const ran = spawnSync(sqlite3Path, [path, ...sql], { encoding: "utf8" });
  return ran.stderr + ran.stdout;
};

describe("a file that export() made", () => {
  test.each([true, false])("is sound for any SQLite, with metadata: %s", async (withMetadata) => {
    const alice = await open();
    await execOn(alice, { sql: "CREATE TABLE local (n INTEGER); INSERT INTO local VALUES (1), (2)" });
    for (let index = 0; index < 500; index += 1) await insert(alice, `n${index}`, "x".repeat(index));
    await execOn(alice, { sql: "DELETE FROM notes WHERE id LIKE 'n1%'" });

    const file = await exportOf(alice, withMetadata);

    expect(await sqlite3(file, "PRAGMA integrity_check", "SELECT count(*), sum(n) FROM notes, local")).toBe(
      "ok\n778|1167\n",
    );
  });

  test("is a plain database without metadata, which can be written to", async () => {
    const alice = await open();
    await insert(alice, "a");

    const file = await exportOf(alice, false);

    expect(await sqlite3(file, "SELECT name FROM sqlite_master WHERE name LIKE '%crsql%' OR name LIKE 'ledger%'")).toBe(
      "",
    );
    expect(await sqlite3(file, "INSERT INTO notes (id) VALUES ('b')", "SELECT count(*) FROM notes")).toBe("2\n");
  });
});

test("exports one moment while others write", async () => {
  const alice = await open();
  await insert(alice, "a");

  const writes = Array.from({ length: 50 }, (_, index) => insert(alice, `n${index}`));
  const file = await exportOf(alice);
  await Promise.all(writes);
  await insert(alice, "later");
  const bob = await open({ schema: false });
  await importTo(bob, file);

  expect(await rowsOf(bob, "SELECT count(*) AS n FROM notes")).toEqual([{ n: 51 }]);
});

test("restores rows, schema and history under an id of its own", async () => {
  const alice = await open();
  await execOn(alice, {
    sql: `CREATE TABLE local (n REAL, v, made TEXT GENERATED ALWAYS AS (n || '!')); CREATE INDEX by_title ON notes (title);
      INSERT INTO local (n, v) VALUES (1.0, 2.0), (NULL, x'00ff'), (3, '4');
      CREATE VIEW titles AS SELECT title FROM notes;
      CREATE VIRTUAL TABLE words USING fts5(word); INSERT INTO words (word) VALUES ('hello there');
      CREATE TABLE counted (id INTEGER PRIMARY KEY, n INTEGER);
      CREATE TRIGGER count_local AFTER INSERT ON local BEGIN INSERT INTO counted (n) VALUES (1); END;`,
  });
  await insert(alice, "a", "one");
  await insert(alice, "b", "two");
  await execOn(alice, { sql: "UPDATE notes SET title = 'three' WHERE id = 'a'" });
  await execOn(alice, { sql: "DELETE FROM notes WHERE id = 'b'" });
  const file = await exportOf(alice);
  const bob = await open();
  const before = bob.siteId;
  await insert(bob, "gone");

  await importTo(bob, file);

  expect(bob.siteId).not.toBe(before);
  expect(bob.siteId).not.toBe(alice.siteId);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
  expect(await rowsOf(bob)).toEqual(await rowsOf(alice));
  const typed = "SELECT rowid, typeof(n), n, typeof(v), hex(v), made FROM local";
  expect(await rowsOf(bob, typed)).toEqual(await rowsOf(alice, typed));
  expect(await rowsOf(bob, "SELECT * FROM titles")).toEqual([{ title: "three" }]);
  expect(await rowsOf(bob, "SELECT rowid, word FROM words WHERE words MATCH 'hello'")).toEqual([
    { rowid: 1, word: "hello there" },
  ]);
  expect(await rowsOf(bob, "SELECT count(*) AS n FROM counted")).toEqual([{ n: 0 }]);
  const schema = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE '%\\_\\_%' ESCAPE '\\' ORDER BY 1, 2";
  expect(await rowsOf(bob, schema)).toEqual(await rowsOf(alice, schema));
  await execOn(bob, { sql: "INSERT INTO local (n) VALUES (9)" });
  expect(await rowsOf(bob, "SELECT count(*) AS n FROM counted")).toEqual([{ n: 1 }]);
});

test("goes on replicating after it was restored, with peers of before and with the file's own", async () => {
  const [alice, bob] = [await open(), await open()];
  await insert(alice, "a");
  connect(alice, bob);
  await settled(alice, bob);
  const file = await exportOf(alice);
  await execOn(alice, { sql: "UPDATE notes SET title = 'newer' WHERE id = 'a'" });
  const carol = await open();
  await insert(carol, "thrown away");

  await importTo(carol, file);
  await insert(carol, "c");
  connect(carol, bob);
  await settled(carol, bob);
  connect(alice, carol);
  await settled(alice, bob, carol);

  expect(await rowsOf(alice, "SELECT id, title FROM notes ORDER BY id")).toEqual([
    { id: "a", title: "newer" },
    { id: "c", title: "c" },
  ]);
  expect(await changesOf(carol)).toEqual(await changesOf(alice));
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("keeps what others wrote and this replica could not apply yet", async () => {
  const [alice, bob] = [await open(), await open({ schema: false })];
  await insert(alice, "a");
  connect(alice, bob);
  await settled(bob, alice);
  const file = await exportOf(bob);
  const carol = await open({ schema: false });

  await importTo(carol, file);
  await execOn(carol, {
    sql: "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', body TEXT NOT NULL DEFAULT '', stars INTEGER)",
  });
  const applied = new Promise((resolve) => carol.on("commit", ({ origin }) => origin.type === "remote" && resolve(0)));
  await enableSyncOn(carol, "notes");
  await applied;

  expect(await rowsOf(carol, "SELECT id FROM notes")).toEqual([{ id: "a" }]);
});

test("tells that it was replaced, ends the links, and serves what was asked meanwhile", async () => {
  const [alice, bob] = [await open(), await open()];
  await insert(alice, "a");
  const file = await exportOf(alice);
  const link = connect(bob, alice).links[0];
  const told: string[] = [];
  const closed = new Promise((resolve) => link.on("close", resolve));
  bob.on("commit", ({ tables }) => told.push(`commit ${tables.join()}`));
  bob.on("identity", ({ siteId }) => told.push(`identity ${siteId === bob.siteId}`));

  const imported = importTo(bob, file);
  const asked = execOn(bob, { sql: "SELECT count(*) AS n FROM notes" });
  await imported;
  await asked;

  expect(told.slice(-2)).toEqual(["commit notes", "identity true"]);
  expect(await closed).toBe("CLOSED");
  expect(await rowsOf(bob, "SELECT id FROM notes")).toEqual([{ id: "a" }]);
});

const damaged = async (file: Blob, at: number): Promise<Blob> => {
  const bytes = new Uint8Array(await file.arrayBuffer());
  bytes.fill(0xff, at, at + 200);
  return new Blob([bytes]);
};

describe("refuses", () => {
  test.each<readonly [string, (alice: Replica) => Promise<Blob> | Blob]>([
    ["nothing at all", () => new Blob([])],
    ["what is no database", () => new Blob(["PNG".repeat(1000)])],
    ["the head of a database alone", async (alice) => (await exportOf(alice)).slice(0, 100)],
    ["a database that was cut off", async (alice) => (await exportOf(alice)).slice(0, 8192)],
    ["a database that is damaged", async (alice) => damaged(await exportOf(alice), 4096)],
    ["a database whose schema is damaged", async (alice) => damaged(await exportOf(alice), 100)],
    ["an export without metadata", (alice) => exportOf(alice, false)],
  ])("%s, and changes nothing", async (_, fileOf) => {
    const [alice, bob] = [await open(), await open()];
    await insert(alice, "a");
    await insert(bob, "b");
    const before = bob.siteId;

    expect(await codeOf((async () => importTo(bob, await fileOf(alice)))())).toBe("LEDGER_IMPORT_REFUSED");

    expect(bob.siteId).toBe(before);
    expect(await rowsOf(bob, "SELECT id FROM notes")).toEqual([{ id: "b" }]);
    await insert(bob, "c");
  });
});

describe("a file that somebody changed", () => {
  /** The export of a replica with one note, changed by sqlite3. */
  const changed = async (...sql: readonly string[]): Promise<Blob> => {
    const alice = await open();
    await insert(alice, "a");
    const said = await sqlite3(await exportOf(alice), ...sql);
    if (/error/i.test(said)) throw new Error(said);
    const { readFileSync } = await import("node:fs");
    return new Blob([readFileSync(join(directory, "export.db"))]);
  };

  test("is taken in WAL mode", async () => {
    const bob = await open({ schema: false });

    await importTo(bob, await changed("PRAGMA journal_mode = wal"));

    expect(await rowsOf(bob, "SELECT id FROM notes")).toEqual([{ id: "a" }]);
  });

  test.each<readonly [string, string]>([
    ["a counter that no row may have", "UPDATE notes__crsql_clock SET col_version = 9223372036854775807"],
    ["a UNIQUE index on a synced table", "CREATE UNIQUE INDEX one_title ON notes (title)"],
    [
      "a trigger that writes synced rows",
      "CREATE TRIGGER t AFTER INSERT ON notes BEGIN UPDATE notes SET title = 'x'; END",
    ],
  ])("is refused with %s", async (_, sql) => {
    const bob = await open();
    await insert(bob, "b");

    expect(await codeOf(changed(sql).then((file) => importTo(bob, file)))).toBe("LEDGER_IMPORT_REFUSED");
    expect(await rowsOf(bob, "SELECT id FROM notes")).toEqual([{ id: "b" }]);
  });
});
