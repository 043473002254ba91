/** The log of a database file: what a commit costs, and what is left when the power goes or the disk fails. */

import { afterEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.ts";
import { openLoggedSqlite, type LoggedSqlite } from "../../src/database/logged-sqlite.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { loadEngine } from "../../src/database/wasm-location.ts";
import { createLosingDisk, type LosingDisk } from "../support/losing-disk.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { notesTable, rowsOf } from "./database-case.ts";

const fileName = "ledger.db";
/** Small, so that a short history has many checkpoints. */
const smallLimits = { checkpointBytes: 128 * 1024, mostBytes: 192 * 1024 };
const powerCuts = Number(process.env.LEDGER_POWER_CUTS ?? 60);

const openDatabases = new Set<Database>();

const openOver = async (disk: LosingDisk, limits?: typeof smallLimits): Promise<Database> => {
  let opened: LoggedSqlite | undefined;
  const database = await createSqliteDatabase({
    storage: "memory",
    openConnection: async () => {
      const engine = await loadEngine("sync");
      opened = await openLoggedSqlite({
        engine,
        directory: disk,
        fileName,
        vfs: "losing",
        ...(limits === undefined ? {} : { limits }),
      });
      return opened.connection;
    },
    upkeep: () => opened?.upkeep(),
    replace: async () => {},
    release: async () => {},
  });
  openDatabases.add(database);
  return database;
};

const openWithNotes = async (disk: LosingDisk, limits?: typeof smallLimits): Promise<Database> => {
  const database = await openOver(disk, limits);
  await database.exec({ sql: notesTable });
  await database.enableSync("notes");
  return database;
};

/** What outgrows so few pages of memory goes through SQLite's journal. */
const shrinkMemory = (database: Database) => database.read((connection) => connection.all("pragma cache_size = 20"));

const insert = (id: string, n: number) => ({ sql: "insert into notes values (?, 't', ?)", params: [id, n] });
const many = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => insert(`many-${from}-${index}-${"x".repeat(80)}`, index));

/** What one history does, each step with the rows that there are after it. */
const historyOf = (database: Database): readonly (() => Promise<unknown>)[] => [
  () => database.exec(insert("a", 1)),
  () => database.exec({ sql: "update notes set n = n + 1 where id = 'a'" }),
  ...Array.from({ length: 8 }, (_, index) => () => database.exec(insert(`single-${index}`, index))),
  () => database.batch(many(0, 300)),
  () => database.exec({ sql: "update notes set n = n + 1 where n < 4" }),
  () => database.exec({ sql: "delete from notes where id like 'many%' and n % 3 > 0" }),
  () => database.exec({ sql: "vacuum" }),
  () => database.exec(insert("b", 1)),
  ...Array.from({ length: 8 }, (_, index) => () => database.exec(insert(`later-${index}`, index))),
];

const contentOf = (database: Database) => rowsOf(database, "select id, n from notes order by id");

afterEach(async () => {
  for (const database of openDatabases) await database.close().catch(() => {});
  openDatabases.clear();
});

describe("a database file with a write-ahead log", () => {
  it("flushes once for a small commit", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await database.exec(insert("a", 1));

    const before = disk.syncs;
    await database.exec(insert("b", 1));
    expect(disk.syncs - before).toBe(1);
  });

  it("flushes once again after a transaction that went through SQLite's journal", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await shrinkMemory(database);
    const flushes = disk.syncs;
    await database.batch(many(0, 300));
    expect(disk.syncs - flushes).toBeGreaterThan(2);
    await database.exec(insert("a", 1));

    const before = disk.syncs;
    await database.exec(insert("b", 1));
    expect(disk.syncs - before).toBe(1);
  });

  it("flushes once again after a single statement that outgrew the memory, run before", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await database.batch(many(0, 2000));
    await shrinkMemory(database);
    const everywhere = { sql: "update notes set n = n + ?", params: [1] };
    await database.exec(insert("a", 1));
    for (let time = 0; time < 2; time += 1) {
      const flushes = disk.syncs;
      await database.exec(everywhere);
      expect(disk.syncs - flushes).toBeGreaterThan(2);
    }
    await database.exec(insert("b", 1));

    const before = disk.syncs;
    await database.exec(insert("c", 1));
    expect(disk.syncs - before).toBe(1);
  });

  it("writes what it logged into the file when nothing else has to be done", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk, smallLimits);
    await database.exec(insert("a", 1));
    const before = disk.copyOf(fileName);
    await database.batch(many(0, 1000));
    expect(disk.copyOf(fileName)).toEqual(before);

    await new Promise((resolve) => setTimeout(resolve));
    expect(disk.copyOf(fileName).length).toBeGreaterThan(before.length);
    expect(lengthOfRecords(disk)).toBe(32);
  });

  it("does not touch files that were given to another engine after a crash", async () => {
    const disk = createLosingDisk();
    const engine = await loadEngine("sync");
    const crashed = await openLoggedSqlite({ engine, directory: disk, fileName, vfs: "losing", limits: smallLimits });
    await crashed.connection.run(`create table big (value); insert into big values (zeroblob(300000))`);
    crashed.abandon();

    const before = disk.operations;
    await new Promise((resolve) => setTimeout(resolve));
    expect(disk.operations).toBe(before);
    expect(lengthOfRecords(disk)).toBeGreaterThan(smallLimits.checkpointBytes);
  });

  it("is a plain SQLite file with everything in it after closing", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await database.exec(insert("a", 7));
    await database.close();

    const plain = createLosingDisk();
    plain.open(fileName, true)?.write(disk.copyOf(fileName), 0);
    expect(await contentOf(await openOver(plain))).toEqual([["a", 7]]);
  });

  it("opens with what a killed process had committed", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await database.exec(insert("a", 7));
    await database.exec({ sql: "update notes set n = 8" });

    disk.losePower(() => true);
    expect(await contentOf(await openOver(disk))).toEqual([["a", 8]]);
  });

  it("does not take a record whose bytes were changed, nor one behind it", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk);
    await database.exec(insert("a", 1));
    const [start] = [lengthOfRecords(disk)];
    await database.exec({ sql: "update notes set n = 2" });
    await database.exec({ sql: "update notes set n = 3" });

    const log = disk.open(`${fileName}-log`, false);
    const byte = new Uint8Array(1);
    log?.read(byte, start + 1000);
    log?.write(
      byte.map((value) => value ^ 1),
      start + 1000,
    );
    disk.losePower(() => true);
    expect(await contentOf(await openOver(disk))).toEqual([["a", 1]]);
  });

  it("tells of a failing disk and goes on when it works again", async () => {
    const disk = createLosingDisk();
    const database = await openWithNotes(disk, smallLimits);
    for (let from = 1; from < 40; from += 1) {
      await database.exec(insert(`before-${from}`, 1));
      disk.failFrom(disk.operations + from);
      const outcome = await database.exec(insert(`failing-${from}`, 1)).catch((error: unknown) => error);
      disk.failFrom(Infinity);
      const isThere = (await rowsOf(database, `select 1 from notes where id = 'failing-${from}'`)).length === 1;
      expect(isThere).toBe(!(outcome instanceof Error));
    }
    const content = await contentOf(database);
    disk.losePower(() => true);
    const again = await openOver(disk, smallLimits);
    expect(await contentOf(again)).toEqual(content);
    expect(await rowsOf(again, "pragma integrity_check")).toEqual([["ok"]]);
  });

  it.each([1, 5, 10])(
    "says that space has run out, also in the middle of a large commit (operation %i)",
    async (operation) => {
      const disk = createLosingDisk();
      const database = await openWithNotes(disk);
      disk.failFrom(disk.operations + operation, new DOMException("full", "QuotaExceededError"));
      await expect(database.batch(many(0, 8000))).rejects.toMatchObject({ code: "LEDGER_QUOTA_EXCEEDED" });

      disk.failFrom(Infinity);
      await database.exec(insert("a", 1));
      disk.losePower(() => true);
      expect(await contentOf(await openOver(disk))).toEqual([["a", 1]]);
    },
  );

  it("keeps what is acknowledged after the log could not be cut short", async () => {
    const disk = createLosingDisk();
    let refused = 0;
    const truncate = (): never => {
      refused += 1;
      throw new Error("refused");
    };
    const open: LosingDisk["open"] = (path, create) => {
      const file = disk.open(path, create);
      return file !== undefined && path.endsWith("-log") ? { ...file, truncate } : file;
    };
    const database = await openWithNotes({ ...disk, open }, smallLimits);
    await database.batch(many(0, 1000));
    await new Promise((resolve) => setTimeout(resolve));
    expect(refused).toBeGreaterThan(0);
    await database.exec(insert("a", 1));

    const content = await contentOf(database);
    disk.losePower(() => true);
    expect(await contentOf(await openOver(disk))).toEqual(content);
  });

  it(
    `has every acknowledged commit whole after each of ${powerCuts} power cuts`,
    async () => {
      const states: unknown[] = [];
      /** Operations of the history, with enough memory and with little. */
      const operations = [0, 0];
      for (const index of operations.keys()) {
        const whole = createLosingDisk();
        const first = await openWithNotes(whole, smallLimits);
        if (index === 1) await shrinkMemory(first);
        const setUp = whole.operations;
        states.length = 0;
        states.push(await contentOf(first));
        for (const step of historyOf(first)) {
          await step();
          states.push(await contentOf(first));
        }
        operations[index] = whole.operations - setUp;
      }

      for (let cut = 0; cut < powerCuts; cut += 1) {
        const random = createSeededRandom(cut + 1);
        const disk = createLosingDisk();
        const database = await openWithNotes(disk, smallLimits);
        if (cut % 2 === 1) await shrinkMemory(database);
        disk.failFrom(disk.operations + 1 + Math.floor(random.unit() * (operations[cut % 2] as number)));
        let acknowledged = 0;
        for (const step of historyOf(database)) {
          const isDone = await step().then(
            () => true,
            () => false,
          );
          if (!isDone) break;
          acknowledged += 1;
        }
        const share = random.unit();
        disk.losePower(() => random.unit() < share);
        // A second cut, while the first one is recovered from.
        disk.failFrom(disk.operations + 1 + Math.floor(random.unit() * 12));
        await openOver(disk, smallLimits).catch(() => {});
        disk.losePower(() => random.unit() < share);

        const again = await openOver(disk, smallLimits);
        const content = await contentOf(again);
        const possible = states.slice(acknowledged, acknowledged + 2);
        expect(possible, `power cut ${cut}, ${acknowledged} steps acknowledged`).toContainEqual(content);
        expect(await rowsOf(again, "pragma integrity_check"), `power cut ${cut}`).toEqual([["ok"]]);
        await again.exec(insert("afterwards", 1));
        await again.close();
      }
    },
    5_000 + powerCuts * 1_000,
  );
});

/** Where the next record of the log will begin. */
const lengthOfRecords = (disk: LosingDisk): number => {
  const words = new Uint32Array(disk.copyOf(`${fileName}-log`).buffer);
  let at = 32;
  while ((words[at / 4] ?? 0) > 0 && words[at / 4 + 4] === words[2] && words[at / 4 + 5] === words[3]) {
    at += 32 + (words[at / 4] as number) * (8 + (words[at / 4 + 1] as number));
  }
  return at;
};
