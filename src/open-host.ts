/**
 * Chooses and opens the Host of this platform. In a browser the tabs of an origin share one replica per `dbName`, in the
 * worker of the tab that leads. Not shared, but opened for this Ledger alone, is a database
 * - with `storage: "memory"`, which asks for one that nobody else sees,
 * - where there are no Web Locks: in Node, in pages that are not secure, in browsers of before 2022.
 */

import type { Clock } from "./common/clock.ts";
import { createSilentLogger, type Logger } from "./common/logger.ts";
import { createSystemRandom, type Random } from "./common/random.ts";
import { createSystemClock } from "./common/system-clock.ts";
import type { StorageKind } from "./database/database.ts";
import type { Host } from "./host.ts";
import { createLeaderHost } from "./leader-host.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Replica, ReplicaOptions } from "./replica.ts";
import { openReplicaInWorker } from "./replica-client.ts";
import {
  createIndexedDbKeyStore,
  createMemoryKeyStore,
  createRoomKeyCache,
  forgetRoomKeys,
  openRoomKeys,
  type RoomKeyCache,
} from "./security/key-cache.ts";
import { createBroadcastChannels } from "./tabs/broadcast-channels.ts";
import { createLineChannels } from "./tabs/line-channels.ts";
import { createPageLifecycle } from "./tabs/page-lifecycle.ts";
import { createPortMeetings } from "./tabs/port-meetings.ts";
import { openTabHost } from "./tabs/tab-host.ts";
import { createWebLocks } from "./tabs/web-locks.ts";
import type { Network } from "./network.ts";
import { createWebNetwork } from "./web-network.ts";
import { connectPortBroker, startReplicaWorker } from "./worker-endpoint.ts";
import { createWorkerStock, type WorkerStock } from "./worker-stock.ts";

interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Undefined where there are no workers. */
  readonly workers: WorkerStock | undefined;
}

export const openHost = async (options: ResolvedOptions): Promise<Host> => {
  const platform: Platform = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    logger: options.logger ?? createSilentLogger(),
    workers:
      typeof Worker === "undefined"
        ? undefined
        : createWorkerStock(() => startReplicaWorker(options.workerUrl), wasmUrlOf(options)),
  };
  const locks = sharedLocks(options);
  if (locks === undefined) return openLeader(options, platform, options.storageLadder, new AbortController().signal);
  const channels = createBroadcastChannels();
  return openTabHost({
    ...platform,
    dbName: options.dbName,
    locks: createWebLocks(locks),
    channels,
    lines: createLineChannels(
      channels,
      createPortMeetings(() => connectPortBroker(options.workerUrl, platform.logger)),
    ),
    lifecycle: createPageLifecycle(),
    warmUp: (signal) => platform.workers?.warmUp(signal),
    openLeader: (known, signal) => openLeader(options, platform, ladderAfter(options.storageLadder, known), signal),
  });
};

/** Where the keys of rooms are kept here. */
export const createKeyCache = (platform: Pick<Platform, "clock" | "logger">): RoomKeyCache => {
  const store = typeof indexedDB === "undefined" ? createMemoryKeyStore() : createIndexedDbKeyStore();
  return createRoomKeyCache({ ...platform, store });
};

/** Undefined when the database is this Ledger's alone. */
export const sharedLocks = ({ storageLadder }: ResolvedOptions): LockManager | undefined => {
  if (storageLadder.every((kind) => kind === "memory")) return undefined;
  if (typeof Worker === "undefined" || typeof BroadcastChannel === "undefined") return undefined;
  return navigator.locks as LockManager | undefined; // Missing in pages that are not secure.
};

/** A database that is known to be somewhere is opened there or not at all; one in memory went with its leader. */
const ladderAfter = (ladder: readonly StorageKind[], known: StorageKind | undefined): readonly StorageKind[] =>
  known === undefined || known === "memory" ? ladder : [known];

/** @param signal - aborted: ends the replica at once, without finishing anything */
const openLeader = async (
  options: ResolvedOptions,
  platform: Platform,
  ladder: readonly StorageKind[],
  signal: AbortSignal,
): Promise<Host> => {
  signal.throwIfAborted();
  const wasmUrl = wasmUrlOf(options);
  const replicaOptions: ReplicaOptions = {
    name: options.dbName,
    ladder,
    directory: options.directory,
    relayDelayMs: options.relayDelayMs,
    ...(wasmUrl === undefined ? {} : { wasmUrl }),
  };
  const replica = await openReplicaHere(replicaOptions, options, platform, signal);
  const keyCache = createKeyCache(platform);
  return createLeaderHost({
    ...platform,
    replica,
    network: options.network ?? openWebNetwork(options, platform),
    deriveKeys: (token) => openRoomKeys(token, keyCache),
    forgetKeys: (token) => forgetRoomKeys(token, keyCache),
    options,
  });
};

const openWebNetwork = ({ bearer, signalingUrl }: ResolvedOptions, platform: Platform): Network => {
  const network = createWebNetwork({ ...platform, bearer });
  if (signalingUrl !== undefined) network.prepare();
  return network;
};

const openReplicaHere = async (
  replicaOptions: ReplicaOptions,
  options: ResolvedOptions,
  platform: Platform,
  signal: AbortSignal,
): Promise<Replica> => {
  if (platform.workers !== undefined) {
    const worker = platform.workers.take();
    signal.addEventListener("abort", () => worker.terminate());
    return openReplicaInWorker(worker, replicaOptions, options.logger);
  }
  // Only here, so that a page's bundle does not carry the engine beside the worker's.
  const { openReplica } = await import("./replica.ts");
  return openReplica(replicaOptions, platform);
};

const wasmUrlOf = ({ wasmUrl }: ResolvedOptions): string | undefined =>
  wasmUrl === undefined ? undefined : new URL(wasmUrl, baseUrl()).href;

const baseUrl = (): string => (typeof document === "undefined" ? import.meta.url : document.baseURI);
