/** The types of the public API, as an app meets them. Checked by `npm run typecheck`; never run. */

import {
  type ChangeEvent,
  type ExecResult,
  Ledger,
  LedgerError,
  type LedgerErrorCode,
  type LedgerOptions,
  type LedgerStatus,
  type Row,
  type RowChange,
  type SignalingDrops,
  type SiteId,
  type SqlValue,
  type Unsubscribe,
  uuidv7,
} from "ledger";
import { expectTypeOf } from "vitest";

interface Note {
  readonly id: string;
  readonly title: string | null;
}

declare const db: Ledger;

// Every option is optional, and unknown ones are refused.
expectTypeOf<Partial<LedgerOptions>>().toEqualTypeOf<LedgerOptions>();
void new Ledger();
void new Ledger({ dbName: "notes", signalingUrl: "wss://example.org", token: Ledger.createToken(), iceServers: [] });
// @ts-expect-error a misspelt option
void new Ledger({ dbname: "notes" });

void new Ledger({ storage: ["file", "memory"], acceptPeer: (peerId) => peerId.length > 0, maxLinks: 4 });
// @ts-expect-error a storage that does not exist
void new Ledger({ storage: "disk" });
// @ts-expect-error a number as text
void new Ledger({ maxLinks: "4" });
// @ts-expect-error acceptPeer answers at once
void new Ledger({ acceptPeer: async () => true });
// @ts-expect-error undefined is no value of an option; leave it out
void new Ledger({ token: undefined });

// Rows are objects by default, of the type that the app names, and arrays on request.
expectTypeOf(db.exec("SELECT 1")).resolves.toEqualTypeOf<ExecResult<Row>>();
expectTypeOf(db.exec<Note>("SELECT * FROM notes")).resolves.toEqualTypeOf<ExecResult<Note>>();
expectTypeOf(db.exec("SELECT 1", undefined, { rowMode: "array" })).resolves.toEqualTypeOf<
  ExecResult<readonly SqlValue[]>
>();
expectTypeOf(db.query<Note>("SELECT * FROM notes")).resolves.toEqualTypeOf<readonly Note[]>();
expectTypeOf(db.get<Note>("SELECT * FROM notes LIMIT 1")).resolves.toEqualTypeOf<Note | undefined>();

// Parameters: by position or by name, of the kinds that SQLite can store.
void db.exec("SELECT ?, ?, ?, ?, ?, ?", [null, 1, 2n, "text", true, new Uint8Array()]);
void db.exec("SELECT :id", { id: uuidv7() });
// @ts-expect-error a Date has no storage class; pass its number or text
void db.exec("SELECT ?", [new Date()]);
// @ts-expect-error so has undefined; pass null
void db.exec("SELECT ?", [undefined]);

// @ts-expect-error nor has an object
void db.exec("SELECT ?", [{ id: 1 }]);
// @ts-expect-error nor a function
void db.exec("SELECT :id", { id: () => 1 });
// @ts-expect-error a single value is no list
void db.exec("SELECT ?", 1);
// @ts-expect-error there is no such form of rows
void db.exec("SELECT 1", [], { rowMode: "map" });
// @ts-expect-error the statement is a text
void db.exec(["SELECT 1"]);
void db.query("SELECT ?", [new ArrayBuffer(1)] as const);
const frozen: readonly string[] = Object.freeze(["a"]);
void db.query("SELECT ?", frozen);

// What is answered is not to be written to.
void db.exec<Note>("SELECT * FROM notes").then((result) => {
  expectTypeOf(result.columns).toEqualTypeOf<readonly string[]>();
  expectTypeOf(result.rowsAffected).toEqualTypeOf<number>();
  // @ts-expect-error rows are read-only
  result.rows.push({ id: "a", title: null });
  // @ts-expect-error and so are their number
  result.rowsAffected = 0;
});
void db.query("SELECT 1 AS one").then(([row]) => {
  expectTypeOf(row).toEqualTypeOf<Row | undefined>();
  expectTypeOf(row?.["one"]).toEqualTypeOf<SqlValue | undefined>();
});
expectTypeOf<SqlValue>().toEqualTypeOf<null | number | bigint | string | Uint8Array>();

// The document's synchronous getters.
expectTypeOf(db.getNodeId()).toEqualTypeOf<SiteId>();
expectTypeOf(db.getVersion()).toEqualTypeOf<number>();
expectTypeOf(db.getPeers()).toEqualTypeOf<readonly SiteId[]>();
expectTypeOf(db.isConnected()).toEqualTypeOf<boolean>();
expectTypeOf(db.status()).toEqualTypeOf<LedgerStatus>();
expectTypeOf<SiteId>().toExtend<string>();

// Events carry their own arguments.
expectTypeOf(db.on("connected", () => {})).toEqualTypeOf<Unsubscribe>();
db.on("sync", (count, peerId) => {
  expectTypeOf(count).toEqualTypeOf<number>();
  expectTypeOf(peerId).toEqualTypeOf<SiteId>();
});
db.on("change", (change) => expectTypeOf(change).toEqualTypeOf<ChangeEvent>());
db.on("reconnecting", (attempt) => expectTypeOf(attempt).toEqualTypeOf<number>());
db.on("error", (error) => expectTypeOf(error).toEqualTypeOf<LedgerError>());
// @ts-expect-error there is no such event
db.on("synced", () => {});
// @ts-expect-error connected has no arguments
db.on("connected", (attempt: number) => attempt);

// @ts-expect-error peer-join has one argument
db.on("peer-join", (peerId: SiteId, count: number) => [peerId, count]);
// @ts-expect-error the listener of sync is told a number first
db.on("sync", (peerId: string) => peerId);
// @ts-expect-error a listener is needed
db.on("connected");
expectTypeOf(db.connect).toEqualTypeOf<(url?: string, token?: string) => Promise<void>>();
expectTypeOf(db.close()).toEqualTypeOf<Promise<void>>();
expectTypeOf(Ledger.createToken()).toEqualTypeOf<string>();

// Rows are watched by a listener, or in a loop.
expectTypeOf(db.watch<Note>("notes", {}, (change) => void change)).toEqualTypeOf<Promise<Unsubscribe>>();
expectTypeOf(db.watch<Note>("notes")).toEqualTypeOf<AsyncIterableIterator<RowChange<Note>>>();
const { signal } = new AbortController();
expectTypeOf(db.watch<Note>("notes", { signal, filter: ({ type }) => type === "insert" }).next()).resolves.toExtend<
  IteratorResult<RowChange<Note>>
>();
// @ts-expect-error a filter says yes or no
void db.watch("notes", { filter: () => "no" });

// Errors have codes that a switch can be exhaustive about.
expectTypeOf(new LedgerError("LEDGER_CLOSED", "").code).toEqualTypeOf<LedgerErrorCode>();
// @ts-expect-error there is no such code
void new LedgerError("LEDGER_NONSENSE", "");

expectTypeOf<Ledger>().toExtend<AsyncDisposable>();

// Invitations, and who may use the signaling server.
expectTypeOf(db.inviteUrl("https://app.example")).toEqualTypeOf<string>();
expectTypeOf(db.inviteUrl(new URL("https://app.example"))).toEqualTypeOf<string>();
expectTypeOf(Ledger.tokenFromUrl()).toEqualTypeOf<string | undefined>();
expectTypeOf(Ledger.tokenFromUrl(new URL("https://app.example"), globalThis.history)).toEqualTypeOf<
  string | undefined
>();
expectTypeOf(db.forgetRoom()).resolves.toEqualTypeOf<void>();
expectTypeOf(db.status().signalingDrops).toEqualTypeOf<SignalingDrops | undefined>();
void new Ledger({ bearer: "token" });
void new Ledger({ bearer: async () => "token" });
// @ts-expect-error nobody would be let in by a number
void new Ledger({ bearer: () => 5 });
