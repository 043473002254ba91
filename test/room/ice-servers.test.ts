import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Network } from "../../src/network.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import type { Signaling, SuggestedIceServer } from "../../src/signaling/signaling.ts";
import { alice, bob, carol, createWorld, type Member, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;
/** How many times the meeting point was asked for new servers. */
let asked: number;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
  asked = 0;
});

afterEach(() => world.close());

/** A meeting point that hands out a TURN server on joining, and others when told to. */
const suggesting = () => {
  let listener: ((servers: readonly SuggestedIceServer[]) => void) | undefined;
  const serversFor = (username: string): readonly SuggestedIceServer[] => [
    { urls: ["turn:example.org"], username, credential: "b" },
  ];
  const signaling = (network: Network): Network => ({
    ...network,
    join: (url, roomId) => {
      const inner = network.join(url, roomId);
      const on = ((event: string, heard: (...args: readonly unknown[]) => void) => {
        if (event === "ice-servers") listener = heard;
        return inner.on(event as "joined", (...args) =>
          event === "joined" ? heard(args[0], args[1], serversFor("1:a")) : heard(...args),
        );
      }) as Signaling["on"];
      return {
        get connected() {
          return inner.connected;
        },
        send: inner.send,
        relays: false,
        relay: inner.relay,
        renewIceServers: () => (asked += 1),
        close: inner.close,
        on,
      };
    },
  });
  return { signaling, hand: (username: string) => listener?.(serversFor(username)) };
};

it("uses the servers that the meeting point suggests when the app names none", async () => {
  const ofAlice = world.enter(alice, { through: suggesting().signaling, iceServers: undefined });
  world.enter(bob);
  await ofAlice.next("peer-ready");

  expect(ofAlice.attempts[0]?.iceServers).toEqual([{ urls: ["turn:example.org"], username: "1:a", credential: "b" }]);
});

it("uses exactly the servers that the app names, also when these are none", async () => {
  const ofAlice = world.enter(alice, { through: suggesting().signaling, iceServers: [] });
  world.enter(bob);
  await ofAlice.next("peer-ready");

  expect(ofAlice.attempts[0]?.iceServers).toEqual([]);
});

const refusalsOf = (member: Member): readonly string[] =>
  member.told.flatMap((entry) => (entry[0] === "error" ? [`${entry[1].code} ${entry[1].message}`] : []));

it("tells once that servers of the app's are refused", async () => {
  const ofAlice = world.enter(alice, { iceServers: [{ urls: "turn:example.org", username: "u", credential: "c" }] });
  for (const peer of [bob, carol]) world.enter(peer);
  await world.settle();

  for (const attempt of ofAlice.attempts) for (const code of [401, 401]) attempt.onTurnRefused?.(code);

  expect(ofAlice.attempts).toHaveLength(2);
  expect(refusalsOf(ofAlice)).toEqual([expect.stringMatching(/^LEDGER_TURN_REFUSED .*iceServers.*401/)]);
  expect(refusalsOf(ofAlice)[0]).not.toContain("example.org");
});

it("asks once for new ones when those of the meeting point are refused, and tells of each set", async () => {
  const { signaling, hand } = suggesting();
  const ofAlice = world.enter(alice, { through: signaling, iceServers: undefined });
  world.enter(bob);
  await ofAlice.next("peer-ready");

  ofAlice.attempts[0]?.onTurnRefused?.(401);
  expect(asked).toBe(1);
  hand("2:a");
  world.enter(carol);
  await ofAlice.next("peer-ready");
  expect(ofAlice.attempts[1]?.iceServers[0]?.username).toBe("2:a");
  ofAlice.attempts[1]?.onTurnRefused?.(486);

  expect(asked).toBe(1);
  expect(refusalsOf(ofAlice)).toEqual([
    expect.stringMatching(/^LEDGER_TURN_REFUSED .*handed out.*401/),
    expect.stringMatching(/^LEDGER_TURN_REFUSED .*handed out.*486/),
  ]);
});
