/** Chooses and opens the Host of this platform: a worker's replica in browsers, one in the same thread elsewhere. */

import { createSilentLogger } from "./common/logger.ts";
import { createSystemRandom } from "./common/random.ts";
import { createSystemClock } from "./common/system-clock.ts";
import type { Host } from "./host.ts";
import { createLeaderHost } from "./leader-host.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Replica, ReplicaOptions } from "./replica.ts";
import { openReplicaInWorker } from "./replica-client.ts";
import { deriveRoomKeys } from "./security/derive-room-keys.ts";
import { createWebNetwork } from "./web-network.ts";
import { startReplicaWorker } from "./worker-endpoint.ts";

export const openHost = async (options: ResolvedOptions): Promise<Host> => {
  const platform = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    logger: options.logger ?? createSilentLogger(),
  };
  const replicaOptions: ReplicaOptions = {
    name: options.dbName,
    ladder: options.storageLadder,
    directory: options.directory,
    relayDelayMs: options.relayDelayMs,
    ...(options.wasmUrl === undefined ? {} : { wasmUrl: new URL(options.wasmUrl, baseUrl()).href }),
  };
  const replica = await openReplicaHere(replicaOptions, options, platform);
  return createLeaderHost({
    ...platform,
    replica,
    network: options.network ?? createWebNetwork(platform),
    deriveKeys: deriveRoomKeys,
    options,
  });
};

const openReplicaHere = async (
  replicaOptions: ReplicaOptions,
  options: ResolvedOptions,
  platform: Parameters<typeof createWebNetwork>[0],
): Promise<Replica> => {
  if (typeof Worker !== "undefined") {
    return openReplicaInWorker(startReplicaWorker(options.workerUrl), replicaOptions, options.logger);
  }
  // Only here, so that a page's bundle does not carry the engine beside the worker's.
  const { openReplica } = await import("./replica.ts");
  return openReplica(replicaOptions, platform);
};

const baseUrl = (): string => (typeof document === "undefined" ? import.meta.url : document.baseURI);
