import { describe, expect, it } from "vitest";
import { bytesToHex, type SiteId } from "../../src/common/ids.ts";
import { chooseNeighbours, ringKeysOf } from "../../src/room/neighbours.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

/** `count` replicas with random ids, as cr-sqlite makes them: version 4 UUIDs. */
const replicas = (count: number, seed = 1): readonly SiteId[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => {
    const bytes = random.bytes(16);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    return bytesToHex(bytes) as SiteId;
  });
};

const chosenBy = (
  self: SiteId,
  room: readonly SiteId[],
  maxLinks: number,
  unfit: ReadonlySet<SiteId> = new Set(),
): ReadonlySet<SiteId> =>
  chooseNeighbours(
    ringKeysOf(self, maxLinks),
    room
      .filter((other) => other !== self)
      .map((siteId) => ({ siteId, ringKeys: ringKeysOf(siteId, maxLinks), isUnfit: unfit.has(siteId) })),
    maxLinks,
  );

const linksOf = (room: readonly SiteId[], maxLinks: number): ReadonlyMap<SiteId, ReadonlySet<SiteId>> =>
  new Map(room.map((self) => [self, chosenBy(self, room, maxLinks)]));

/** Replicas that `from` reaches over `links` without those in `gone`. */
const reachedFrom = (
  from: SiteId,
  links: ReadonlyMap<SiteId, ReadonlySet<SiteId>>,
  gone: ReadonlySet<SiteId> = new Set(),
): number => {
  const reached = new Set([from]);
  for (const self of reached) for (const peer of links.get(self) ?? []) if (!gone.has(peer)) reached.add(peer);
  return reached.size;
};

describe("whom to link with", () => {
  it.each([1, 2, 5, 8])("is everyone in a room of %d", (size) => {
    const room = replicas(size);

    for (const [self, chosen] of linksOf(room, 8)) expect(chosen).toEqual(new Set(room.filter((id) => id !== self)));
  });

  it.each([9, 12, 33, 200])("is about six in a room of %d, and mutual", (size) => {
    const links = linksOf(replicas(size), 8);

    for (const [self, chosen] of links) {
      expect(chosen.size).toBeGreaterThanOrEqual(2);
      expect(chosen.size).toBeLessThanOrEqual(6);
      for (const peer of chosen) expect(links.get(peer)).toContain(self);
    }
    const total = [...links.values()].reduce((sum, { size: degree }) => sum + degree, 0);
    expect(total / size).toBeGreaterThan(4);
  });

  it.each([2, 3, 4, 5, 6, 16, 32])("never takes more than three quarters of %d places, but two", (maxLinks) => {
    for (const chosen of linksOf(replicas(100), maxLinks).values()) {
      expect(chosen.size).toBeLessThanOrEqual(Math.max(2, (maxLinks * 3) / 4));
    }
  });

  it("also is who stands behind a neighbour that cannot be linked", () => {
    const room = replicas(40);
    const self = room[0] as SiteId;
    const before = chosenBy(self, room, 8);
    const [unfit] = before as ReadonlySet<SiteId> & Iterable<SiteId>;

    const after = chosenBy(self, room, 8, new Set([unfit as SiteId]));

    for (const peer of before) expect(after).toContain(peer);
    expect(after.size).toBeGreaterThan(before.size);
  });
});

describe("a room of 500", () => {
  const room = replicas(500);
  const links = linksOf(room, 8);

  it("is connected", () => {
    expect(reachedFrom(room[0] as SiteId, links)).toBe(500);
  });

  it("is at most six links wide", () => {
    let reached = new Set([room[0] as SiteId]);
    for (let hop = 0; hop < 6; hop += 1) {
      reached = new Set([...reached].flatMap((self) => [self, ...(links.get(self) ?? [])]));
    }

    expect(reached.size).toBe(500);
  });

  it.each([10, 50, 150])("stays connected when any %d leave at once, before anyone links anew", (count) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = createSeededRandom(seed);
      const gone = new Set([...room].sort(() => random.unit() - 0.5).slice(0, count));
      const left = room.filter((id) => !gone.has(id));

      // With 150 gone, one in 1,400 loses all six and links anew when it hears that they left.
      expect(reachedFrom(left[0] as SiteId, links, gone)).toBeGreaterThanOrEqual(left.length - 2);
    }
  });

  it("is connected again with those that are left, whoever left", () => {
    const left = room.filter((_, index) => index % 3 === 0);

    expect(reachedFrom(left[0] as SiteId, linksOf(left, 8))).toBe(left.length);
  });

  it("changes few links when one comes", () => {
    const [newcomer] = replicas(1, 99);
    const after = linksOf([...room, newcomer as SiteId], 8);
    const lost = room.flatMap((self) => [...(links.get(self) ?? [])].filter((peer) => !after.get(self)?.has(peer)));

    expect(after.get(newcomer as SiteId)?.size).toBeGreaterThanOrEqual(4);
    expect(lost.length).toBeLessThanOrEqual(6);
  });
});
