import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Network } from "../../src/network.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import type { Signaling } from "../../src/signaling/signaling.ts";
import { alice, bob, createWorld, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
});

afterEach(() => world.close());

/** A meeting point that hands out a TURN server on joining. */
const suggesting = (network: Network): Network => ({
  ...network,
  join: (url, roomId) => {
    const inner = network.join(url, roomId);
    const on = ((event: "joined", listener: (...args: readonly unknown[]) => void) =>
      inner.on(event, (...args) =>
        event === "joined"
          ? listener(args[0], args[1], [{ urls: ["turn:example.org"], username: "1:a", credential: "b" }])
          : listener(...args),
      )) as Signaling["on"];
    return {
      get connected() {
        return inner.connected;
      },
      send: inner.send,
      relays: false,
      relay: inner.relay,
      close: inner.close,
      on,
    };
  },
});

it("uses the servers that the meeting point suggests when the app names none", async () => {
  const ofAlice = world.enter(alice, { through: suggesting, iceServers: undefined });
  world.enter(bob);
  await ofAlice.next("peer-ready");

  expect(ofAlice.attempts[0]?.iceServers).toEqual([{ urls: ["turn:example.org"], username: "1:a", credential: "b" }]);
});

it("uses exactly the servers that the app names, also when these are none", async () => {
  const ofAlice = world.enter(alice, { through: suggesting, iceServers: [] });
  world.enter(bob);
  await ofAlice.next("peer-ready");

  expect(ofAlice.attempts[0]?.iceServers).toEqual([]);
});
