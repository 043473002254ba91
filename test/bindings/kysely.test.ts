/** Kysely's documented examples, through the dialect. @see https://kysely.dev/docs/category/examples */

import { Kysely, Migrator, sql, type ColumnType, type Generated } from "kysely";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { Ledger } from "../../src/index.ts";
import { createLedgerDialect } from "../../src/kysely.ts";

interface Tables {
  person: {
    id: string;
    first_name: string;
    last_name: ColumnType<string | null, string | null | undefined>;
    age: Generated<number>;
  };
  pet: { id: string; owner_id: string; name: string };
}

let ledger: Ledger;
let db: Kysely<Tables>;

beforeEach(async () => {
  ledger = new Ledger({ dbName: crypto.randomUUID() });
  await ledger.init();
  db = new Kysely<Tables>({ dialect: createLedgerDialect(ledger) });
  await db.schema
    .createTable("person")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("first_name", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("last_name", "text")
    .addColumn("age", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable("pet")
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("owner_id", "text")
    .addColumn("name", "text")
    .execute();
  await ledger.enableSync("person");
  await db
    .insertInto("person")
    .values([
      { id: "1", first_name: "Jennifer", last_name: "Aniston", age: 40 },
      { id: "2", first_name: "Arnold", age: 70 },
    ])
    .execute();
  await db.insertInto("pet").values({ id: "p", owner_id: "1", name: "Catto" }).execute();
});

afterEach(async () => {
  await db.destroy();
  await ledger.close();
});

const names = async (): Promise<string[]> =>
  (await db.selectFrom("person").select("first_name").orderBy("id").execute()).map((row) => row.first_name);

test("selects: where, joins, aliases, aggregates, subqueries, raw SQL", async () => {
  const person = await db.selectFrom("person").selectAll().where("id", "=", "1").executeTakeFirstOrThrow();
  const joined = await db
    .selectFrom("person as p")
    .innerJoin("pet", "pet.owner_id", "p.id")
    .select(["p.first_name", "pet.name as pet_name"])
    .execute();
  const { count } = await db
    .selectFrom("person")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  const owners = await db
    .selectFrom("person")
    .select("id")
    .where("id", "in", (of) => of.selectFrom("pet").select("pet.owner_id"))
    .execute();
  const raw = await sql<{ n: number }>`select ${1} + ${2} as n`.execute(db);

  expectTypeOf(person.last_name).toEqualTypeOf<string | null>();
  expect(person).toEqual({ id: "1", first_name: "Jennifer", last_name: "Aniston", age: 40 });
  expect(joined).toEqual([{ first_name: "Jennifer", pet_name: "Catto" }]);
  expect([count, owners, raw.rows]).toEqual([2, [{ id: "1" }], [{ n: 3 }]]);
});

test("inserts, updates and deletes, with returning and with counts of rows", async () => {
  const inserted = await db
    .insertInto("person")
    .values({ id: "3", first_name: "Bradley" })
    .returning(["id", "age"])
    .executeTakeFirstOrThrow();
  const plain = await db.insertInto("person").values({ id: "4", first_name: "Meg" }).executeTakeFirst();
  const updated = await db.updateTable("person").set({ age: 1 }).where("age", ">", 10).executeTakeFirst();
  const upserted = await db
    .insertInto("person")
    .values({ id: "4", first_name: "Meg" })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ last_name: "Ryan" }))
    .returning("last_name")
    .executeTakeFirst();
  const deleted = await db.deleteFrom("person").where("id", "in", ["1", "2"]).executeTakeFirst();

  expect(inserted).toEqual({ id: "3", age: 0 });
  expect([plain.numInsertedOrUpdatedRows, updated.numUpdatedRows, deleted.numDeletedRows]).toEqual([1n, 2n, 2n]);
  expect(upserted).toEqual({ last_name: "Ryan" });
  expect(await names()).toEqual(["Bradley", "Meg"]);
});

test("commits a transaction as one, and undoes one that throws", async () => {
  const changes: unknown[] = [];
  ledger.on("change", (change) => changes.push(change));

  const id = await db.transaction().execute(async (trx) => {
    await trx.insertInto("person").values({ id: "3", first_name: "Catherine" }).execute();
    await trx.insertInto("pet").values({ id: "q", owner_id: "3", name: "Doggo" }).execute();
    return "3";
  });
  const failed = db.transaction().execute(async (trx) => {
    await trx.deleteFrom("person").execute();
    throw new Error("no");
  });

  expect(id).toBe("3");
  await expect(failed).rejects.toThrow("no");
  expect(changes).toEqual([{ tables: ["person", "pet"], origin: "local" }]);
  expect(await names()).toEqual(["Jennifer", "Arnold", "Catherine"]);
});

test("isolates a transaction from queries beside it", async () => {
  let beside: Promise<string[]> | undefined;

  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom("person").execute();
    beside = new Promise((resolve) => setImmediate(() => resolve(names())));
    await new Promise((resolve) => setImmediate(resolve));
    await trx.insertInto("person").values({ id: "9", first_name: "Only" }).execute();
  });

  expect(await beside).toEqual(["Only"]);
});

test("has savepoints in controlled transactions", async () => {
  const trx = await db.startTransaction().execute();
  await trx.insertInto("person").values({ id: "3", first_name: "kept" }).execute();
  const before = await trx.savepoint("one").execute();
  await before.insertInto("person").values({ id: "4", first_name: "undone" }).execute();
  const undone = await before.rollbackToSavepoint("one").execute();
  await undone.insertInto("person").values({ id: "5", first_name: "after" }).execute();
  await undone.releaseSavepoint("one").execute();
  await trx.commit().execute();
  const other = await db.startTransaction().execute();
  await other.deleteFrom("person").execute();
  await other.rollback().execute();

  expect(await names()).toEqual(["Jennifer", "Arnold", "kept", "after"]);
});

test("streams, and shows the app's tables alone", async () => {
  const streamed: string[] = [];
  for await (const { id } of db.selectFrom("person").select("id").orderBy("id").stream(1)) streamed.push(id);
  const tables = await db.introspection.getTables();

  expect(streamed).toEqual(["1", "2"]);
  expect(tables.map(({ name }) => name).sort()).toEqual(["person", "pet"]);
});

test("passes on Ledger's errors", async () => {
  const refused = db.updateTable("person").set({ id: "7" }).where("id", "=", "1").execute();

  await expect(refused).rejects.toMatchObject({ code: "LEDGER_KEY_UPDATE_REFUSED" });
});

test("refuses Kysely's migrations and names the remedy, before anything is made", async () => {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({}) } });

  const { error } = await migrator.migrateToLatest();

  expect(String(error)).toMatch(/use migrate\(\) of the Ledger/);
  expect(await ledger.query("SELECT name FROM sqlite_master WHERE name LIKE 'kysely%'")).toEqual([]);
});
