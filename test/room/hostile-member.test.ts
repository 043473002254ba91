/** What a room does with mail from somebody who has the signaling key and keeps to no rule. */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { siteIdToBytes, type MemberId, type SiteId } from "../../src/common/ids.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import type { Network } from "../../src/network.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { createConnectionId, createSealer, type ConnectionId } from "../../src/security/sealed-envelope.ts";
import { alice, createWorld, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;
const random = createSystemRandom();

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
});

afterEach(() => world.close());

const types = { announce: 1, signal: 2 } as const;
const siteId = (byte: number): SiteId => byte.toString(16).padStart(2, "0").repeat(16) as SiteId;
const announcementOf = (site: SiteId): Uint8Array => {
  const body = new Uint8Array(33).fill(7, 16, 32);
  body.set(siteIdToBytes(site));
  return body;
};

/** A member of Alice's room that seals whatever a test wants. */
const enterMallory = async () => {
  const signaling = world.network.join("ws://test", keys.roomId);
  const [self, [ofAlice]] = await new Promise<[MemberId, readonly MemberId[]]>((resolve) =>
    signaling.on("joined", (own, members) => resolve([own, members])),
  );
  if (ofAlice === undefined) throw new Error("Alice has to be there first");
  const sealer = createSealer({ keys, self, random });
  const seal = (conn: ConnectionId, seq: number, type: number, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
    sealer.seal(ofAlice, conn, seq, type, body);
  return {
    seal,
    send: (payload: Uint8Array<ArrayBuffer>) => signaling.send(ofAlice, payload),
    post: async (conn: ConnectionId, seq: number, type: number, body: Uint8Array) =>
      signaling.send(ofAlice, await seal(conn, seq, type, body)),
  };
};

/** Channels that do not open in time. */
const dead = (network: Network): Network => ({
  ...network,
  openChannel: ({ timeoutMs }) => {
    const opened = new Promise<never>((_, reject) => {
      world.clock.setTimer(timeoutMs, () => reject(new Error("no path")));
    });
    opened.catch(() => {});
    return { signal: () => {}, close: () => {}, opened };
  },
});

describe("mail against the rules", () => {
  it("is dropped and counted by reason", async () => {
    const ofAlice = world.enter(alice);
    await ofAlice.next("joined");
    const { send, seal, post } = await enterMallory();
    const conn = createConnectionId(random);

    await post(conn, 0, types.announce, announcementOf(siteId(0x99)).subarray(1));
    await post(conn, 1, 99, new Uint8Array(5));
    await post(conn, 2, types.signal, new Uint8Array([0xff, 0xfe]));
    const [first, second] = await Promise.all([3, 4].map((seq) => seal(conn, seq, types.signal, new Uint8Array(1))));
    for (const payload of [second, first, second]) if (payload !== undefined) send(payload);
    const altered = (await seal(conn, 5, types.signal, new Uint8Array(1))).with(40, 1).with(41, 2);
    send(altered);
    send(new Uint8Array(3));
    await world.settle();

    expect(ofAlice.room.drops).toEqual({ forged: 1, malformed: 4, replayed: 2, reflected: 0 });
    expect(ofAlice.room.peers()).toEqual([]);
  });

  it("in a flood makes no flood of log lines and events", async () => {
    const ofAlice = world.enter(alice);
    await ofAlice.next("joined");
    const { send } = await enterMallory();

    for (let i = 0; i < 1_000; i += 1) send(new Uint8Array(284));
    // Opened one after the other, on another thread; told of the 512th as the tenth time.
    while (ofAlice.room.drops.forged < 1_000) await world.settle();

    expect(ofAlice.room.drops.forged).toBe(1_000);
    expect(ofAlice.warnings).toHaveLength(10);
    expect(ofAlice.told.filter(([name]) => name === "dropped")).toHaveLength(10);
  });
});

describe("a member that says it is many", () => {
  it("is the replica that it named last", async () => {
    const ofAlice = world.enter(alice, { acceptPeer: () => false });
    await ofAlice.next("joined");
    const { post } = await enterMallory();
    const conn = createConnectionId(random);

    for (let n = 0; n < 50; n += 1) await post(conn, n, types.announce, announcementOf(siteId(100 + n)));
    await world.settle();

    expect(ofAlice.room.peers().map(({ peerId }) => peerId)).toEqual([siteId(149)]);
  });
});

describe("attempts at links", () => {
  /** Alice with eleven members that answer nothing, all of them before or behind her in the order of ids. */
  const besiege = async (others: (n: number) => SiteId) => {
    const ofAlice = world.enter(alice, { maxLinks: 32, through: dead });
    await ofAlice.next("joined");
    for (let n = 0; n < 11; n += 1) {
      const { post } = await enterMallory();
      const conn = createConnectionId(random);
      await post(conn, 0, types.announce, announcementOf(others(n)));
      await post(createConnectionId(random), 0, types.signal, new TextEncoder().encode("offer 1"));
    }
    await world.settle();
    return ofAlice;
  };

  it("are eight at a time when they are ours, and the others get their turn", async () => {
    const ofAlice = await besiege((n) => siteId(0x80 + n));

    expect(ofAlice.room.peers()).toHaveLength(11);
    expect(ofAlice.attempts).toHaveLength(8);
    await world.clock.advance(15_000);
    await world.settle();
    expect(ofAlice.attempts.length).toBeGreaterThanOrEqual(11);
  });

  it("are eight at a time when they are offered", async () => {
    const ofAlice = await besiege((n) => siteId(0x01 + n));

    expect(ofAlice.attempts).toHaveLength(8);
  });

  it("are begun for the others when one has led to a link", async () => {
    const ofAlice = world.enter(alice, { maxLinks: 32 });
    const onlyAlice = { maxLinks: 32, acceptPeer: (peer: SiteId) => peer === alice };
    const others = Array.from({ length: 12 }, (_, n) => world.enter(siteId(0x80 + n), onlyAlice));
    await world.settle();

    expect(ofAlice.ready()).toEqual(others.map((other) => other.siteId).sort());
  });
});
