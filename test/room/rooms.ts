/** Rooms over the test network, with a clock that stands still and chance that is always one half. */

import type { Epoch, LinkId, SiteId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import type { ChannelAttemptOptions, Network } from "../../src/network.ts";
import { joinRoom, type Room, type RoomEvents, type RoomOptions } from "../../src/room/room.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import type { Signaling } from "../../src/signaling/signaling.ts";
import { createTestNetwork, type TestNetwork, type TestNetworkOptions } from "../../src/test-network.ts";
import type { Link } from "../../src/transport/link.ts";
import { watchCrypto } from "../simulation/pending-crypto.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

const pendingCrypto = watchCrypto();

export const alice = "11".repeat(16) as SiteId;
export const bob = "22".repeat(16) as SiteId;
export const carol = "33".repeat(16) as SiteId;
export const dave = "44".repeat(16) as SiteId;

type Told = { [K in keyof RoomEvents]: readonly [K, ...RoomEvents[K]] }[keyof RoomEvents];

export interface Member {
  readonly room: Room;
  readonly siteId: SiteId;
  readonly links: readonly Link[];
  /** Every event so far, in order. */
  readonly told: readonly Told[];
  /** What was logged as a warning. */
  readonly warnings: readonly string[];
  /** Options of every attempt at a channel. */
  readonly attempts: readonly ChannelAttemptOptions[];
  readonly signaling: Signaling;
  /** Resolves at the next such event. */
  next<K extends keyof RoomEvents>(event: K): Promise<RoomEvents[K]>;
  /** Peers that are linked, sorted. */
  ready(): readonly SiteId[];
}

export interface World {
  readonly network: TestNetwork;
  readonly clock: FakeClock;
  enter(siteId: SiteId, options?: Partial<RoomOptions> & { readonly through?: (network: Network) => Network }): Member;
  /** Lets everything run that waits for no time. */
  settle(): Promise<void>;
  /** Lets everything run that waits for no time until `condition` holds; a test that never gets there times out. */
  until(condition: () => boolean): Promise<void>;
  close(): void;
}

const eventNames = [
  "peer-join",
  "peer-ready",
  "peer-leave",
  "route",
  "joined",
  "lost",
  "reconnecting",
  "failed",
  "error",
  "dropped",
] as const;

export const createWorld = (keys: RoomKeys, networkOptions?: TestNetworkOptions): World => {
  const network = createTestNetwork(undefined, networkOptions);
  /** Everything that was handed to a meeting point: while it grows, something is going on. */
  let posted = 0;
  const counted = (signaling: Signaling): Signaling => {
    const { send, relay } = signaling;
    return Object.assign(signaling, {
      send: (...args: Parameters<Signaling["send"]>) => {
        posted += 1;
        send(...args);
      },
      relay: (...args: Parameters<Signaling["relay"]>) => {
        posted += 1;
        return relay(...args);
      },
    });
  };
  const clock = createFakeClock();
  const members: Member[] = [];
  let nextLink = 1;
  let nextEpoch = 1;

  const enter: World["enter"] = (siteId, { through = (inner: Network): Network => inner, ...options } = {}) => {
    const attempts: ChannelAttemptOptions[] = [];
    const links: Link[] = [];
    const told: Told[] = [];
    const warnings: string[] = [];
    const inner = through(network);
    let signaling: Signaling | undefined;
    const room = joinRoom({
      url: "ws://test",
      keys,
      self: { siteId, epoch: (nextEpoch++).toString(16).padStart(32, "0") as Epoch },
      network: {
        join: (url, roomId) => (signaling = counted(inner.join(url, roomId))),
        openChannel: (attempt) => {
          attempts.push(attempt);
          return inner.openChannel(attempt);
        },
      },
      acceptPeer: () => true,
      maxLinks: 8,
      iceServers: [],
      linkTimeoutMs: 15_000,
      relayAfterMs: 5_000,
      nextLinkId: () => nextLink++ as LinkId,
      onLink: (link) => links.push(link),
      clock,
      random: { ...createSystemRandom(), unit: () => 0.5 },
      logger: { ...createSilentLogger(), warn: (message) => warnings.push(message) },
      ...options,
    });
    for (const name of eventNames) room.on(name, (...args: readonly unknown[]) => told.push([name, ...args] as never));
    const member: Member = {
      room,
      siteId,
      links,
      told,
      warnings,
      attempts,
      signaling: signaling as unknown as Signaling,
      next: (event) =>
        new Promise((resolve) => {
          const off = room.on(event, (...args) => {
            off();
            resolve(args);
          });
        }),
      ready: () =>
        room
          .peers()
          .filter(({ state }) => state === "ready")
          .map(({ peerId }) => peerId)
          .sort(),
    };
    members.push(member);
    return member;
  };

  return {
    network,
    clock,
    enter,
    // WebCrypto answers from other threads, however long that takes; the code of relayed links is loaded when it is wanted.
    settle: async () => {
      for (let quiet = 0, seen = ""; quiet < 12;) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(0);
        if (pendingCrypto() > 0) {
          quiet = 0;
          continue;
        }
        const now = JSON.stringify([
          posted,
          ...members.map(({ told, attempts, links }) => [told.length, attempts.length, links.length]),
        ]);
        quiet = now === seen ? quiet + 1 : 0;
        seen = now;
      }
    },
    until: async (condition) => {
      while (!condition()) {
        await crypto.subtle.digest("SHA-256", new Uint8Array(1));
        await clock.advance(0);
      }
    },
    close: () => members.forEach(({ room }) => room.close()),
  };
};

/** The names of what a member was told about `peer`. */
export const toldOf = (member: Member, peer: SiteId): readonly string[] =>
  member.told.filter(([, subject]) => subject === peer).map(([name]) => name);

export const errorsOf = (member: Member): readonly string[] =>
  member.told.flatMap((entry) => (entry[0] === "error" || entry[0] === "failed" ? [entry[1].code] : []));
