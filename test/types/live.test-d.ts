/** The types of live queries and of `sql`, as an app meets them. Checked by `npm run typecheck`; never run. */

import {
  type ExecResult,
  type KeyedLiveQuery,
  type Ledger,
  type LedgerError,
  type LiveQuery,
  type LiveStatus,
  type LiveSubscription,
  type Row,
  type RowChanges,
  sql,
  type SqlQuery,
  type SqlStatement,
  type SqlValue,
  type Transaction,
} from "ledger";
import { expectTypeOf } from "vitest";

interface Note {
  readonly id: string;
  readonly title: string | null;
}

declare const db: Ledger;
declare const tx: Transaction;

// Rows have the type that the app names, and plain rows by default.
expectTypeOf(db.live("SELECT 1")).toEqualTypeOf<LiveQuery<Row>>();
expectTypeOf(db.live<Note>("SELECT * FROM notes", [1], {})).toEqualTypeOf<LiveQuery<Note>>();
expectTypeOf(db.live(sql<Note>`SELECT * FROM notes`)).toEqualTypeOf<LiveQuery<Note>>();
expectTypeOf(db.live(db.sql<Note>`SELECT * FROM notes`, { lazy: true })).toEqualTypeOf<LiveQuery<Note>>();

const live = db.live<Note>("SELECT * FROM notes");
expectTypeOf(live.rows).toEqualTypeOf<readonly Note[]>();
expectTypeOf(live.status).toEqualTypeOf<LiveStatus>();
expectTypeOf(live.error).toEqualTypeOf<LedgerError | undefined>();
expectTypeOf(live.subscribe(() => {})).toEqualTypeOf<LiveSubscription>();
expectTypeOf(live.subscribe(() => {}).unsubscribe).toEqualTypeOf<() => void>();
live.subscribe((rows) => expectTypeOf(rows).toEqualTypeOf<readonly Note[]>());
live.subscribe({ next: (rows) => expectTypeOf(rows).toEqualTypeOf<readonly Note[]>(), error: ({ code }) => code });
// @ts-expect-error without a key there are no changes
live.subscribe((rows, { added }) => added);
for await (const rows of live) expectTypeOf(rows).toEqualTypeOf<readonly Note[]>();

// With a key, which must be a column, changes are told.
expectTypeOf(db.live<Note>("SELECT * FROM notes", [], { key: "id" })).toEqualTypeOf<KeyedLiveQuery<Note>>();
const keyed = db.live(sql<Note>`SELECT * FROM notes`, { key: ["id", "title"] });
keyed.subscribe((_rows, changes) => expectTypeOf(changes).toEqualTypeOf<RowChanges<Note>>());
void db.live("SELECT id FROM notes", [], { key: "id" });
// @ts-expect-error no such column
void db.live<Note>("SELECT * FROM notes", [], { key: "body" });
// @ts-expect-error a statement brings its params
void db.live(sql`SELECT 1`, [1]);
// @ts-expect-error no such option
void db.live("SELECT 1", [], { once: true });

// As Svelte and RxJS see it.
expectTypeOf(live).toExtend<{ subscribe(run: (rows: readonly Note[]) => void, invalidate?: () => void): () => void }>();
expectTypeOf(live).toExtend<AsyncIterable<readonly Note[]>>();

// Statements carry the type of their rows into whatever runs them.
expectTypeOf(sql`SELECT 1`).toEqualTypeOf<SqlStatement<Row>>();
expectTypeOf(sql<Note>`SELECT 1`).toEqualTypeOf<SqlStatement<Note>>();
expectTypeOf(db.sql<Note>`SELECT 1`).toEqualTypeOf<SqlQuery<Note>>();
expectTypeOf(await db.sql<Note>`SELECT 1`).toEqualTypeOf<readonly Note[]>();
expectTypeOf(db.exec(sql<Note>`SELECT 1`)).resolves.toEqualTypeOf<ExecResult<Note>>();
expectTypeOf(db.exec(sql<Note>`SELECT 1`, { rowMode: "array" })).resolves.toEqualTypeOf<
  ExecResult<readonly SqlValue[]>
>();
expectTypeOf(db.query(sql<Note>`SELECT 1`)).resolves.toEqualTypeOf<readonly Note[]>();
expectTypeOf(db.get(sql<Note>`SELECT 1`)).resolves.toEqualTypeOf<Note | undefined>();
expectTypeOf(tx.query(sql<Note>`SELECT 1`)).resolves.toEqualTypeOf<readonly Note[]>();
expectTypeOf(tx.get(sql<Note>`SELECT 1`)).resolves.toEqualTypeOf<Note | undefined>();
expectTypeOf(await tx.sql<Note>`SELECT 1`).toEqualTypeOf<readonly Note[]>();
void db.batch([sql`DELETE FROM notes WHERE id = ${1}`, "SELECT 1"]);

// Templates take values and parts of SQL, and nothing else.
void sql`SELECT ${null}, ${1}, ${2n}, ${"text"}, ${true}, ${new Uint8Array()}, ${sql<Note>`x`}, ${sql.identifier("a")}`;
void sql.join([1, "a", sql`b`], sql` AND `);
// @ts-expect-error a list is joined
void sql`SELECT 1 IN (${[1, 2]})`;
// @ts-expect-error undefined has no storage class
void sql`SELECT ${undefined}`;
// @ts-expect-error nor has a Date
void sql`SELECT ${new Date()}`;
// @ts-expect-error an object that looks like a statement is none
void db.query({ sql: "SELECT 1", params: [] });
// @ts-expect-error names are texts
void sql.identifier(1);
