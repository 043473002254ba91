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

// Errors have codes that a switch can be exhaustive about.
expectTypeOf(new LedgerError("LEDGER_CLOSED", "").code).toEqualTypeOf<LedgerErrorCode>();
// @ts-expect-error there is no such code
void new LedgerError("LEDGER_NONSENSE", "");

expectTypeOf<Ledger>().toExtend<AsyncDisposable>();
