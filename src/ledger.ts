/**
 * The facade that apps import, and the composition root: the only file that knows every concrete part.
 */

import type {
  BatchStatement,
  ExecOptions,
  ExecResult,
  LedgerEventName,
  LedgerEvents,
  LedgerStatus,
  Row,
  WaitOptions,
} from "./api.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import { LedgerError, toLedgerError } from "./common/errors.ts";
import { bytesToHex, type SiteId } from "./common/ids.ts";
import { createSilentLogger } from "./common/logger.ts";
import { createSystemRandom } from "./common/random.ts";
import { createSystemClock } from "./common/system-clock.ts";
import type { SqlParams, SqlValue } from "./database/value.ts";
import { createHistory, type History as ConflictHistory } from "./history.ts";
import type { Host, HostSnapshot } from "./host.ts";
import { createLiveQueries, type LiveQueries } from "./live/live-queries.ts";
import type { KeyedLiveQuery, LiveKey, LiveOptions, LiveQuery } from "./live/live-query.ts";
import { takeTokenFromUrl, tokenToInviteUrl } from "./invitation.ts";
import { runMigrations, type Migration, type MigrationResult } from "./migrations.ts";
import { destroyDatabase } from "./destroy-database.ts";
import { openHost } from "./open-host.ts";
import { createPersistence, decidesPersistenceSilently, type Persistence } from "./persistence.ts";
import {
  checkSignalingUrl,
  integerBetween,
  resolveOptions,
  type LedgerOptions,
  type ResolvedOptions,
} from "./options.ts";
import type { Receipt } from "./replication-waits.ts";
import { waitFor } from "./wait-for.ts";
import type { RowChange } from "./database/row-change.ts";
import { createRowWatches, type RowWatches, type WatchOptions } from "./row-watches.ts";
import { createPresenceClient, type BroadcastListener, type Presence, type PresenceClient } from "./presence.ts";
import { createSqlTag, readCall, type LedgerSqlTag, type SqlStatement } from "./sql.ts";
import { statementsToRuns } from "./statement-runs.ts";
import { destroyedError } from "./tabs/take-from-tabs.ts";
import { createToken } from "./security/token.ts";
import {
  createTransactions,
  toRequest,
  type Transaction,
  type TransactionOptions,
  type Transactions,
} from "./transaction.ts";

type State =
  | { readonly name: "new" }
  | { readonly name: "opening"; readonly opening: Promise<void> }
  | { readonly name: "open"; readonly host: Host; readonly opening: Promise<void> }
  | { readonly name: "failed" }
  | {
      readonly name: "closed";
      readonly host: Host | undefined;
      readonly closing: Promise<void>;
      /** Why, when nobody called close(). */
      readonly reason?: LedgerError;
    };

/**
 * A SQLite database in this browser that keeps itself in step with its peers.
 *
 * @example
 * const db = new Ledger({ dbName: "notes", signalingUrl: "ws://localhost:8081", token: Ledger.createToken() });
 * await db.init();
 */
export class Ledger {
  readonly #options: ResolvedOptions;
  readonly #emitter;
  readonly #transactions: Transactions;
  readonly #rowWatches: RowWatches;
  /** Own values that lost to a peer's before anybody had seen them. Its methods reject as {@link exec} does. */
  readonly history: ConflictHistory;
  readonly #presence: PresenceClient;
  readonly #persistence: Persistence;
  readonly #live: LiveQueries;
  #state: State = { name: "new" };

  /**
   * A statement with values bound where they stand in the template. Awaited, it runs and answers its rows; exec(), live()
   * and the others take it as it is.
   */
  readonly sql: LedgerSqlTag = createSqlTag((statement) => this.query(statement));

  /** Opens nothing yet. @throws LedgerError LEDGER_OPTION_INVALID */
  constructor(options: LedgerOptions = {}) {
    this.#options = resolveOptions(options, typeof document !== "undefined");
    const logger = this.#options.logger ?? createSilentLogger();
    this.#transactions = createTransactions({
      call: (call) => this.#host("transaction").call(call),
      random: createSystemRandom(),
      idleMs: this.#options.transactionIdleMs,
    });
    const listenerThrew = (error: unknown, event: string): void => {
      logger.error("a listener of the app threw", { event, error: String(error) });
      if (event === "error") return; // Reporting it would call the same listener again.
      const message = `a listener of "${event}" threw; the other listeners were called`;
      this.#emitter.emit("error", new LedgerError("LEDGER_LISTENER_FAILED", message, { cause: error }));
    };
    this.#emitter = createEmitter<LedgerEvents>(listenerThrew);
    this.history = createHistory(async (call) => this.#database("history").call(call));
    this.#rowWatches = createRowWatches({
      owner: bytesToHex(createSystemRandom().bytes(16)),
      checkCaller: () => void this.#database("watch"),
      call: (call) => this.#host("watch").call(call),
      version: () => this.status().version,
      listenerThrew: (error) => listenerThrew(error, "watch"),
    });
    const isPage = typeof document !== "undefined";
    this.#persistence = createPersistence({
      storage: isPage ? (navigator.storage as StorageManager | undefined) : undefined, // Missing where it is not secure.
      decidesSilently: isPage && decidesPersistenceSilently(),
      onChange: () => this.#tellStatus(),
    });
    this.#presence = createPresenceClient({
      clock: createSystemClock(),
      random: createSystemRandom(),
      checkOpen: (call) => void this.#host(call),
      onChange: (peers) => this.#emitter.emit("presence", peers),
      onListenerError: (error) => listenerThrew(error, "broadcast"),
    });
    this.#live = createLiveQueries({
      read: async (request) => this.#host("live").call({ type: "query", request }),
      clock: createSystemClock(),
      frames: globalThis,
      failed: (error) => this.#emitter.emit("error", error),
      listenerThrew: (error) => listenerThrew(error, "live"),
    });
  }

  /** A fresh room secret of 128 random bits: 22 characters that fit in a URL. */
  static createToken(): string {
    return createToken(createSystemRandom());
  }

  /**
   * The token of the invitation that opened the page, as {@link inviteUrl} wrote it; undefined when there is none. Takes it
   * out of the address bar, so that it does not stay in the history. Other fragments are left as they are.
   * @param address - default: the page's `location`
   * @param history - whose present entry gets the address without the token. Default: the page's, for the page's `location`
   */
  static tokenFromUrl(
    address: Pick<Location, "href"> = globalThis.location,
    history?: Pick<History, "state" | "replaceState">,
  ): string | undefined {
    return takeTokenFromUrl(address, history);
  }

  /**
   * Opens the database; works offline. Calling it again opens nothing new; after a failure it tries anew.
   * @throws LedgerError LEDGER_STORAGE_UNAVAILABLE, LEDGER_STORAGE_BUSY, LEDGER_QUOTA_EXCEEDED, LEDGER_ENGINE_CRASHED,
   *   LEDGER_CLOSED
   */
  init(): Promise<void> {
    const state = this.#state;
    switch (state.name) {
      case "opening":
      case "open":
        return state.opening;
      case "closed":
        return Promise.reject(state.reason ?? closedError("init"));
      case "new":
      case "failed": {
        const opening = this.#open();
        this.#state = { name: "opening", opening };
        this.#tellStatus();
        return opening;
      }
    }
  }

  /**
   * Runs SQL. One statement with params, or several in one string, in order, in one transaction, without params; then the
   * answer is the last one's.
   * @throws LedgerError LEDGER_SQL_ERROR, LEDGER_CONSTRAINT, LEDGER_PARAMS_INVALID, LEDGER_STATEMENT_REFUSED,
   *   LEDGER_INTERNAL_TABLE, LEDGER_SCHEMA_CHANGE_REFUSED, LEDGER_KEY_UPDATE_REFUSED, LEDGER_QUOTA_EXCEEDED,
   *   LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  exec(
    sql: string,
    params: SqlParams | undefined,
    options: ExecOptions & { readonly rowMode: "array" },
  ): Promise<ExecResult<readonly SqlValue[]>>;
  exec(
    statement: SqlStatement<unknown>,
    options: ExecOptions & { readonly rowMode: "array" },
  ): Promise<ExecResult<readonly SqlValue[]>>;
  exec<R = Row>(statement: SqlStatement<R>, options?: ExecOptions): Promise<ExecResult<R>>;
  exec<R = Row>(sql: string, params?: SqlParams, options?: ExecOptions): Promise<ExecResult<R>>;
  async exec(
    sql: string | SqlStatement<unknown>,
    params?: SqlParams | ExecOptions,
    options?: ExecOptions,
  ): Promise<ExecResult<unknown>> {
    const host = this.#database("exec");
    return await host.call({ type: "exec", request: toRequest(sql, params, options) });
  }

  /** The rows of a query. Throws as {@link exec} does. */
  query<R = Row>(statement: SqlStatement<R>): Promise<readonly R[]>;
  query<R = Row>(sql: string, params?: SqlParams): Promise<readonly R[]>;
  async query<R>(sql: string | SqlStatement<R>, params?: SqlParams): Promise<readonly R[]> {
    const host = this.#database("query");
    return (await host.call({ type: "exec", request: toRequest(sql, params) })).rows as readonly R[];
  }

  /** The first row of a query, or undefined. Throws as {@link exec} does. */
  get<R = Row>(statement: SqlStatement<R>): Promise<R | undefined>;
  get<R = Row>(sql: string, params?: SqlParams): Promise<R | undefined>;
  async get<R>(sql: string | SqlStatement<R>, params?: SqlParams): Promise<R | undefined> {
    const host = this.#database("get");
    return (await host.call({ type: "exec", request: toRequest(sql, params) })).rows[0] as R | undefined;
  }

  /**
   * A query that keeps itself current: it runs again whenever a table that it reads was changed, here, in another tab or by
   * a peer, at most once per animation frame. May be called before init(); then it waits for it.
   * @returns what can be subscribed to and iterated over; never throws for a statement that fails, but tells
   * @throws LedgerError LEDGER_OPTION_INVALID
   */
  live<R = Row>(statement: SqlStatement<R>, options: LiveOptions<R> & { readonly key: LiveKey<R> }): KeyedLiveQuery<R>;
  live<R = Row>(statement: SqlStatement<R>, options?: LiveOptions<R>): LiveQuery<R>;
  live<R = Row>(
    sql: string,
    params: SqlParams | undefined,
    options: LiveOptions<R> & { readonly key: LiveKey<R> },
  ): KeyedLiveQuery<R>;
  live<R = Row>(sql: string, params?: SqlParams, options?: LiveOptions<R>): LiveQuery<R>;
  live<R>(
    sql: string | SqlStatement<R>,
    params?: SqlParams | LiveOptions<R>,
    options?: LiveOptions<R>,
  ): LiveQuery<R, never> {
    const call = readCall(sql, params, options);
    const request = toRequest(call.sql, call.params);
    return this.#live.open<R>(request, call.options) as LiveQuery<R, never>;
  }

  /**
   * Runs statements in order, in one transaction and one hop: all of them or, when one fails, none.
   * @returns one answer per statement. Throws as {@link exec} does.
   */
  async batch(statements: readonly BatchStatement[]): Promise<readonly ExecResult[]> {
    const runs = statementsToRuns(statements);
    return this.#database("batch").call({ type: "batch", runs }) as Promise<readonly ExecResult[]>;
  }

  /**
   * Runs `work` in a transaction of its own, isolated from everything else that uses this database in any tab: it becomes one
   * version and arrives whole at peers. Commits when `work` returns and answers with its value; rolls back when it throws.
   * Inside, only `tx` may be used. While it is open every other call waits, so it should do nothing but SQL.
   * @throws LedgerError LEDGER_TRANSACTION_ENDED, LEDGER_TRANSACTION_MISUSED; LEDGER_LEADER_CHANGED when the tab that owned the
   *   database went away before it answered the commit; `signal.reason` when aborted; whatever `work` throws
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    this.#database("transaction");
    return this.#transactions.run(work, options);
  }

  /**
   * Makes a table replicate, with the rows it already has. Idempotent.
   * @throws LedgerError LEDGER_TABLE_NOT_FOUND and the other LEDGER_TABLE_* codes, each with the remedy
   */
  async enableSync(table: string): Promise<void> {
    await this.#database("enableSync").call({ type: "enable-sync", table });
  }

  /**
   * Brings the schema up to date: of a list that is the same on every replica, runs what this one has not run yet, in order,
   * each in a transaction of its own. To be called after init() and before anything else. In several tabs at a time each
   * migration runs once; after a failure, calling it again goes on with the one that failed. Changes of peers that waited for
   * a table or column are applied.
   * @throws LedgerError LEDGER_MIGRATION_FAILED with the failure as `cause`; LEDGER_MIGRATION_CHANGED when the list contradicts
   *   what has run here; LEDGER_OPTION_INVALID
   */
  async migrate(migrations: readonly Migration[]): Promise<MigrationResult> {
    this.#database("migrate");
    return runMigrations(this, this.#transactions, migrations);
  }

  /**
   * Tells what becomes of each row of a synced table, in every tab, whoever writes it and however: statements, triggers,
   * peers. Each commit is told once it is durable, a row of it once, in the order of commits. Costs nothing for tables that
   * nobody watches. A change `missed` says that rows changed which are not told one by one: read the table again.
   * Without a listener it is for a loop, `for await (const change of db.watch("notes"))`: watched from the loop's beginning
   * until the loop is left, `signal` is aborted or the database is closed. Changes wait for the loop, 20,000 of them at most;
   * one that is slower than that is told `missed` in their place.
   * @returns ends the watch; or the changes
   * @throws LedgerError LEDGER_TABLE_NOT_SYNCED
   */
  watch<R = Row>(table: string, listener: (change: RowChange<R>) => void): Promise<Unsubscribe>;
  watch<R = Row>(
    table: string,
    options: WatchOptions<R>,
    listener: (change: RowChange<R>) => void,
  ): Promise<Unsubscribe>;
  watch<R = Row>(table: string, options?: WatchOptions<R>): AsyncIterableIterator<RowChange<R>>;
  watch<R>(
    table: string,
    first: WatchOptions<R> | ((change: RowChange<R>) => void) = {},
    second?: (change: RowChange<R>) => void,
  ): Promise<Unsubscribe> | AsyncIterableIterator<RowChange<R>> {
    const [options, listener] = typeof first === "function" ? [{}, first] : [first, second];
    if (listener === undefined) return this.#rowWatches.iterate(table, options);
    return this.#rowWatches.watch(table, options, listener);
  }

  /**
   * Enters the room and links with the peers there. Resolves once the signaling server has let us in. When the server
   * cannot be reached it rejects, and goes on trying until `disconnect()`: `connected` tells when it succeeded.
   * Entering another room leaves the present one.
   * @param url - default: the option `signalingUrl`
   * @param token - default: the option `token`
   * @throws LedgerError LEDGER_NO_SIGNALING_URL, LEDGER_NO_TOKEN, LEDGER_OPTION_INVALID, LEDGER_SIGNALING_UNREACHABLE,
   *   LEDGER_SIGNALING_REFUSED, LEDGER_LISTENER_FAILED when option `bearer` threw, LEDGER_DISCONNECTED
   */
  async connect(url?: string, token?: string): Promise<void> {
    const host = this.#host("connect");
    const signalingUrl = url ?? this.#options.signalingUrl;
    if (signalingUrl === undefined || signalingUrl === "") {
      throw new LedgerError("LEDGER_NO_SIGNALING_URL", "pass a signaling URL to connect() or as option signalingUrl");
    }
    const secret = checkToken(token ?? this.#options.token, "connect");
    return host.connect(checkSignalingUrl(signalingUrl), secret);
  }

  /**
   * Waits until `peers` other replicas are known to hold everything that was written to this one, in all its tabs, before
   * the call. A replica counts from the moment it said so to this one, also when it has left since; replicas that only got
   * it from others do not count. What a replica said is forgotten when this database is closed.
   * @param options.peers - 1 to 1,000; default 1
   * @throws LedgerError LEDGER_TIMEOUT, LEDGER_OPTION_INVALID, LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  async replicated(options: WaitOptions & { readonly peers?: number } = {}): Promise<Receipt> {
    const host = this.#host("replicated");
    const { peers = 1 } = options;
    return waitFor(host, { type: "replicated", peers: integerBetween("peers", peers, 1, 1_000) }, options);
  }

  /**
   * Waits until this replica and every peer that it is linked with, one at least, are known to hold the same, with nothing
   * on its way in either direction. Without peers it waits for the first.
   * @throws LedgerError LEDGER_TIMEOUT, LEDGER_OPTION_INVALID, LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  async whenSynced(options: WaitOptions = {}): Promise<void> {
    await waitFor(this.#host("whenSynced"), { type: "in-step" }, options);
  }

  /** Leaves the room; the database stays usable, and connect() works again. Does nothing when not connected. */
  async disconnect(): Promise<void> {
    return this.#host("disconnect").disconnect();
  }

  /**
   * Leaves the room of `token`, in all tabs of this replica, and removes its keys from this browser. The database stays.
   * @param token - default: of the room that is entered, otherwise the option `token`
   * @throws LedgerError LEDGER_NO_TOKEN; LEDGER_STORAGE_UNAVAILABLE when the keys could not be removed
   */
  async forgetRoom(token?: string): Promise<void> {
    const host = this.#host("forgetRoom");
    return host.forgetRoom(checkToken(token ?? this.#roomToken(), "forgetRoom"));
  }

  /**
   * A link that brings others into the room: the token stands in its fragment, which browsers send to no server. The page
   * that it opens asks {@link Ledger.tokenFromUrl}. The token is that of the room that is entered, otherwise the option's.
   * @param base - where the app is, absolute or relative to the page; its own fragment is kept. Default: the page's address
   *   without its fragment
   * @throws LedgerError LEDGER_NO_TOKEN; LEDGER_OPTION_INVALID when `base` is no URL or has the token in its query
   */
  inviteUrl(base?: string | URL): string {
    return tokenToInviteUrl(checkToken(this.#roomToken(), "inviteUrl"), base);
  }

  /** Who else is in the room, and what they show of themselves. Never stored. */
  get presence(): Presence {
    return this.#presence.presence;
  }

  /**
   * Sends a message to every other tab in the room that is there right now. Resolves once it is on its way: best effort,
   * each tab gets it once or not at all, and nobody stores it.
   * @param payload - a value that JSON can carry, or a Uint8Array; of 8,192 bytes at most
   * @throws LedgerError LEDGER_MESSAGE_INVALID, LEDGER_RATE_LIMITED, LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  broadcast(topic: string, payload: unknown): Promise<void> {
    return this.#presence.broadcast(topic, payload);
  }

  /**
   * Calls `listener` at every broadcast of others on `topic`, until the answer is called.
   * @throws LedgerError LEDGER_MESSAGE_INVALID when the topic is not one
   */
  onBroadcast(topic: string, listener: BroadcastListener): Unsubscribe {
    return this.#presence.onBroadcast(topic, listener);
  }

  /**
   * The whole database as one SQLite file of one moment, which any SQLite opens. Rows that were deleted are not in it.
   * @param options.metadata - default true: with what `import()` needs. Without it the file has the app's tables only, as
   *   plain ones that may also be written to elsewhere.
   * @throws LedgerError LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  async export(options: { readonly metadata?: boolean } = {}): Promise<Blob> {
    return this.#database("export").call({ type: "export", withMetadata: options.metadata ?? true });
  }

  /**
   * Puts the contents of a file that `export()` made in place of this database's, for all tabs, whole or not at all. The
   * replica gets a new id and, when it is in a room, enters it again: then the peers' newer changes come back.
   * @throws LedgerError LEDGER_IMPORT_REFUSED, LEDGER_QUOTA_EXCEEDED, LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  async import(file: Blob | Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<void> {
    const host = this.#database("import");
    await host.call({ type: "import", file: file instanceof Blob ? file : new Blob([file]) });
  }

  /**
   * Asks the browser not to clear this site's storage when space runs short; answers whether it promises that. Firefox puts
   * the question to the user, so call it when somebody has just shown that the data matters, from a click. Chromium decides
   * by itself and is asked by init() already. Never rejects; false where there is no such promise.
   */
  persist(): Promise<boolean> {
    return this.#persistence.request();
  }

  /** Leaves the room and closes the database. Idempotent, never rejects. */
  close(): Promise<void> {
    return this.#close();
  }

  /**
   * Closes the database and removes it from this browser: its rows, this replica's id, and the keys of its room. All other
   * tabs lose it at once: they are told by event `error`, and whatever they call rejects with LEDGER_DESTROYED. Peers keep
   * what they have. Works in every state; a new Ledger of the same name begins with nothing.
   * @throws LedgerError LEDGER_STORAGE_BUSY when another tab does not let go of the database, which is still there then;
   *   LEDGER_STORAGE_UNAVAILABLE when only the keys could not be removed
   */
  destroy(): Promise<void> {
    const token = this.#roomToken();
    // The other tabs are told first, so that none of them takes over what is to be removed.
    return destroyDatabase(this.#options, () => this.#close(destroyedError()), token);
  }

  #close(reason?: LedgerError): Promise<void> {
    const state = this.#state;
    if (state.name === "closed") return state.closing;
    const host = state.name === "open" ? state.host : undefined;
    const closing = (async () => {
      // Waits for an init() under way, whose host is closed by #open once it sees the state.
      if (state.name === "opening") await state.opening.catch(() => {});
      await host?.close();
    })();
    this.#state = { name: "closed", host, closing, ...(reason === undefined ? {} : { reason }) };
    this.#presence.stop();
    this.#rowWatches.close();
    this.#live.close();
    this.#tellStatus();
    return closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * This replica's id: 32 lower-case hex digits, the same after every reload. Still answered after close().
   * @throws LedgerError LEDGER_NOT_INITIALIZED before init() is done
   */
  getNodeId(): SiteId {
    return this.#seen("getNodeId").snapshot.nodeId;
  }

  /**
   * This replica's version; grows with every commit to a synced table, here or merged from a peer.
   * @throws LedgerError LEDGER_NOT_INITIALIZED before init() is done
   */
  getVersion(): number {
    return this.#seen("getVersion").snapshot.version;
  }

  /** Ids of the linked peers; empty in every other state. */
  getPeers(): readonly SiteId[] {
    return this.status()
      .peers.filter((peer) => peer.state === "ready")
      .map((peer) => peer.peerId);
  }

  /** Whether the signaling server is reached right now. Links to peers do not depend on it. */
  isConnected(): boolean {
    return this.status().signaling === "connected";
  }

  /** How everything stands, as of now. */
  status(): LedgerStatus {
    const state = this.#state;
    if (state.name === "open") return this.#openStatus(state.host.snapshot);
    const version = state.name === "closed" ? (state.host?.snapshot.version ?? 0) : 0;
    return { state: state.name, signaling: "off", peers: [], version };
  }

  /**
   * Calls `listener` at every `event` until the answer is called. A listener that throws is reported as `error` and stops
   * nothing.
   */
  on<K extends LedgerEventName>(event: K, listener: (...args: LedgerEvents[K]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  async #open(): Promise<void> {
    try {
      const host = await openHost(this.#options);
      if (this.#state.name === "closed") {
        await host.close();
        throw closedError("init");
      }
      host.onSnapshot((snapshot) => {
        // Not what status() answers: asking may find something newer, which would be told before and then once more.
        if (this.#state.name === "open") this.#emitter.emit("status", this.#openStatus(snapshot));
        else this.#tellStatus();
      });
      host.onReopened(() => this.#rowWatches.renew());
      host.onReopened(() => this.#presence.start(host.ephemeral));
      // The leader before may have committed what it could not tell any more.
      host.onReopened(() => this.#live.reset());
      host.onEvent((event) => {
        if (event.name === "error" && event.args[0].code === "LEDGER_DESTROYED") {
          // This tab's own destroy() needs no news of it.
          if (this.#state.name === "closed") return undefined;
          void this.#close(event.args[0]);
        }
        if (event.name === "rows") return this.#rowWatches.deliver(...event.args);
        if (event.name === "ephemeral") return this.#presence.heard(event.args[0]);
        if (event.name === "reset") return this.#live.reset();
        if (event.name === "change") this.#live.touched(event.args[0].tables);
        this.#emitter.emit(event.name, ...(event.args as never));
      });
      this.#state = { name: "open", host, opening: Promise.resolve() };
      this.#presence.start(host.ephemeral);
      this.#live.reset();
      this.#tellStatus();
      if (host.snapshot.storage !== "memory") void this.#persistence.start();
      // Who asked for nothing else knows it.
      if (host.snapshot.storage === "memory" && this.#options.storageLadder.some((kind) => kind !== "memory")) {
        const message = "no storage that lasts can be had here: everything is gone when the database is closed";
        this.#emitter.emit("error", new LedgerError("LEDGER_STORAGE_VOLATILE", message));
      }
    } catch (error) {
      if (this.#state.name !== "closed") this.#state = { name: "failed" };
      this.#tellStatus();
      throw toLedgerError(error);
    }
  }

  #openStatus(snapshot: HostSnapshot): LedgerStatus {
    const { isPersistent } = this.#persistence;
    return { state: "open", ...(isPersistent === undefined ? {} : { persistent: isPersistent }), ...snapshot };
  }

  #roomToken(): string | undefined {
    return (this.#state.name === "open" ? this.#state.host.token : undefined) ?? this.#options.token;
  }

  #tellStatus(): void {
    this.#emitter.emit("status", this.status());
  }

  /** The host, for a call that waits for the database. */
  #database(call: string): Host {
    const host = this.#host(call);
    if (this.#transactions.isInside) {
      const message = `db.${call}() inside transaction() would wait for the transaction to end; use tx instead`;
      throw new LedgerError("LEDGER_TRANSACTION_MISUSED", message);
    }
    return host;
  }

  #host(call: string): Host {
    const state = this.#state;
    if (state.name === "open") return state.host;
    throw state.name === "closed" ? (state.reason ?? closedError(call)) : notInitialized(call);
  }

  /** The host, also after close(): its last snapshot stays. */
  #seen(call: string): Host {
    const state = this.#state;
    if (state.name === "open") return state.host;
    if (state.name === "closed" && state.host !== undefined) return state.host;
    throw notInitialized(call);
  }
}

const closedError = (call: string): LedgerError =>
  new LedgerError("LEDGER_CLOSED", `${call}() was called after close(); open a new Ledger instead`);

const notInitialized = (call: string): LedgerError =>
  new LedgerError("LEDGER_NOT_INITIALIZED", `${call}() needs an open database; await init() first`);

/** @throws LedgerError LEDGER_NO_TOKEN, LEDGER_OPTION_INVALID */
const checkToken = (token: string | undefined, call: string): string => {
  if (token === undefined || token === "") {
    const message = `${call}() needs a token: pass one to connect() or as option token; Ledger.createToken() makes one`;
    throw new LedgerError("LEDGER_NO_TOKEN", message);
  }
  if (typeof token !== "string") throw new LedgerError("LEDGER_OPTION_INVALID", "the token must be a string");
  return token;
};
