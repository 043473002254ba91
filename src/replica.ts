/**
 * A replica: one database and its replication, in one thread. The worker runs one for its page; in Node it runs beside
 * the app. Knows nothing of tabs, rooms or signaling: links are brought to it.
 */

import type { Clock } from "./common/clock.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import type { LedgerError } from "./common/errors.ts";
import { bytesToHex, type Epoch, type SiteId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import { openChangeLog } from "./database/change-log.ts";
import type { Commit, DatabaseOptions, StorageKind } from "./database/database.ts";
import type { Engine } from "./database/engine-module.ts";
import type { RowChange } from "./database/row-change.ts";
import { openDatabase } from "./database/open-database.ts";
import { createCallAnswerer } from "./answer-calls.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";
import { defaultDelays } from "./replication/core-state.ts";
import { createReplicator, type PeerProgress } from "./replicator.ts";
import type { Link } from "./transport/link.ts";

/** Who a replica is, for as long as it is open. */
export interface ReplicaIdentity {
  readonly siteId: SiteId;
  readonly epoch: Epoch;
  readonly storage: StorageKind;
}

export interface ReplicaEvents {
  commit: readonly [commit: Commit];
  /** Rows of watched tables changed; told before the commit. */
  rows: readonly [changes: readonly RowChange[]];
  /** See Database.onReset. */
  reset: readonly [];
  sync: readonly [count: number, peer: SiteId];
  /** `progress` may answer differently. */
  progress: readonly [progress: readonly PeerProgress[]];
  error: readonly [error: LedgerError];
}

export interface Replica extends ReplicaIdentity {
  /** `crsql_db_version()` as of the newest answer or event. */
  readonly version: number;
  readonly progress: readonly PeerProgress[];
  call<C extends ReplicaCall>(call: C): Promise<AnswerTo<C>>;
  /** Replicates over `link` until either ends. */
  attach(link: Link): void;
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
  const epoch = bytesToHex(random.bytes(16)) as Epoch;
  const log = await openChangeLog({ database, epoch, nowMs: clock.nowMs() }).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const replicator = createReplicator({
    database,
    log,
    clock,
    logger,
    delays: { ...defaultDelays, relayDelayMs: options.relayDelayMs },
  });

  const answerer = createCallAnswerer({ database, replicator, clock, logger });
  const emitter = createEmitter<ReplicaEvents>((error) => logger.error("a listener threw", { error: String(error) }));
  database.onRows((changes) => emitter.emit("rows", changes));
  database.onCommit((commit) => emitter.emit("commit", commit));
  database.onReset(() => emitter.emit("reset"));
  replicator.on("sync", (count, peer) => emitter.emit("sync", count, peer));
  replicator.on("progress", () => emitter.emit("progress", replicator.progress()));
  replicator.on("error", (error) => emitter.emit("error", error));

  let closing: Promise<void> | undefined;
  return {
    siteId: database.siteId,
    epoch,
    storage: database.storage,
    get version() {
      return database.version;
    },
    get progress() {
      return replicator.progress();
    },
    call: (call) => answerer.answer(call),
    attach: (link) => replicator.attach(link),
    on: emitter.on,
    close: () => {
      closing ??= answerer
        .close()
        .then(() => replicator.close())
        .then(() => database.close());
      return closing;
    },
  };
};
