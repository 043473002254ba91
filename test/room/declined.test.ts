import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { alice, bob, carol, createWorld, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
});

afterEach(() => world.close());

it("asks two peers that turn it down once each, and again only after the delay", async () => {
  const ofAlice = world.enter(alice);
  for (const peer of [bob, carol]) world.enter(peer, { acceptPeer: (other) => other !== alice });
  await ofAlice.next("peer-join");
  await world.settle();
  const before = ofAlice.attempts.length;

  await world.clock.advance(10_000);
  await world.settle();

  expect(before).toBe(2);
  // Delays of 0.5, 1, 2, 4 … seconds at even chance: four more each at the most.
  expect(ofAlice.attempts.length).toBeGreaterThan(2);
  expect(ofAlice.attempts.length).toBeLessThanOrEqual(10);
});
