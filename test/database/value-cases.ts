/** Values in and out: every storage class, and what must be refused because SQLite would change it. */

import { StorageClass, type SqlParam, type SqlValue } from "../../src/database/value.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { rowsOf, type DatabaseCase } from "./database-case.ts";

const roundTrips: readonly (readonly [SqlParam, SqlValue, string])[] = [
  [null, null, "null"],
  [0, 0, "integer"],
  [-1, -1, "integer"],
  [2 ** 31, 2 ** 31, "integer"],
  [-(2 ** 31) - 1, -(2 ** 31) - 1, "integer"],
  [2 ** 32 + 5, 2 ** 32 + 5, "integer"],
  [-(2 ** 32), -(2 ** 32), "integer"],
  [1_763_724_000_123, 1_763_724_000_123, "integer"],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "integer"],
  [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, "integer"],
  [5n, 5, "integer"],
  [2n ** 53n, 2n ** 53n, "integer"],
  [-(2n ** 53n), -(2n ** 53n), "integer"],
  [2n ** 63n - 1n, 2n ** 63n - 1n, "integer"],
  [-(2n ** 63n), -(2n ** 63n), "integer"],
  [1.5, 1.5, "real"],
  [1e300, 1e300, "real"],
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, "real"],
  [true, 1, "integer"],
  [false, 0, "integer"],
  ["", "", "text"],
  ["plain", "plain", "text"],
  ["\uFEFFmarked", "\uFEFFmarked", "text"],
  ["e\u0301 is not \u00e9", "e\u0301 is not \u00e9", "text"],
  ["🦀 und Umlaute wie äöü in längerem Text", "🦀 und Umlaute wie äöü in längerem Text", "text"],
  ["ä".repeat(100_000), "ä".repeat(100_000), "text"],
  ...[159, 160, 161].flatMap((length): [string, string, "text"][] =>
    ["z", "\u007f", "\u0080", "é", "🦀"].map((end) => {
      const text = end.padStart(length, "a");
      return [text, text, "text"];
    }),
  ),
  [new Uint8Array(0), new Uint8Array(0), "blob"],
  [new Uint8Array([0, 255, 0]), new Uint8Array([0, 255, 0]), "blob"],
  [new Uint8Array([9, 1, 2, 9]).subarray(1, 3), new Uint8Array([1, 2]), "blob"],
  [new Uint8Array([7]).buffer, new Uint8Array([7]), "blob"],
];

const refused: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /undefined/],
  [Number.NaN, /NaN/],
  [new Date(0), /Date/],
  [() => 1, /function/],
  [Symbol("s"), /symbol/],
  [{}, /Object/],
  [[1], /Array/],
  [new Float64Array(1), /Float64Array/],
  ["a\0b", /NUL/],
  ["\ud800", /surrogate/],
  ["\udc00 first", /surrogate/],
  [2n ** 63n, /64-bit/],
];

export const valueCases: readonly DatabaseCase[] = [
  {
    name: "gives back every value as it was bound, with its storage class",
    run: async (fixture) => {
      const database = await fixture.open();
      for (const [param, value, storageClass] of roundTrips) {
        assertEqual(await rowsOf(database, "select ?, typeof(?1)", [param]), [[value, storageClass]]);
      }
    },
  },
  {
    name: "keeps date-sized integers exact in INTEGER and REAL columns",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (i integer, r real, a any)" });
      const now = 1_763_724_000_123;
      await database.exec({ sql: "insert into t values (?, ?, ?)", params: [now, now, now] });
      assertEqual(await rowsOf(database, "select i, typeof(i), r, typeof(r), a, typeof(a) from t"), [
        [now, "integer", now, "real", now, "integer"],
      ]);
    },
  },
  {
    name: "binds and reads the storage class it is told to",
    run: async (fixture) => {
      const database = await fixture.open();
      const answer = await database.read(async (connection) => {
        const statement = await connection.prepare("select ?1, typeof(?1), ?2, typeof(?2), ?3, ?4, length(?4)");
        statement.bind(1, StorageClass.real, 1);
        statement.bind(2, StorageClass.integer, 1n);
        statement.bind(3, StorageClass.blob, new Uint8Array(0));
        statement.bind(4, StorageClass.text, "a\0b");
        await statement.step();
        const columns = [0, 1, 2, 3, 4, 5].map((index) => statement.column(index));
        const classes = [0, 2, 4, 5].map((index) => statement.columnClass(index));
        await statement.reset();
        return { columns, classes };
      });
      assertEqual(answer, {
        columns: [1, "real", 1, "integer", new Uint8Array(0), "a\0b"],
        classes: [StorageClass.real, StorageClass.integer, StorageClass.blob, StorageClass.text],
      });
    },
  },
  {
    name: "refuses values that SQLite would change, and names the parameter",
    run: async (fixture) => {
      const database = await fixture.open();
      for (const [value, pattern] of refused) {
        const param = value as SqlParam;
        await assertRefused(
          database.exec({ sql: "select ?, ?", params: [1, param] }),
          "LEDGER_PARAMS_INVALID",
          pattern,
        );
        await assertRefused(database.exec({ sql: "select ?, ?", params: [1, param] }), "LEDGER_PARAMS_INVALID", /\?2/);
        await assertRefused(
          database.exec({ sql: "select :it", params: { it: param } }),
          "LEDGER_PARAMS_INVALID",
          /:it/,
        );
      }
      assertEqual(await rowsOf(database, "select 1"), [[1]]);
    },
  },
  {
    name: "refuses too many, too few, unknown and unnamed parameters",
    run: async (fixture) => {
      const database = await fixture.open();
      const refusing = (sql: string, params: unknown, pattern: RegExp) =>
        assertRefused(database.exec({ sql, params: params as SqlParam[] }), "LEDGER_PARAMS_INVALID", pattern);
      await refusing("select ?", [], /1 parameters and was given 0/);
      await refusing("select ?", [1, 2], /was given 2/);
      await refusing("select 1", [1], /0 parameters/);
      await refusing("select :a", {}, /:a is missing/);
      await refusing("select :a", { a: 1, b: 2 }, /named b/);
      await refusing("select ?", { a: 1 }, /array/);
      await refusing("select 1", "text", /array/);
      await refusing("select ?; select 1", [1], /several statements/);
      await refusing("-- nothing", [1], /no statement/);
      await assertRefused(database.exec({ sql: "select ?" }), "LEDGER_PARAMS_INVALID");
    },
  },
  {
    name: "takes named parameters of every sigil, and numbered ones",
    run: async (fixture) => {
      const database = await fixture.open();
      assertEqual(await rowsOf(database, "select :a, @b, $c, :a", { a: 1, b: "two", c: null }), [[1, "two", null, 1]]);
      assertEqual(await rowsOf(database, "select ?2, ?1", ["one", "two"]), [["two", "one"]]);
      assertEqual(await rowsOf(database, "select :a", [1]), [[1]]);
    },
  },
  {
    name: "forgets parameters between calls of one statement",
    run: async (fixture) => {
      const database = await fixture.open();
      await rowsOf(database, "select ?", ["before"]);
      await assertRefused(database.exec({ sql: "select ?", params: [] }), "LEDGER_PARAMS_INVALID");
      const left = await database.read(async (connection) => connection.all("select ?"));
      assertEqual(left, [[null]]);
    },
  },
];
