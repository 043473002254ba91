/**
 * The one error class of the public API, its codes, and its form on a message port.
 * README lists every code; a test keeps the two lists equal.
 */

/** Every code a {@link LedgerError} can carry, with what it means. */
export const errorCodes = {
  LEDGER_NOT_INITIALIZED: "the call needs an open database; await init() first",
  LEDGER_CLOSED: "this Ledger was closed; open a new one",
  LEDGER_OPTION_INVALID: "an option of the constructor or of a call has the wrong type or range",
  LEDGER_SQL_ERROR: "SQLite refused the statement; the message is SQLite's own",
  LEDGER_CONSTRAINT: "the statement broke a constraint of the schema; nothing of it was stored",
  LEDGER_PARAMS_INVALID: "a parameter is missing, superfluous or of a type that SQLite cannot store",
  LEDGER_STATEMENT_REFUSED: "the statement would disturb the database that all tabs and the replication share",
  LEDGER_TRANSACTION_ENDED:
    "the transaction is over: it was idle for too long, or its database went away; nothing of it was kept",
  LEDGER_TRANSACTION_MISUSED: "inside transaction() only its own innermost tx may be used",
  LEDGER_INTERNAL_TABLE: "the statement writes to a table that belongs to cr-sqlite or to Ledger",
  LEDGER_SCHEMA_CHANGE_REFUSED: "ALTER or DROP of a synced table would break replication",
  LEDGER_MIGRATION_CHANGED: "the list of migrations contradicts what has run on this replica",
  LEDGER_MIGRATION_FAILED: "a migration failed and nothing of it was stored; see cause",
  LEDGER_KEY_UPDATE_REFUSED: "the primary key of a synced row cannot be updated; delete the row and insert a new one",
  LEDGER_TABLE_NOT_FOUND: "enableSync() was given the name of a table that does not exist",
  LEDGER_TABLE_NOT_SYNCED: "watch() was given a table that does not sync; enableSync() first",
  LEDGER_TABLE_NAME_INVALID: "synced tables and columns need plain names: letters, digits and underscores",
  LEDGER_TABLE_KEY_INVALID: "a synced table needs a PRIMARY KEY whose columns are NOT NULL",
  LEDGER_TABLE_UNIQUE: "a synced table cannot have UNIQUE constraints beside its primary key",
  LEDGER_TABLE_FOREIGN_KEY: "a synced table cannot have checked foreign keys",
  LEDGER_TABLE_DEFAULT_MISSING: "a NOT NULL column of a synced table needs a DEFAULT",
  LEDGER_TABLE_AUTOINCREMENT: "a synced table cannot use AUTOINCREMENT; make ids with uuidv7()",
  LEDGER_TABLE_COLLATION: "the key of a synced table needs the BINARY collation",
  LEDGER_TABLE_TOO_WIDE: "a synced table can have 63 columns at most",
  LEDGER_ENGINE_UNAVAILABLE: "the SQLite engine could not be loaded; check wasmUrl and the content security policy",
  LEDGER_ROW_NOT_SENT: "a synced row holds a key or a value that no peer takes; it stays on this replica",
  LEDGER_STORAGE_UNAVAILABLE: "the requested storage cannot be used in this browser or context",
  LEDGER_STORAGE_BUSY: "another context holds this database open",
  LEDGER_QUOTA_EXCEEDED: "the browser gives this origin no more space; everything acknowledged is kept",
  LEDGER_ENGINE_CRASHED: "the SQLite engine stopped; it is opened again and nothing acknowledged is lost",
  LEDGER_LEADER_CHANGED: "the tab that owned the database went away before it answered",
  LEDGER_DESTROYED: "destroy() removed this database, in this tab or in another; a new Ledger begins an empty one",
  LEDGER_VERSION_MISMATCH: "another tab runs a different version of Ledger; close or reload the other tabs",
  LEDGER_NO_SIGNALING_URL: "connect() needs a signaling URL, as argument or as option",
  LEDGER_NO_TOKEN: "connect() needs a token, as argument or as option",
  LEDGER_SIGNALING_UNREACHABLE: "the signaling server did not answer; Ledger goes on trying until disconnect()",
  LEDGER_SIGNALING_REFUSED: "the signaling server refused this client",
  LEDGER_TIMEOUT: "what was waited for did not happen in time; replication goes on in the background",
  LEDGER_DISCONNECTED: "disconnect() or close() was called before connect() was done",
  LEDGER_INSECURE_CONTEXT: "connect() needs WebCrypto, which browsers give only to https pages and localhost",
  LEDGER_WEBRTC_UNAVAILABLE: "there is no WebRTC in this environment",
  LEDGER_TURN_REFUSED: "a TURN server refused its credentials or had no capacity; peers that need it cannot be reached",
  LEDGER_PEER_UNTRUSTED: "a peer could not prove that it holds the room's token",
  LEDGER_PEER_FAULT: "a peer broke the protocol; its link was closed and nothing of the frame was stored",
  LEDGER_PEER_INCOMPATIBLE: "a peer speaks another version of the protocol",
  LEDGER_IDENTITY_CLASH: "two live replicas had the same id, as after copying a database; one of them takes a new id",
  LEDGER_IMPORT_REFUSED: "import() was given a file that export() did not make, or a damaged one; nothing has changed",
  LEDGER_MESSAGE_INVALID: "a presence state or a broadcast is too large, or not what JSON can carry",
  LEDGER_RATE_LIMITED: "a tab broadcasts more messages than the room takes; collect them",
  LEDGER_STORAGE_VOLATILE: "the database lives in memory only and is gone with the page",
  LEDGER_LISTENER_FAILED: "a function of the app threw: a listener, acceptPeer or bearer",
  LEDGER_INTERNAL: "a bug in Ledger; please report it with the cause",
} as const satisfies Record<`LEDGER_${string}`, string>;

export type LedgerErrorCode = keyof typeof errorCodes;

/** What every rejected promise and every `error` event of Ledger carries. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly code: LedgerErrorCode;

  /**
   * @param message - what happened and what to do; never contains a token, a key or row contents
   */
  constructor(code: LedgerErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options !== undefined && "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
  }
}

/** A {@link LedgerError} as plain, structured-cloneable fields. `cause` is flattened to text: a cause may hold anything. */
export interface WireError {
  readonly code: LedgerErrorCode;
  readonly message: string;
  readonly cause?: { readonly name: string; readonly message: string };
}

/** Any thrown value as a LedgerError; foreign ones become `LEDGER_INTERNAL` with the value as `cause`. */
export const toLedgerError = (thrown: unknown): LedgerError =>
  thrown instanceof LedgerError
    ? thrown
    : new LedgerError("LEDGER_INTERNAL", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });

export const errorToWire = (thrown: unknown): WireError => {
  const error = toLedgerError(thrown);
  const { cause } = error;
  if (cause === undefined) return { code: error.code, message: error.message };
  const flat =
    cause instanceof Error ? { name: cause.name, message: cause.message } : { name: "Error", message: String(cause) };
  return { code: error.code, message: error.message, cause: flat };
};

export const errorFromWire = (wire: WireError): LedgerError => {
  if (wire.cause === undefined) return new LedgerError(wire.code, wire.message);
  const cause = new Error(wire.cause.message);
  cause.name = wire.cause.name;
  return new LedgerError(wire.code, wire.message, { cause });
};
