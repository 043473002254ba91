import { afterEach, describe, expect, test } from "vitest";
import { Ledger, loadMigrations, type LedgerOptions, type Migration } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";

const opened: Ledger[] = [];

const openLedger = async (options: LedgerOptions = {}): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  await db.init();
  return db;
};

const create: Migration = {
  version: 1,
  name: "create notes",
  up: "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '')",
  sync: ["notes"],
};
const color: Migration = {
  version: 2,
  name: "add colors",
  up: "ALTER TABLE notes ADD COLUMN color TEXT NOT NULL DEFAULT 'white'; UPDATE notes SET color = 'red' WHERE title = 'x'",
};
const tags: Migration = {
  version: 5,
  name: "add tags",
  up: async (tx) => {
    await tx.exec("CREATE TABLE tags (id TEXT PRIMARY KEY NOT NULL, label TEXT)");
    await tx.enableSync("tags");
    for (const { title } of await tx.query<{ title: string }>("SELECT DISTINCT title FROM notes ORDER BY 1")) {
      await tx.exec("INSERT INTO tags VALUES (?, ?)", [title, title]);
    }
  },
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("runs what has not run yet, in the order of versions, and says what it did", async () => {
  const db = await openLedger();

  const first = await db.migrate([color, create]);
  await db.exec("INSERT INTO notes (id, title) VALUES ('a', 'x')");
  const second = await db.migrate([create, color, tags]);
  const third = await db.migrate([create, color, tags]);

  expect(first).toEqual({ applied: [1, 2], skipped: [], newer: [] });
  expect(second).toEqual({ applied: [5], skipped: [1, 2], newer: [] });
  expect(third).toEqual({ applied: [], skipped: [1, 2, 5], newer: [] });
  expect(await db.query("SELECT * FROM tags")).toEqual([{ id: "x", label: "x" }]);
});

test("runs each migration once, however many call at a time", async () => {
  const db = await openLedger();
  let runs = 0;
  const counted: Migration = { version: 9, name: "count", up: () => (runs += 1) };

  const results = await Promise.all([1, 2, 3].map(() => db.migrate([create, counted])));

  expect(runs).toBe(1);
  expect(results.flatMap(({ applied }) => applied).sort((a, b) => a - b)).toEqual([1, 9]);
});

test("stores nothing of a migration that fails, keeps those before it, and goes on with it the next time", async () => {
  const db = await openLedger();
  const broken: Migration = { ...color, up: `${color.up as string}; UPDATE nowhere SET x = 1` };

  const failed = db.migrate([create, broken, tags]);

  await expect(failed).rejects.toMatchObject({
    code: "LEDGER_MIGRATION_FAILED",
    message: "migration 2 (add colors): no such table: nowhere; nothing of it was stored",
    cause: { code: "LEDGER_SQL_ERROR" },
  });
  expect(await db.query("SELECT name FROM pragma_table_info('notes')")).toHaveLength(2);
  expect(await db.migrate([create, color, tags])).toMatchObject({ applied: [2, 5], skipped: [1] });
});

test("rejects with what a function threw as the cause", async () => {
  const db = await openLedger();
  const reason = new Error("of the app");
  const throwing: Migration = {
    version: 2,
    name: "throw",
    up: () => {
      throw reason;
    },
  };

  await expect(db.migrate([create, throwing])).rejects.toMatchObject({
    code: "LEDGER_MIGRATION_FAILED",
    cause: reason,
  });
});

describe("a list that contradicts what has run", () => {
  const cases: readonly [name: string, list: readonly Migration[], message: RegExp][] = [
    ["has another text", [{ ...create, up: `${create.up as string} -- ` }, tags], /another text/],
    ["has other synced tables", [{ ...create, sync: [] }, tags], /another text/],
    ["has one more before the last that ran", [create, color, tags], /comes before 5, which has run here/],
    ["has one less before the last", [tags], /migration 1 has run here and is missing/],
  ];

  test.each(cases)("is refused when it %s", async (_name, list, message) => {
    const db = await openLedger();
    await db.migrate([create, tags]);

    const refused = db.migrate(list);

    await expect(refused).rejects.toMatchObject({
      code: "LEDGER_MIGRATION_CHANGED",
      message: expect.stringMatching(message) as string,
    });
  });

  test("is not what an older build of the app has", async () => {
    const db = await openLedger();
    await db.migrate([create, color]);

    expect(await db.migrate([create])).toEqual({ applied: [], skipped: [1], newer: [2] });
  });
});

test.each([
  ["a version twice", [create, { ...color, version: 1 }]],
  ["a version that is none", [{ ...create, version: 0.5 }]],
  ["something else than SQL or a function", [{ ...create, up: 5 as never }]],
])("refuses a list with %s", async (_name, list) => {
  const db = await openLedger();

  await expect(db.migrate(list)).rejects.toMatchObject({ code: "LEDGER_OPTION_INVALID" });
});

test("refuses to alter or drop a synced table outside, and names migrate() as the way", async () => {
  const db = await openLedger();
  await db.migrate([create]);

  for (const sql of ["ALTER TABLE notes ADD COLUMN x", "DROP TABLE notes"]) {
    await expect(db.exec(sql)).rejects.toMatchObject({
      code: "LEDGER_SCHEMA_CHANGE_REFUSED",
      message: expect.stringContaining("db.migrate()") as string,
    });
  }
});

test("goes on in a restored file where the file stood", async () => {
  const [alice, bob] = [await openLedger(), await openLedger()];
  const dropped: Migration = { version: 3, name: "drop", up: "ALTER TABLE notes DROP COLUMN color" };
  await alice.migrate([create, color, dropped]);
  const file = await alice.export();
  const back = (value: string): Migration => ({
    version: 4,
    name: "bring back",
    up: `ALTER TABLE notes ADD COLUMN color TEXT NOT NULL DEFAULT '${value}'`,
  });

  await bob.import(file);

  await expect(bob.migrate([create, color, dropped, back("black")])).rejects.toMatchObject({
    code: "LEDGER_MIGRATION_FAILED",
    cause: { code: "LEDGER_SCHEMA_CHANGE_REFUSED" },
  });
  expect(await bob.migrate([create, color, dropped, back("white")])).toMatchObject({
    applied: [4],
    skipped: [1, 2, 3],
  });
});

describe("loadMigrations", () => {
  test("takes version, name and synced tables from files", async () => {
    const db = await openLedger();
    const list = loadMigrations({
      "./migrations/0010-more.sql":
        "-- sync: a,b\nCREATE TABLE a (id TEXT PRIMARY KEY NOT NULL);\nCREATE TABLE b (id TEXT PRIMARY KEY NOT NULL);",
      "./migrations/0002_create notes.sql":
        "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL);\r\n  -- sync: notes\r\n",
    });

    await db.migrate(list);

    expect(list.map(({ version, name, sync }) => [version, name, sync])).toEqual([
      [2, "create notes", ["notes"]],
      [10, "more", ["a", "b"]],
    ]);
    expect(await db.query("SELECT count(*) AS n FROM sqlite_master WHERE name LIKE '%__crsql_clock'")).toEqual([
      { n: 3 },
    ]);
  });

  test.each([
    ["a file without a version", { "./create.sql": "SELECT 1" }],
    ["contents that are not text", { "./1-create.sql": { default: "SELECT 1" } }],
  ])("refuses %s", (_name, files) => {
    expect(() => loadMigrations(files)).toThrow(expect.objectContaining({ code: "LEDGER_OPTION_INVALID" }) as Error);
  });
});

test("lets an old and a new replica go on with what both know, and brings the rest when the old one is up to date", async () => {
  const network = createTestNetwork();
  const [alice, bob] = [await openLedger({ network }), await openLedger({ network })];
  await alice.migrate([create]);
  await bob.migrate([create]);
  const ready = new Promise((resolve) => alice.on("peer-ready", resolve));
  await Promise.all([alice.connect(), bob.connect()]);
  await ready;
  const received = (db: Ledger): Promise<void> => new Promise((resolve) => db.on("sync", () => resolve()));

  await alice.migrate([create, color, tags]);
  let atBob = received(bob);
  await alice.batch([
    "INSERT INTO notes (id, title, color) VALUES ('a', 'from Alice', 'blue')",
    "INSERT INTO tags VALUES ('t', 'tag')",
  ]);
  await atBob;
  expect(await bob.query("SELECT * FROM notes")).toEqual([{ id: "a", title: "from Alice" }]);

  const atAlice = received(alice);
  await bob.exec("INSERT INTO notes VALUES ('b', 'from Bob')");
  await atAlice;
  expect(await alice.get("SELECT * FROM notes WHERE id = 'b'")).toEqual({ id: "b", title: "from Bob", color: "white" });

  expect(await bob.migrate([create, color, tags])).toMatchObject({ applied: [2, 5] });
  for (const sql of ["SELECT * FROM notes ORDER BY id", "SELECT * FROM tags ORDER BY id"]) {
    expect(await bob.query(sql)).toEqual(await alice.query(sql));
  }
  expect(await bob.query("SELECT id, color FROM notes ORDER BY id")).toEqual([
    { id: "a", color: "blue" },
    { id: "b", color: "white" },
  ]);

  atBob = received(bob);
  await alice.exec("UPDATE notes SET color = 'green' WHERE id = 'b'");
  await atBob;
  expect(await bob.get("SELECT color FROM notes WHERE id = 'b'")).toEqual({ color: "green" });
});
