/**
 * A replica: one database and its replication, in one thread. The worker runs one for its page; in Node it runs beside
 * the app. Knows nothing of tabs, rooms or signaling: links are brought to it.
 */

import type { Clock } from "./common/clock.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import { LedgerError, toLedgerError } from "./common/errors.ts";
import { bytesToHex, type Epoch, type SiteId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import { changeSiteId } from "./database/bookkeeping.ts";
import type { Conflict } from "./database/conflicts.ts";
import { openChangeLog } from "./database/change-log.ts";
import type { Commit, DatabaseOptions, StorageKind } from "./database/database.ts";
import type { Engine } from "./database/engine-module.ts";
import type { RowChange } from "./database/row-change.ts";
import { openDatabase } from "./database/open-database.ts";
import { createCallAnswerer } from "./answer-calls.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";
import { defaultDelays } from "./replication/core-state.ts";
import { createReplicator, type PeerProgress, type Replicator } from "./replicator.ts";
import type { Link } from "./transport/link.ts";

/** Who a replica is. Site id and epoch change when another replica turns out to have the same id. */
export interface ReplicaIdentity {
  readonly siteId: SiteId;
  readonly epoch: Epoch;
  readonly storage: StorageKind;
}

export interface ReplicaEvents {
  commit: readonly [commit: Commit];
  /** A merge replaced an own write that no peer had seen. */
  conflict: readonly [conflict: Conflict];
  /** Rows of watched tables changed; told before the commit. */
  rows: readonly [changes: readonly RowChange[]];
  /** See Database.onReset. */
  reset: readonly [];
  sync: readonly [count: number, peer: SiteId];
  /** `progress` may answer differently. */
  progress: readonly [progress: readonly PeerProgress[]];
  /** See ReplicatorEvents. */
  "schema-ahead": readonly [peer: SiteId];
  diverged: readonly [peer: SiteId];
  error: readonly [error: LedgerError];
  /** `siteId` and `epoch` are other ones now. All links were closed. */
  identity: readonly [identity: ReplicaIdentity];
}

export interface Replica extends ReplicaIdentity {
  /** `crsql_db_version()` as of the newest answer or event. */
  readonly version: number;
  readonly progress: readonly PeerProgress[];
  call<C extends ReplicaCall>(call: C): Promise<AnswerTo<C>>;
  /** The answer of a call that has nothing to wait for; else undefined, and nothing was done. */
  callAtOnce(call: ReplicaCall): unknown;
  /** A link to this replica may be brought soon: what it will ask for can be made ready. */
  expect(peer: SiteId): void;
  /** Replicates over `link` until either ends. */
  attach(link: Link): void;
  /**
   * Takes a new site id, because another replica lives under this one's. Everything is kept, and what was written here is
   * told to peers under the new id. `identity` and an `error` tell of it. Never rejects.
   */
  renewIdentity(): Promise<void>;
  on<K extends keyof ReplicaEvents>(event: K, listener: (...args: ReplicaEvents[K]) => void): Unsubscribe;
  /** Ends links and database; idempotent, never rejects. */
  close(): Promise<void>;
}

export interface ReplicaOptions extends DatabaseOptions {
  readonly relayDelayMs: number;
}

export interface ReplicaPlatform {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** From warmUpEngine(). Default: an engine is loaded when the database is opened. */
  readonly warmEngine?: Promise<Engine>;
}

/** @throws LedgerError LEDGER_STORAGE_UNAVAILABLE, LEDGER_STORAGE_BUSY, LEDGER_QUOTA_EXCEEDED */
export const openReplica = async (options: ReplicaOptions, platform: ReplicaPlatform): Promise<Replica> => {
  const { clock, random, logger } = platform;
  const database = await openDatabase(options, logger, platform.warmEngine);
  const emitter = createEmitter<ReplicaEvents>((error) => logger.error("a listener threw", { error: String(error) }));
  database.onRows((changes) => emitter.emit("rows", changes));
  database.onCommit((commit) => emitter.emit("commit", commit));
  database.onReset(() => emitter.emit("reset"));

  const replicate = async (): Promise<{ readonly epoch: Epoch; readonly replicator: Replicator }> => {
    const epoch = bytesToHex(random.bytes(16)) as Epoch;
    const onConflict = (conflict: Conflict): void => emitter.emit("conflict", conflict);
    const log = await openChangeLog({ database, epoch, nowMs: clock.nowMs(), onConflict });
    const delays = { ...defaultDelays, relayDelayMs: options.relayDelayMs };
    const replicator = createReplicator({ database, log, clock, logger, delays });
    replicator.on("sync", (count, peer) => emitter.emit("sync", count, peer));
    replicator.on("progress", () => emitter.emit("progress", replicator.progress()));
    replicator.on("schema-ahead", (peer) => emitter.emit("schema-ahead", peer));
    replicator.on("diverged", (peer) => emitter.emit("diverged", peer));
    replicator.on("error", (error) => emitter.emit("error", error));
    replicator.on("clash", () => void renewIdentity());
    return { epoch, replicator };
  };

  const renew = async (): Promise<void> => {
    await current.replicator.close();
    try {
      await database.transactAndReopen((connection) => changeSiteId(connection, random.bytes(16)));
    } finally {
      current = await replicate();
    }
    emitter.emit("identity", { siteId: database.siteId, epoch: current.epoch, storage: database.storage });
    const message =
      "another live replica has this one's id, as after copying a database; this one took a new id and keeps everything";
    emitter.emit("error", new LedgerError("LEDGER_IDENTITY_CLASH", message));
  };

  const renewIdentity = (): Promise<void> => {
    renewing ??= renew()
      .catch((error: unknown) => {
        if (closing === undefined) emitter.emit("error", toLedgerError(error));
      })
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };

  const replaceBy = async (image: Blob): Promise<void> => {
    await answerer.close();
    await current.replicator.close();
    try {
      await database.replace(image);
    } finally {
      current = await replicate();
      emitter.emit("identity", { siteId: database.siteId, epoch: current.epoch, storage: database.storage });
    }
  };

  const importFile = async (file: Blob): Promise<void> => {
    const { openImport } = await import("./database/import-image.ts");
    const { wasmUrl } = options;
    const platformOptions = { random, nowMs: clock.nowMs(), ...(wasmUrl === undefined ? {} : { wasmUrl }) };
    const image = await openImport(file, platformOptions);
    while (renewing !== undefined) await renewing;
    const replaced = replaceBy(image);
    renewing = replaced
      .catch(() => {}) // The caller of import() is told.
      .finally(() => {
        renewing = undefined;
      });
    await replaced;
  };

  /** A wait goes on under the new id. */
  const wait: Replicator["wait"] = (goal, timeoutMs) => {
    const { replicator } = current;
    return replicator.wait(goal, timeoutMs).catch(async (error: unknown) => {
      await renewing;
      if (replicator === current.replicator) throw error;
      return wait(goal, timeoutMs);
    });
  };

  let renewing: Promise<void> | undefined;
  let current = await replicate().catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const answerer = createCallAnswerer({ database, replicator: { wait }, clock, logger });
  const answer = (call: ReplicaCall): Promise<unknown> =>
    call.type === "import" ? importFile(call.file) : answerer.answer(call);
  let closing: Promise<void> | undefined;
  return {
    get siteId() {
      return database.siteId;
    },
    get epoch() {
      return current.epoch;
    },
    storage: database.storage,
    get version() {
      return database.version;
    },
    get progress() {
      return current.replicator.progress();
    },
    call: <C extends ReplicaCall>(call: C): Promise<AnswerTo<C>> =>
      (renewing === undefined ? answer(call) : renewing.then(() => answer(call))) as Promise<AnswerTo<C>>,
    callAtOnce: (call) => (renewing === undefined ? answerer.answerAtOnce(call) : undefined),
    expect: (peer) => current.replicator.expect(peer),
    attach: (link) => current.replicator.attach(link),
    renewIdentity,
    on: emitter.on,
    close: () => {
      closing ??= answerer
        .close()
        .then(() => renewing)
        .then(() => current.replicator.close())
        .then(() => database.close());
      return closing;
    },
  };
};
