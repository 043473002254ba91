/** Long runs of one INSERT in a batch, beside the same statements the ordinary way: nothing must tell one from the other. */

import { afterEach, describe, expect, it } from "vitest";
import { openChangeLog } from "../../src/database/change-log.ts";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import type { Database, ExecRequest } from "../../src/database/database.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import type { SqlParam, SqlValue } from "../../src/database/value.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { rowsOf } from "./database-case.ts";

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

interface Watched {
  readonly database: Database;
  /** How many times rows were inserted in bulk. */
  readonly bulks: () => number;
  /** What was told of commits and rows since the last call. */
  readonly told: () => readonly unknown[];
}

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

const open = async (schema: string, synced: readonly string[], watched: readonly string[] = []): Promise<Watched> => {
  const host = await openMemoryHost();
  let bulks = 0;
  const database = await createSqliteDatabase({
    ...host,
    openConnection: async () => {
      const connection = await host.openConnection();
      const all: typeof connection.all = (sql, params) => {
        if (/^INSERT INTO .*__crsql_clock/.test(sql)) bulks += 1;
        return connection.all(sql, params);
      };
      return Object.assign(Object.create(connection) as typeof connection, { all });
    },
  });
  opened.push(database);
  await openChangeLog({ database, epoch: "0".repeat(32) as Epoch, nowMs: 1_700_000_000_000 });
  await database.exec({ sql: schema });
  for (const table of synced) await database.enableSync(table);
  if (watched.length > 0) await database.watch("test", watched);
  let told: unknown[] = [];
  const note = (value: object): void => {
    const own = database.siteId;
    told.push(JSON.parse(JSON.stringify(value, (_, each: unknown) => (each === own ? "own" : toPlain(each)))));
  };
  database.onCommit(note);
  database.onRows(note);
  return {
    database,
    bulks: () => bulks,
    told: () => {
      const before = told;
      told = [];
      return before;
    },
  };
};

const toPlain = (value: unknown): unknown => {
  if (typeof value === "bigint") return `${value}n`;
  return value instanceof Uint8Array ? `x'${[...value].join()}'` : value;
};

/** Every table there is, with what the engine keeps in memory; the own id, which is random, as a word. */
const dump = (database: Database): Promise<Record<string, unknown>> =>
  database.read(async (connection) => {
    const tables = await connection.all(
      `select l.name, l.wr from pragma_table_list l where l.schema = 'main' and l.type = 'table' order by l.name`,
    );
    const all: Record<string, unknown> = {};
    for (const [name, wr] of tables as [string, number][]) {
      // Random; and when migrations were run.
      if (["crsql_site_id", "ledger_migration"].includes(name)) continue;
      const rows = await connection.all(`select ${wr === 1 ? "" : "rowid, "}* from "${name}" order by 1, 2`);
      all[name] = rows.map((row) => row.map(toPlain));
    }
    // Made from the tables above; of very many it takes seconds.
    if (JSON.stringify(all).length < 200_000)
      all["changes"] = await connection.all(
        `select "table", hex(pk), cid, typeof(val), quote(val), col_version, db_version, site_id = crsql_site_id(), cl, seq
       from crsql_changes`,
      );
    all["memory"] = await connection.all("select crsql_db_version(), crsql_get_seq(), crsql_internal_sync_bit()");
    return all;
  });

/** The same, for the ordinary way: ABORT is what a plain INSERT does. */
const oneByOne = (requests: readonly ExecRequest[]): readonly ExecRequest[] =>
  requests.map(({ sql, ...rest }) => ({ ...rest, sql: sql.replace(/^insert into/, "insert or abort into") }));

const answerOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.catch((error: { readonly code?: unknown; readonly message?: unknown }) => [error.code, error.message]);

/** Tens of thousands of cells take a matcher seconds, so it is asked only what the difference is. */
const expectSame = (value: unknown, expected: unknown): void => {
  if (JSON.stringify(value) !== JSON.stringify(expected)) expect(value).toEqual(expected);
};

/** Runs the batch in both databases. @returns whether it went in bulk in the first, and never in the second */
const compareBatch = async (bulk: Watched, ordinary: Watched, requests: readonly ExecRequest[]): Promise<boolean> => {
  const before = bulk.bulks();

  const answer = await answerOf(bulk.database.batch(requests));
  const expected = await answerOf(ordinary.database.batch(oneByOne(requests)));

  expect(answer).toEqual(expected);
  expectSame(await dump(bulk.database), await dump(ordinary.database));
  expectSame(bulk.told(), ordinary.told());
  expect(ordinary.bulks()).toBe(0);
  return bulk.bulks() > before;
};

const notes = "create table notes (id text primary key not null, title text, n integer default 5)";
const insertNote = "insert into notes (id, title) values (?, ?)";
const notesOf = (from: number, count: number): readonly ExecRequest[] =>
  Array.from({ length: count }, (_, index) => ({ sql: insertNote, params: [`n${from + index}`, `title ${index}`] }));

/** Both databases after the same statements. */
const openPair = async (
  schema = notes,
  synced: readonly string[] = ["notes"],
  watched: readonly string[] = synced,
): Promise<readonly [Watched, Watched]> => [await open(schema, synced, watched), await open(schema, synced, watched)];

describe("a run of one INSERT in a batch", () => {
  it.each([
    ["of a text key", "id text primary key not null, a, b integer", "(id, a) values (?, ?)"],
    ["with all columns by their order", "id text primary key not null, a", "values (?, ?)"],
    [
      "of a key of two columns in another order",
      "b not null, c real, a not null, primary key (a, b)",
      "(b, a) values (?, ?)",
    ],
    ["of a key and nothing else", "a not null, b not null, primary key (a, b)", "(a, b) values (?, ?)"],
    [
      "with defaults",
      "id primary key not null, a default 'x', b real not null default 1",
      '("id", `a`) VALUES (?1, :a);',
    ],
    ["with values in its text", "id primary key not null, a, b, c", "(id, a, b, c) values (?, ?, 'it''s', -1.5)"],
    ["of an index beside the key", "id primary key not null, a); create index by_a on t (a", "(id, a) values (?, ?)"],
    ["of a strict table", "id text primary key not null, a any) strict; select (1", "(id, a) values (?, ?)"],
    ["with a check", "id text primary key not null, a text check (a <> 'x')", "(id, a) values (?, ?)"],
    ["of a descending integer key", "id integer primary key desc not null, a", "(id, a) values (?, ?)"],
  ])("goes in bulk %s, to the same end", async (_, columns, insert) => {
    const [bulk, ordinary] = await openPair(`create table t (${columns})`, ["t"]);
    const isInteger = columns.includes("id integer");
    const key = (index: number): SqlValue => (isInteger ? index : `k${index * 7}`);
    const requests = Array.from({ length: 70 }, (__, index) => ({
      sql: `insert into t ${insert}`,
      params: [key(index), [null, 1, 2.5, "text", 2n ** 60n, new Uint8Array([1])][index % 6]] as SqlParam[],
    })).map((request) => (columns.includes("b not null") ? withKeyOfTwo(request) : request));

    expect(await compareBatch(bulk, ordinary, requests)).toBe(true);
    expect(await compareBatch(bulk, ordinary, notInBulk("t"))).toBe(false);
  });

  it.each([
    ["an integer key, which is the row's number", "id integer primary key not null, a", "(id, a) values (?, ?)"],
    ["a table without row numbers", "id primary key not null, a) without rowid; select (1", "(id, a) values (?, ?)"],
    ["a generated column", "id primary key not null, a, g as (a || 1)", "(id, a) values (?, ?)"],
    [
      "a key with a rule of its own for conflicts",
      "id primary key on conflict replace not null, a",
      "(id, a) values (?, ?)",
    ],
    ["a column named rowid", "id primary key not null, rowid text", "(id, rowid) values (?, ?)"],
    ["the row's number given", "id primary key not null, a", "(rowid, id) values (?, ?)"],
    ["an answer", "id primary key not null, a", "(id, a) values (?, ?) returning id"],
    ["a function", "id primary key not null, a", "(id, a) values (?, lower(?))"],
    ["a query", "id primary key not null, a", "(id, a) values (?, (select count(*) + ? from t__crsql_clock))"],
    ["two rows", "id primary key not null, a", "(id, a) values (?, ?), (?1 + 1000, ?2)"],
    ["an upsert", "id primary key not null, a", "(id, a) values (?, ?) on conflict do update set a = 1"],
    [
      "a default that looks at the engine",
      "id primary key not null, a, b default (crsql_db_version())",
      "(id, a) values (?, ?)",
    ],
    ["a default that counts changes", "id primary key not null, a, b default (changes())", "(id, a) values (?, ?)"],
    [
      "a trigger of the app",
      "id primary key not null, a); create table log (x); create trigger tr after delete on t begin insert into log values (1); end; select (1",
      "(id, a) values (?, ?)",
    ],
    [
      "a temporary trigger",
      "id primary key not null, a); create temp trigger tr before insert on t begin select 1; end; select (1",
      "(id, a) values (?, ?)",
    ],
  ])("goes the ordinary way with %s", async (_, columns, insert) => {
    const [bulk, ordinary] = await openPair(`create table t (${columns})`, ["t"], []);
    const requests = Array.from({ length: 40 }, (__, index) => ({
      sql: `insert into t ${insert}`,
      params: [index * 3 + 1, index],
    }));

    expect(await compareBatch(bulk, ordinary, requests)).toBe(false);
    expect(await rowsOf(bulk.database, "select count(*) >= 40 from t")).toEqual([[1]]);
  });

  it("goes the ordinary way into a temporary table of the same name", async () => {
    const [bulk, ordinary] = await openPair();
    await compareBatch(bulk, ordinary, [
      { sql: "create temp table notes (id text primary key not null, title text, n)" },
    ]);

    expect(await compareBatch(bulk, ordinary, notesOf(0, 40))).toBe(false);
    expect(await rowsOf(bulk.database, "select count(*) from temp.notes")).toEqual([[40]]);
  });

  it("goes the ordinary way in a table that does not replicate", async () => {
    const [bulk, ordinary] = await openPair(notes, []);

    expect(await compareBatch(bulk, ordinary, notesOf(0, 40))).toBe(false);
  });

  it("goes the ordinary way from the first known key on, and undoes what it tried", async () => {
    const [bulk, ordinary] = await openPair();
    await compareBatch(bulk, ordinary, notesOf(0, 2500));
    await compareBatch(bulk, ordinary, [{ sql: "delete from notes where rowid % 500 = 0 or rowid between 20 and 40" }]);

    expect(await compareBatch(bulk, ordinary, [{ sql: "delete from notes" }, ...notesOf(0, 2500)])).toBe(false);
    expect(await compareBatch(bulk, ordinary, [{ sql: "delete from notes" }, ...notesOf(2000, 2500)])).toBe(false);
    const mixed = [{ sql: "delete from notes" }, ...notesOf(10_000, 2200), ...notesOf(4000, 1000)];
    expect(await compareBatch(bulk, ordinary, mixed)).toBe(true);
  });

  it("leaves last_insert_rowid() and changes() as the last row left them", async () => {
    const [bulk, ordinary] = await openPair();
    const ask = { sql: "select last_insert_rowid(), changes()", rowMode: "array" as const };

    await compareBatch(bulk, ordinary, [...notesOf(0, 40), ask, { sql: "update notes set n = 1" }, ask]);

    expect(await rowsOf(bulk.database, ask.sql)).toEqual([[40, 40]]);
  });

  it.each([
    ["a key that is there", { sql: insertNote, params: ["n3", "again"] }, "LEDGER_CONSTRAINT"],
    ["a value that SQLite cannot store", { sql: insertNote, params: ["x", Number.NaN] }, "LEDGER_PARAMS_INVALID"],
    ["too few values", { sql: insertNote, params: ["x"] }, "LEDGER_PARAMS_INVALID"],
  ])("is undone with the whole batch by %s, which the error names", async (_, wrong, code) => {
    const [bulk, ordinary] = await openPair();
    await compareBatch(bulk, ordinary, notesOf(100, 50));
    const rows = notesOf(0, 60);
    const requests = [{ sql: "update notes set n = 7" }, ...rows.slice(0, 40), wrong, ...rows.slice(40)];

    await compareBatch(bulk, ordinary, requests);

    expect(await answerOf(bulk.database.batch(requests))).toEqual([
      code,
      expect.stringContaining("statement 42 of 62: ") as string,
    ]);
    // Nothing is silent afterwards.
    await compareBatch(bulk, ordinary, notInBulk("notes"));
    expect(await compareBatch(bulk, ordinary, rows)).toBe(true);
  });

  it("answers statements without rows with one object for each count", async () => {
    const { database } = await open(notes, ["notes"]);
    const title = { sql: "update notes set title = ? where rowid < ?", params: ["all", 3] };

    const answers = await database.batch([...notesOf(0, 20), title, title, { sql: "select id from notes" }]);

    expect(answers.map(({ rowsAffected }) => rowsAffected)).toEqual([...Array.from({ length: 20 }, () => 1), 2, 2, 0]);
    expect(new Set(answers).size).toBe(3);
  });

  it.each([
    ["the last number", "9223372036854775807"],
    ["one beyond 2^53", "9007199254740993"],
  ])("goes on where a row has %s", async (_, rowid) => {
    const [bulk, ordinary] = await openPair();
    await bulk.database.exec({ sql: `insert into notes (rowid, id) values (${rowid}, 'last')` });

    expect(await bulk.database.batch(notesOf(0, 40))).toHaveLength(40);

    expect(bulk.bulks()).toBe(0);
    expect(await rowsOf(bulk.database, "select count(*) from crsql_changes where cid = 'title'")).toEqual([[41]]);
    expect(await compareBatch(ordinary, ordinary, [])).toBe(false);
  });

  it("goes on where all rows have negative numbers", async () => {
    const [bulk, ordinary] = await openPair();
    const negative = { sql: "insert into notes (rowid, id) values (-50, 'first')" };

    expect(await compareBatch(bulk, ordinary, [negative, ...notesOf(0, 80)])).toBe(true);
  });

  it("is told to those who watch rows as many as there are", async () => {
    const [bulk, ordinary] = await openPair();

    await compareBatch(bulk, ordinary, notesOf(0, 200));
    await compareBatch(bulk, ordinary, [{ sql: "delete from notes" }, ...notesOf(900, 40), ...notesOf(0, 100)]);
    await compareBatch(bulk, ordinary, notesOf(20_000, 10_500));

    expect(bulk.bulks()).toBeGreaterThan(6);
  });

  it("is answered once for one id", async () => {
    const { database } = await open(notes, ["notes"]);
    const id = { caller: "bob", slot: 0, number: 1 };

    const answer = await database.batch(notesOf(0, 50), id);

    expect(await database.batch(notesOf(0, 50), id)).toEqual(answer);
    expect(answer).toEqual(Array.from({ length: 50 }, () => ({ columns: [], rows: [], rowsAffected: 1 })));
    expect(await rowsOf(database, "select count(*) from notes")).toEqual([[50]]);
  });
});

const schema = `
  create table notes (id text primary key not null, title text, n integer default 5, at real, raw);
  create table Pairs (b blob not null, c real not null default 0.5, a not null, primary key (a, b));
  create table tags (id not null primary key, "order" integer);
  create table marks (x not null, y not null, primary key (x, y));
  create index by_title on notes (title, n)`;
const inserts: readonly (readonly [table: string, sql: string, keys: number, others: number])[] = [
  ["notes", "insert into notes (id, raw, at) values (?, ?, ?)", 1, 2],
  ["notes", "insert into notes values (?, ?, ?, ?, 1)", 1, 3],
  ["notes", "insert into notes (title, id) values (null, ?)", 1, 0],
  ["Pairs", "insert into PAIRS (B, a) values (?, ?)", 2, 0],
  ["Pairs", "insert into Pairs (a, b, c) values (?, ?, ?)", 2, 1],
  ["tags", 'insert into tags ("order", id) values (7, :id)', 1, 0],
  ["tags", "insert into tags (id) values (?)", 1, 0],
  ["marks", "insert into marks values (?, ?)", 2, 0],
];
const synced = ["notes", "Pairs", "tags", "marks"];

/** Statements drawn from a seed: mostly runs, of keys that are new, were deleted here or there, or are there. */
const createHistory = (seed: number) => {
  const { unit } = createSeededRandom(seed);
  const upTo = (most: number): number => Math.floor(unit() * most);
  const oneOf = <T>(list: readonly T[]): T => list[upTo(list.length)] as T;
  let newest = 0;
  const value = (): SqlParam =>
    oneOf([null, upTo(9), -upTo(2 ** 40), unit(), "é", "x".repeat(upTo(90)), new Uint8Array(upTo(3)), true, 2n ** 53n]);
  const key = (index: number, isFresh: boolean): SqlParam => {
    const number = isFresh ? (newest += 1) : index;
    return number % 5 === 4 ? number : number % 5 === 3 ? new Uint8Array([number & 255, number >> 8]) : `k${number}`;
  };
  const run = (): readonly ExecRequest[] => {
    const [, sql, keys, others] = oneOf(inserts);
    const isFresh = unit() < 0.8;
    const start = upTo(newest);
    const count = oneOf([1, 15, 16, 17, 40, 120]);
    return Array.from({ length: count }, (_, index) => {
      const keyValues = Array.from({ length: keys }, (__, at) =>
        at === 0 ? key(start + index, isFresh) : `part ${at}`,
      );
      return { sql, params: [...keyValues, ...Array.from({ length: others }, value)] };
    });
  };
  const other = (): ExecRequest => {
    const [table] = oneOf(inserts);
    return oneOf([
      { sql: `delete from ${table}` },
      { sql: `delete from ${table} where rowid % 3 = ${upTo(3)}` },
      { sql: "update notes set title = ?, n = n + 1 where rowid % 4 = 1", params: [value()] },
      { sql: `insert or replace into ${table} select * from ${table} limit 3` },
      {
        sql: "insert or ignore into tags (id) values (?), (?), (?)",
        params: [key(upTo(newest), false), "z", key(0, true)],
      },
      { sql: "select last_insert_rowid(), changes(), crsql_db_version()" },
    ]);
  };
  const batch = (): readonly ExecRequest[] =>
    Array.from({ length: 1 + upTo(4) }, () => (unit() < 0.7 ? run() : [other()])).flat();
  return { batch, upTo };
};

/** A peer's deletion of a row that was never here, and its row in a place where one will be written. */
const mergeFromPeer = async ({ database }: Watched, number: number): Promise<void> => {
  const merge = 'insert into crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)';
  await database.transact({ type: "remote", peerId: "b".repeat(32) as SiteId }, async (connection, wrote) => {
    for (const [at, cid, version, cl] of [
      [1, "-1", 2, 2],
      [2, "title", 3, 1],
    ] as const) {
      await connection.all(`${merge} values ('notes', crsql_pack_columns(?), ?, 'theirs', ?, 1, zeroblob(16), ?, 0)`, [
        `k${number + at}`,
        cid,
        version,
        cl,
      ]);
    }
    await wrote("b".repeat(32) as SiteId);
    return { result: undefined, tables: ["notes"] };
  });
};

describe("a history of batches", () => {
  it.each(seeds)("leaves the same tables and is told the same as without bulk inserts: seed %i", async (seed) => {
    const [bulk, ordinary] = await openPair(schema, synced);
    const history = createHistory(seed);
    let bulks = 0;

    for (let round = 0; round < 8; round += 1) {
      if (await compareBatch(bulk, ordinary, history.batch())) bulks += 1;
      const number = history.upTo(500);
      for (const each of [bulk, ordinary]) {
        if (round === 3) await mergeFromPeer(each, number);
        if (round === 5) await addColumn(each);
      }
    }

    expect(bulks).toBeGreaterThan(0);
  });
});

const addColumn = async ({ database }: Watched): Promise<void> => {
  const tx = await database.beginMigration({ version: 1, name: "more", text: null });
  await tx.exec({ sql: "alter table tags add column more text default 'm'" });
  await tx.exec({ sql: "alter table marks add column n" });
  await tx.commit();
};

const withKeyOfTwo = ({ sql, params }: { sql: string; params: SqlParam[] }): ExecRequest => ({
  sql,
  params: [params[0] as SqlParam, params[1] ?? "none"],
});

/** What the triggers write next shows what the engine has in memory. */
const notInBulk = (table: string): readonly ExecRequest[] => [
  { sql: `delete from ${table} where rowid % 7 = 3` },
  { sql: `insert or ignore into ${table} select * from ${table} limit 3` },
  { sql: `select crsql_db_version()` },
];
