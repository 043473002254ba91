/**
 * Replicas with the real engine, replicator and links on simulated time, in any topology, with every message counted.
 * For what replication costs; what it may not break is simulation.ts's business.
 */

import type { LinkId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { openReplica, type Replica } from "../../src/replica.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import { createMemoryNetwork, type MemoryPair } from "../../src/transport/memory-network.ts";
import { enableSyncOn, execOn } from "../support/calls.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { createSimulatedClock, type SimulatedClock } from "./simulated-clock.ts";
import type { Edge } from "./topology.ts";
import { createTrafficMeter, type TrafficMeter } from "./traffic-meter.ts";
import { watchStreams } from "./watch-streams.ts";

export interface TimedMesh {
  readonly clock: SimulatedClock;
  readonly meter: TrafficMeter;
  link(edge: Edge): MemoryPair;
  /** Writes one row of three cells at `replica`. */
  write(replica: number): Promise<void>;
  /** Until all replicas are in step and no message is under way. Rejects after ten simulated minutes. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export interface TimedMeshOptions {
  readonly seed: number;
  readonly size: number;
  readonly edges: readonly Edge[];
}

/** One way, of a link: uniform between these. */
const leastLatencyMs = 5;
const mostLatencyMs = 40;

const table = `CREATE TABLE notes (
  id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', stars INTEGER, weight REAL)`;

/** A replica in memory with an empty table, whose rows that have an effect are counted. */
export const openMeteredReplica = async (
  index: number,
  clock: SimulatedClock,
  meter: TrafficMeter,
): Promise<Replica> => {
  const replica = await openReplica(
    { name: `replica-${index}`, ladder: ["memory"], relayDelayMs: 60 },
    { clock, random: createSeededRandom(index + 1), logger: createSilentLogger() },
  );
  await execOn(replica, { sql: table });
  await enableSyncOn(replica, "notes");
  replica.on("sync", meter.addEffective);
  return replica;
};

export const writeNote = async (replica: Replica, number: number): Promise<void> => {
  await execOn(replica, {
    sql: "INSERT INTO notes (id, title, stars, weight) VALUES (?, ?, ?, ?)",
    params: [`note-${number}`, `title of note ${number}`, number, number / 2],
  });
};

export const openTimedMesh = async ({ seed, size, edges }: TimedMeshOptions): Promise<TimedMesh> => {
  const random = createSeededRandom(seed);
  const streams = watchStreams();
  const clock = createSimulatedClock(async () => {
    do await new Promise((resolve) => setImmediate(resolve));
    while (streams.pending() > 0);
  });
  const meter = createTrafficMeter();
  const replicas: Replica[] = [];
  let nextLink = 1;
  let nextNote = 1;

  const link = ([a, b]: Edge): MemoryPair => {
    const latencyMs = leastLatencyMs + random.unit() * (mostLatencyMs - leastLatencyMs);
    const pair = createMemoryNetwork({ clock, random, latencyMs, jitterMs: 2 }).connect();
    for (const [own, peer, channel] of [
      [a, b, pair.alice],
      [b, a, pair.bob],
    ] as const) {
      const { siteId, epoch } = replicas[peer] as Replica;
      const made = createLink(channel, { id: nextLink++ as LinkId, peer: { siteId, epoch }, clock });
      (replicas[own] as Replica).attach(meter.tap(made, own, peer));
    }
    return pair;
  };

  for (let i = 0; i < size; i += 1) replicas.push(await openMeteredReplica(i, clock, meter));
  for (const edge of edges) link(edge);

  const isSettled = (): boolean =>
    meter.inFlight === 0 && replicas.every(({ progress }) => progress.every(({ digest }) => digest === "same"));

  return {
    clock,
    meter,
    link,
    write: async (replica) => {
      meter.restartHops(replica);
      await writeNote(replicas[replica] as Replica, nextNote++);
    },
    settle: () => clock.runUntil(isSettled, 600_000),
    close: async () => {
      for (const replica of replicas) await replica.close();
      streams.end();
    },
  };
};
