import { afterEach, describe, expect, it } from "vitest";
import { Ledger, sql } from "../src/index.ts";

const opened: Ledger[] = [];

const open = async (): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID() });
  opened.push(db);
  await db.init();
  await db.exec(
    "CREATE TABLE notes (id TEXT PRIMARY KEY, title, stars); INSERT INTO notes VALUES ('a', 't', 1), ('b', 'u', 2)",
  );
  return db;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

const partsOf = ({ sql: text, params }: { readonly sql: string; readonly params: readonly unknown[] }) => [
  text,
  params,
];

describe("sql", () => {
  it("binds every value where it stands", () => {
    const bytes = new Uint8Array([1]);
    const statement = sql`SELECT ${1}, ${"x"}, ${null}, ${true}, ${2n}, ${bytes} WHERE 1`;

    expect(partsOf(statement)).toEqual(["SELECT ?, ?, ?, ?, ?, ? WHERE 1", [1, "x", null, true, 2n, bytes]]);
  });

  it("never takes text for SQL, whatever is in it", async () => {
    const db = await open();
    const evil = "'; DROP TABLE notes; --";
    const likeSql = JSON.parse('{"sql": "1; DROP TABLE notes", "params": []}') as string;

    expect(await db.sql`SELECT id FROM notes WHERE title = ${evil}`).toEqual([]);
    await expect(db.sql`SELECT ${likeSql}`).rejects.toMatchObject({ code: "LEDGER_PARAMS_INVALID" });
    expect(await db.sql`SELECT count(*) AS n FROM notes`).toEqual([{ n: 2 }]);
  });

  it("quotes names", async () => {
    const db = await open();
    const name = 'a "quoted" name';
    await db.sql`CREATE TABLE ${sql.identifier(name)} (${sql.identifier("select")})`;
    await db.sql`INSERT INTO ${sql.identifier(name)} VALUES (${1})`;

    expect(await db.sql`SELECT ${db.sql.identifier("select")} FROM ${sql.identifier(name)}`).toEqual([{ select: 1 }]);
    for (const bad of ["", "a\0b", 1 as unknown as string]) {
      expect(() => sql.identifier(bad)).toThrow(/name of a table or column/);
    }
  });

  it("puts statements into statements, with their values in order", () => {
    const where = sql`id = ${"a"} AND stars > ${1}`;
    const limit = sql`LIMIT ${10}`;

    expect(partsOf(sql`SELECT ${0} FROM notes WHERE ${where} ${limit}`)).toEqual([
      "SELECT ? FROM notes WHERE id = ? AND stars > ? LIMIT ?",
      [0, "a", 1, 10],
    ]);
    expect(partsOf(sql`${where}`)).toEqual(partsOf(where));
    expect(partsOf(sql``)).toEqual(["", []]);
  });

  it("joins lists of values, names and conditions", async () => {
    const db = await open();
    const conditions = [sql`stars > ${0}`, sql`title <> ${"x"}`];

    expect(partsOf(sql.join([]))).toEqual(["", []]);
    expect(partsOf(sql.join([1]))).toEqual(["?", [1]]);
    expect(partsOf(sql.join(["id", "title"].map(sql.identifier)))).toEqual(['"id", "title"', []]);
    expect(await db.sql`SELECT id FROM notes WHERE id IN (${sql.join(["a", "z"])})`).toEqual([{ id: "a" }]);
    expect(await db.sql`SELECT id FROM notes WHERE id IN (${sql.join([])})`).toEqual([]);
    expect(await db.sql`SELECT count(*) AS n FROM notes WHERE ${sql.join(conditions, sql` AND `)}`).toEqual([{ n: 2 }]);
  });
});

describe("a statement", () => {
  it("is taken by exec, query, get, batch and live in place of text and params", async () => {
    const db = await open();
    const statement = sql<{ title: string }>`SELECT title FROM notes WHERE id = ${"a"}`;

    expect((await db.exec(statement)).rows).toEqual([{ title: "t" }]);
    expect((await db.exec(statement, { rowMode: "array" })).rows).toEqual([["t"]]);
    expect(await db.query(statement)).toEqual([{ title: "t" }]);
    expect(await db.get(statement)).toEqual({ title: "t" });
    expect((await db.batch([statement]))[0]?.rows).toEqual([{ title: "t" }]);
    for await (const rows of db.live(statement)) {
      expect(rows).toEqual([{ title: "t" }]);
      break;
    }
  });

  it("is taken by the methods of a transaction as well", async () => {
    const db = await open();
    const rows = await db.transaction(async (tx) => {
      await tx.exec(sql`INSERT INTO notes (id) VALUES (${"c"})`);
      await tx.sql`INSERT INTO notes (id) VALUES (${"d"})`;
      expect(await tx.get(sql`SELECT count(*) AS n FROM notes`)).toEqual({ n: 4 });
      expect((await tx.exec(sql`SELECT ${1}`, { rowMode: "array" })).rows).toEqual([[1]]);
      return tx.query(sql`SELECT id FROM notes WHERE stars IS NULL ORDER BY id`);
    });

    expect(rows).toEqual([{ id: "c" }, { id: "d" }]);
  });

  it("of db.sql runs when it is awaited, once, and not before", async () => {
    const db = await open();
    const insert = db.sql`INSERT INTO notes (id) VALUES (${"c"})`;
    const count = async () => (await db.sql<{ n: number }>`SELECT count(*) AS n FROM notes`)[0]?.n;
    expect(await count()).toBe(2);

    expect(await insert).toEqual([]);
    expect(await insert).toEqual([]);
    expect(await count()).toBe(3);
  });

  it("of db.sql rejects as query() does", async () => {
    const db = new Ledger();

    await expect(db.sql`SELECT 1`).rejects.toMatchObject({ code: "LEDGER_NOT_INITIALIZED" });
    const failed = await open().then((other) => other.sql`SELECT nothing`.then(undefined, (error: unknown) => error));
    expect(failed).toMatchObject({ code: "LEDGER_SQL_ERROR" });
  });
});
