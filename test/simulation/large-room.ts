/** A room of hundreds: real engine, replicator, room, handshakes and links of each replica, on simulated time. */

import type { LinkId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import type { Replica } from "../../src/replica.ts";
import { joinRoom, type Room } from "../../src/room/room.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { createTestNetwork } from "../../src/test-network.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { watchCrypto } from "./pending-crypto.ts";
import { createSimulatedClock, type SimulatedClock } from "./simulated-clock.ts";
import { openMeteredReplica, writeNote } from "./timed-mesh.ts";
import { createTrafficMeter, type TrafficMeter } from "./traffic-meter.ts";

export interface LargeRoom {
  readonly clock: SimulatedClock;
  readonly meter: TrafficMeter;
  /** Links of each replica that is in the room. */
  degrees(): readonly number[];
  /** Replicas that can be reached from the first over links. */
  reached(): number;
  /** Writes at one replica and runs until everyone in the room has it; answers milliseconds. */
  spread(replica: number): Promise<number>;
  /** These leave at once. */
  leave(replicas: readonly number[]): void;
  close(): Promise<void>;
}

interface Member {
  readonly replica: Replica;
  readonly room: Room;
  isIn: boolean;
}

const joinsPerSecond = 10;

/** Opens `size` replicas that join one after the other; resolves when the last has been there for a minute. */
export const openLargeRoom = async (size: number, seed: number): Promise<LargeRoom> => {
  const pendingCrypto = watchCrypto();
  const clock = createSimulatedClock(async () => {
    do await new Promise((resolve) => setImmediate(resolve));
    while (pendingCrypto() > 0);
  });
  const random = createSeededRandom(seed);
  const network = createTestNetwork(createMemoryNetwork({ clock, random, latencyMs: 20, jitterMs: 20 }));
  const keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  const meter = createTrafficMeter();
  const members: Member[] = [];
  const indexById = new Map<string, number>();
  let nextLink = 1;
  let nextNote = 1;

  for (let i = 0; i < size; i += 1) {
    const replica = await openMeteredReplica(i, clock, meter);
    indexById.set(replica.siteId, i);
    const room = joinRoom({
      url: "ws://test",
      keys,
      self: { siteId: replica.siteId, epoch: replica.epoch },
      network,
      acceptPeer: () => true,
      maxLinks: 8,
      iceServers: [],
      relayAfterMs: undefined,
      linkTimeoutMs: 15_000,
      nextLinkId: () => nextLink++ as LinkId,
      onLink: (link) => replica.attach(meter.tap(link, i, indexById.get(link.peer.siteId) as number)),
      clock,
      random,
      logger: createSilentLogger(),
    });
    members.push({ replica, room, isIn: true });
    await clock.run(1_000 / joinsPerSecond);
  }
  await clock.run(60_000);

  const present = (): readonly Member[] => members.filter(({ isIn }) => isIn);
  const readyOf = ({ room }: Member): readonly string[] =>
    room.peers().flatMap(({ peerId, state }) => (state === "ready" ? [peerId] : []));

  return {
    clock,
    meter,
    degrees: () => present().map((member) => readyOf(member).length),
    reached: () => {
      const reached = new Set(present().slice(0, 1));
      for (const member of reached) {
        for (const id of readyOf(member)) {
          const peer = members[indexById.get(id) as number] as Member;
          if (peer.isIn) reached.add(peer);
        }
      }
      return reached.size;
    },
    spread: async (index) => {
      meter.restart();
      meter.restartHops(index);
      const startMs = clock.nowMs();
      const rowsPerNote = 3;
      await writeNote((members[index] as Member).replica, nextNote++);
      await clock.runUntil(() => meter.traffic.rowsEffective === (present().length - 1) * rowsPerNote, 60_000);
      const tookMs = clock.nowMs() - startMs;
      // What acknowledges and compares belongs to the write as well.
      await clock.run(5_000);
      return tookMs;
    },
    leave: (replicas) => {
      for (const index of replicas) {
        const member = members[index] as Member;
        member.isIn = false;
        member.room.close();
      }
    },
    close: async () => {
      for (const { room } of members) room.close();
      for (const { replica } of members) await replica.close();
    },
  };
};
