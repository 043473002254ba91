/** Drizzle's documented examples, through the driver. @see https://orm.drizzle.team/docs/data-querying */

import { TransactionRollbackError, and, asc, count, eq, gt, inArray, relations, sql } from "drizzle-orm";
import { blob, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { drizzle, type LedgerDrizzle } from "../../src/drizzle.ts";
import { Ledger } from "../../src/index.ts";

const users = sqliteTable("users", {
  id: text("id").primaryKey().notNull(),
  name: text("name").notNull().default(""),
  isAdmin: integer("is_admin", { mode: "boolean" }).notNull().default(false),
  born: integer("born", { mode: "timestamp_ms" }),
  score: real("score"),
  photo: blob("photo", { mode: "buffer" }),
});
const posts = sqliteTable("posts", {
  id: text("id").primaryKey().notNull(),
  authorId: text("author_id"),
  title: text("title"),
});
const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const postsRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
}));
const schema = { users, posts, usersRelations, postsRelations };

let ledger: Ledger;
let db: LedgerDrizzle<typeof schema>;

beforeEach(async () => {
  ledger = new Ledger({ dbName: crypto.randomUUID() });
  await ledger.init();
  db = drizzle(ledger, { schema });
  await ledger.exec(`
    CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL DEFAULT '', is_admin INTEGER NOT NULL DEFAULT 0,
      born INTEGER, score REAL, photo BLOB);
    CREATE TABLE posts (id TEXT PRIMARY KEY NOT NULL, author_id TEXT, title TEXT)`);
  await ledger.enableSync("users");
  await db.insert(users).values([
    { id: "1", name: "Dan", isAdmin: true, born: new Date(86_400_000), score: 2 },
    { id: "2", name: "Andrew", photo: Buffer.from([1, 0, 255]) },
  ]);
  await db.insert(posts).values({ id: "p", authorId: "1", title: "Hello" });
});

afterEach(() => ledger.close());

const names = async (): Promise<string[]> =>
  (await db.select({ name: users.name }).from(users).orderBy(asc(users.id))).map(({ name }) => name);

test("selects: columns of every kind, where, joins, aggregates, raw SQL", async () => {
  const [dan, andrew] = await db.select().from(users).orderBy(users.id);
  const joined = await db.select().from(users).innerJoin(posts, eq(posts.authorId, users.id)).where(gt(users.score, 1));
  const one = await db.select({ n: count() }).from(users).get();
  const none = await db.select().from(users).where(eq(users.id, "x")).get();
  const raw = await db.all<unknown[]>(sql`select ${1} + ${2}`);

  expectTypeOf(dan?.born).toEqualTypeOf<Date | null | undefined>();
  expect(dan).toMatchObject({ name: "Dan", isAdmin: true, born: new Date(86_400_000), score: 2, photo: null });
  expect([...(andrew?.photo ?? [])]).toEqual([1, 0, 255]);
  expect(joined).toMatchObject([{ users: { id: "1" }, posts: { id: "p", title: "Hello" } }]);
  expect([one, none, raw]).toEqual([{ n: 2 }, undefined, [[3]]]);
});

test("inserts, updates, upserts and deletes, with returning", async () => {
  const inserted = await db.insert(users).values({ id: "3", name: "Alex" }).returning({ id: users.id });
  await db.update(users).set({ name: "Mr. Dan" }).where(eq(users.name, "Dan"));
  await db
    .insert(users)
    .values({ id: "3", name: "Alex" })
    .onConflictDoUpdate({ target: users.id, set: { name: "Alexey" } });
  const deleted = await db
    .delete(users)
    .where(and(eq(users.name, "Andrew"), inArray(users.id, ["2"])))
    .returning();

  expect(inserted).toEqual([{ id: "3" }]);
  expect(deleted).toMatchObject([{ id: "2", name: "Andrew" }]);
  expect(await names()).toEqual(["Mr. Dan", "Alexey"]);
});

test("answers relational queries", async () => {
  const found = await db.query.users.findMany({ with: { posts: true }, orderBy: users.id, columns: { name: true } });
  const first = await db.query.posts.findFirst({ with: { author: { columns: { name: true } } } });

  expect(found).toEqual([
    { name: "Dan", posts: [{ id: "p", authorId: "1", title: "Hello" }] },
    { name: "Andrew", posts: [] },
  ]);
  expect(first?.author?.name).toBe("Dan");
});

test("runs a batch as one, joins with equal column names included", async () => {
  const [inserted, joined] = await db.batch([
    db.insert(users).values({ id: "3", name: "Alex" }).returning(),
    db.select().from(users).innerJoin(posts, eq(posts.authorId, users.id)),
  ]);
  const failed = db.batch([db.delete(users), db.insert(posts).values({ id: "p" })]);

  expect(inserted).toMatchObject([{ id: "3" }]);
  expect(joined).toMatchObject([{ users: { id: "1" }, posts: { id: "p" } }]);
  await expect(failed).rejects.toThrow();
  expect(await names()).toEqual(["Dan", "Andrew", "Alex"]);
});

test("commits a transaction as one, isolated, with transactions within", async () => {
  const changes: unknown[] = [];
  ledger.on("change", (change) => changes.push(change));

  const result = await db.transaction(async (tx) => {
    await tx.insert(users).values({ id: "3", name: "kept" });
    await expect(
      tx.transaction(async (inner) => {
        await inner.insert(users).values({ id: "4", name: "undone" });
        inner.rollback();
      }),
    ).rejects.toBeInstanceOf(TransactionRollbackError);
    await tx.insert(posts).values({ id: "q", authorId: "3" });
    return (await tx.query.users.findMany()).length;
  });

  expect(result).toBe(3);
  expect(changes).toEqual([{ tables: ["posts", "users"], origin: "local" }]);
  expect(await names()).toEqual(["Dan", "Andrew", "kept"]);
});

test("undoes a transaction that throws or rolls back", async () => {
  const thrown = db.transaction(async (tx) => {
    await tx.delete(users);
    throw new Error("no");
  });
  const rolledBack = db.transaction(async (tx) => {
    await tx.delete(users);
    tx.rollback();
  });

  await expect(thrown).rejects.toThrow("no");
  await expect(rolledBack).rejects.toBeInstanceOf(TransactionRollbackError);
  expect(await names()).toEqual(["Dan", "Andrew"]);
});
