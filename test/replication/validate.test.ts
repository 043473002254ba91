import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Epoch } from "../../src/common/ids.ts";
import { openChangeLog } from "../../src/database/change-log.ts";
import type { Database } from "../../src/database/database.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { SqlParam } from "../../src/database/value.ts";
import type { Change } from "../../src/replication/change.ts";
import { checkChange, checkColumn, checkKey, isPlainName, keyColumnCount } from "../../src/replication/validate.ts";
import { digestOf } from "../change-log/logs.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

const packed = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

describe("a packed key", () => {
  it.each([
    ["no bytes", ""],
    ["no columns", "00"],
    ["no columns and a byte", "00 01"],
    ["a column count without columns", "01"],
    ["fewer columns than counted", "02 01"],
    ["more columns than counted", "01 01 01"],
    ["an integer of nine bytes", "01 49 000000000000000000"],
    ["an integer of 31 bytes", `01 f9 ${"00".repeat(31)}`],
    ["an integer that ends early", "01 21 0000"],
    ["a real with a length", "01 0a 00 0000000000000000"],
    ["a real that ends early", "01 02 00000000000000"],
    ["a text that ends early", "01 0b 05 61"],
    ["a text without its length", "01 0b"],
    ["a text whose length ends early", "01 13 00"],
    ["a text with bytes behind it", "01 0b 01 61 61"],
    ["a text that is not UTF-8", "01 0b 01 ff"],
    ["a text of half a surrogate pair", "01 0b 03 eda080"],
    ["a text of 4 GiB", "01 23 ffffffff 61"],
    ["a text whose length has five bytes", "01 2b 0000000001 61"],
    ["a blob that ends early", "01 0c 02 00"],
    ["a blob whose length has eight bytes", "01 44 0000000000000001 61"],
    ["a NULL", "01 05"],
    ["a NULL beside a column", "02 01 05"],
    ["type 0", "01 00"],
    ["type 6", "01 06"],
    ["type 7", "01 07"],
    ["255 columns and one", "ff 01"],
  ])("is refused with %s", (_, hex) => {
    expect(keyColumnCount(packed(hex))).toBeUndefined();
    expect(() => checkKey(packed(hex))).toThrow("key");
  });

  it.each([
    ["the integer 0", "01 01", 1],
    ["the integer -1", "01 41 ffffffffffffffff", 1],
    ["an empty text", "01 03", 1],
    ["an empty blob", "01 04", 1],
    ["a text with NUL", "01 0b 03 610062", 1],
    ["four columns", "04 01 02 0000000000000000 0b 01 61 0c 01 ff", 4],
  ])("is accepted with %s", (_, hex, columns) => {
    expect(keyColumnCount(packed(hex))).toBe(columns);
  });
});

describe("keys of the real engine", () => {
  const tables = { one: 1, two: 2, three: 3, exact: 1, number: 1, real: 1 } as const;
  let database: Database;

  beforeAll(async () => {
    database = await openDatabase({ name: "keys", ladder: ["memory"] });
    await database.exec({
      sql: `CREATE TABLE one (a PRIMARY KEY NOT NULL, x);
            CREATE TABLE two (a NOT NULL, x, b NOT NULL, PRIMARY KEY (b, a));
            CREATE TABLE three (a NOT NULL, b NOT NULL, c NOT NULL, PRIMARY KEY (a, b, c)) WITHOUT ROWID;
            CREATE TABLE exact (a TEXT PRIMARY KEY NOT NULL) STRICT;
            CREATE TABLE number (a INTEGER PRIMARY KEY NOT NULL);
            CREATE TABLE real (a REAL PRIMARY KEY NOT NULL)`,
    });
    for (const table of Object.keys(tables)) await database.enableSync(table);
  });

  afterAll(() => database.close());

  const random = createSeededRandom(42);
  const below = (limit: number): number => Math.floor(random.unit() * limit);
  const edges = [0n, 1n, -1n, 127n, 128n, 255n, 256n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];

  const integer = (): bigint => {
    const magnitude = BigInt.asIntN(64, (BigInt(below(2 ** 32)) * BigInt(below(2 ** 32))) >> BigInt(below(64)));
    return below(4) === 0 ? (edges[below(edges.length)] as bigint) : random.unit() < 0.5 ? magnitude : -magnitude;
  };
  const real = (): number => (random.unit() - 0.5) * 10 ** (below(600) - 300);
  const text = (): string => ["", "a", "é", "😀", "x".repeat(127), "x".repeat(300)][below(6)]?.repeat(below(4)) ?? "";
  const blob = (): Uint8Array => random.bytes([0, 1, 16, 127, 128, 256, 300][below(7)] as number);
  const any = (): SqlParam => [integer, real, text, blob][below(4)]?.() ?? 0;

  const write = async (table: keyof typeof tables, draw: () => SqlParam, rows: number): Promise<void> => {
    const columns = { one: "a", two: "b, a", three: "a, b, c", exact: "a", number: "a", real: "a" }[table];
    const row = `(${Array.from({ length: tables[table] }, () => "?").join(", ")})`;
    for (let done = 0; done < rows; done += 100) {
      const params = Array.from({ length: tables[table] * 100 }, draw);
      const values = Array.from({ length: 100 }, () => row).join(", ");
      await database.exec({ sql: `INSERT OR IGNORE INTO ${table} (${columns}) VALUES ${values}`, params });
    }
  };

  it("are accepted with their number of columns, whatever they hold", async () => {
    await write("one", any, 1_500);
    await write("two", any, 700);
    await write("three", any, 700);
    await write("exact", text, 100);
    await write("number", integer, 500);
    await write("real", real, 500);

    const { rows } = await database.exec({ sql: `SELECT DISTINCT "table", pk FROM crsql_changes`, rowMode: "array" });

    const wrong = (rows as readonly (readonly [keyof typeof tables, Uint8Array])[]).filter(
      ([table, pk]) => keyColumnCount(pk) !== tables[table],
    );
    expect(rows.length).toBeGreaterThan(3_000);
    expect(wrong.map(([table, pk]) => [table, Buffer.from(pk).toString("hex")])).toEqual([]);
  });

  it("are taken by another replica, which packs them to the same bytes", async () => {
    const log = await openChangeLog({ database, epoch: "0a".repeat(16) as Epoch, nowMs: 1 });
    const peer = await openDatabase({ name: "peer", ladder: ["memory"] });
    const peerLog = await openChangeLog({ database: peer, epoch: "0b".repeat(16) as Epoch, nowMs: 1 });
    const schema = await database.exec({
      sql: "SELECT sql FROM sqlite_master WHERE type = 'table' AND name IN ('one', 'two', 'three', 'exact', 'number', 'real')",
      rowMode: "array",
    });
    for (const [sql] of schema.rows as readonly (readonly [string])[]) await peer.exec({ sql });
    for (const table of Object.keys(tables)) await peer.enableSync(table);
    const { groups } = await log.read({ after: 0, quarantineAfter: 0, known: new Map() });

    const cursor = { epoch: log.epoch, position: 1 };
    await peerLog.apply({ peer: database.siteId, groups, cursor, claims: new Map() });

    expect(await digestOf(peerLog)).toEqual(await digestOf(log));
    await peer.close();
  });
});

describe("a change", () => {
  const change = (fields: Partial<Change>): Change => ({
    table: "notes",
    pk: packed("01 01"),
    cid: "title",
    valueClass: 5,
    value: null,
    colVersion: 1,
    cl: 1,
    seq: 0,
    ...fields,
  });
  const most = 2 ** 31 - 1;

  it.each([
    ["the least counters", { cl: 1, colVersion: 0, seq: 0 }],
    ["the largest counters", { cl: most, colVersion: most, seq: most }],
    ["a row that was deleted", { cid: "-1", cl: 2, colVersion: 2 }],
    ["a row that came again", { cid: "-1", cl: 3, colVersion: 3 }],
    ["a row of nothing but its key", { cid: "-1", cl: 1, colVersion: 1 }],
  ])("is accepted with %s", (_, fields) => {
    expect(() => checkChange(change(fields))).not.toThrow();
  });

  it.each([
    ["causal length", { cl: 0 }],
    ["causal length", { cl: -1 }],
    ["causal length", { cl: most + 2 }],
    ["column version", { colVersion: -1 }],
    ["column version", { colVersion: most + 1 }],
    ["sequence", { seq: -1 }],
    ["sequence", { seq: most + 1 }],
    ["cell of a deleted row", { cl: 2 }],
    ["sentinel with a value", { cid: "-1", valueClass: 1, value: 0 }],
    ["sentinel version", { cid: "-1", cl: 2, colVersion: 1 }],
    ["sentinel version", { cid: "-1", cl: 1, colVersion: 3 }],
  ] as const)("is refused for its %s: %j", (rule, fields) => {
    expect(() => checkChange(change(fields))).toThrow(rule);
  });
});

describe("a name", () => {
  it.each(["a", "_", "Notes2", "x".repeat(200)])("is plain: %s", (name) => {
    expect(isPlainName(name)).toBe(true);
    expect(() => checkColumn(name, name)).not.toThrow();
  });

  it.each(["", "1a", "a b", 'a"b', "a;--", "é", "a\n", "-1", "a.b", "a\0"])("is refused: %j", (name) => {
    expect(isPlainName(name)).toBe(false);
    expect(() => checkColumn(name, "x")).toThrow("table name");
  });

  it("of a column may be the row's, of a table not", () => {
    expect(() => checkColumn("notes", "-1")).not.toThrow();
    expect(() => checkColumn("notes", "-2")).toThrow("column name");
  });
});
