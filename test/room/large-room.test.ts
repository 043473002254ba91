/** Rooms of more replicas than anyone has places for links. */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SiteId } from "../../src/common/ids.ts";
import { bytesToHex } from "../../src/common/ids.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { createWorld, type Member, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
});

afterEach(() => world.close());

const random = createSeededRandom(14);
const ids = Array.from({ length: 14 }, () => bytesToHex(random.bytes(16)) as SiteId);

/** Long enough for every retry and for links that are not needed any more to go. */
const settleFor = async (seconds: number): Promise<void> => {
  for (let i = 0; i < seconds; i += 10) {
    await world.settle();
    await world.clock.advance(10_000);
  }
  await world.settle();
};

const reachedFrom = (members: readonly Member[]): number => {
  const readyById = new Map(members.map((member) => [member.siteId, member.ready()]));
  const reached = new Set(members.slice(0, 1).map(({ siteId }) => siteId));
  for (const self of reached) for (const peer of readyById.get(self) ?? []) reached.add(peer);
  return reached.size;
};

describe("a room of 14 whose members have 8 places", () => {
  it("is connected by two to six links each", async () => {
    const members = ids.map((id) => world.enter(id));

    await settleFor(60);

    expect(reachedFrom(members)).toBe(14);
    for (const member of members) {
      expect(member.ready().length).toBeGreaterThanOrEqual(2);
      expect(member.ready().length).toBeLessThanOrEqual(6);
    }
  });

  it("is connected again when five leave at once", async () => {
    const members = ids.map((id) => world.enter(id));
    await settleFor(30);

    for (const member of members.slice(0, 5)) member.room.close();
    await settleFor(60);

    const left = members.slice(5);
    expect(reachedFrom(left)).toBe(left.length);
  });

  it("is a full mesh once it is small enough", async () => {
    const members = ids.map((id) => world.enter(id));
    await settleFor(30);

    for (const member of members.slice(0, 7)) member.room.close();
    await settleFor(60);

    for (const member of members.slice(7)) expect(member.ready()).toHaveLength(6);
  });

  it("links a member whose app refuses all its neighbours with others", async () => {
    const [picky, ...others] = ids as [SiteId, ...SiteId[]];
    const members = others.map((id) => world.enter(id));
    await settleFor(30);
    const refused = new Set<SiteId>();

    const ofPicky = world.enter(picky, {
      acceptPeer: (peer) => {
        // The first six that are wanted are its neighbours.
        if (refused.size < 6) refused.add(peer);
        return !refused.has(peer);
      },
    });
    await settleFor(120);

    expect(ofPicky.ready().length).toBeGreaterThan(0);
    expect(reachedFrom([ofPicky, ...members])).toBe(14);
  });

  it("comes to rest: nobody keeps making and closing links", async () => {
    const members = ids.map((id) => world.enter(id));
    await settleFor(60);
    const before = members.map(({ attempts }) => attempts.length);

    await settleFor(60);

    expect(members.map(({ attempts }) => attempts.length)).toEqual(before);
  });
});
