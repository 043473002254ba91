/** Links through the meeting point: when they come up, how they move, and when they end. */

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import type { Network } from "../../src/network.ts";
import type { RoomOptions } from "../../src/room/room.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import type { Link } from "../../src/transport/link.ts";
import { alice, bob, carol, createWorld, errorsOf, toldOf, type Member, type World } from "./rooms.ts";

let keys: RoomKeys;
let world: World;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys, { relays: true });
  world.network.allowDirect(false);
});

afterEach(() => world.close());

const routesOf = (member: Member): readonly (string | undefined)[] => member.room.peers().map(({ route }) => route);

/** They know of each other, and Alice has begun an attempt. */
const haveMet = (ofAlice: Member, ofBob: Member): Promise<void> =>
  world.until(() => ofAlice.room.peers().length > 0 && ofBob.room.peers().length > 0);

const haveRoute = (route: string, ...members: readonly Member[]): Promise<void> =>
  world.until(() =>
    members.every((member) => routesOf(member).length > 0 && routesOf(member).every((one) => one === route)),
  );

/** Seconds pass until both are on this route; within each, everything gets its turn. */
const waitForRoute = async (route: string, ...members: readonly Member[]): Promise<void> => {
  while (!members.every((member) => routesOf(member)[0] === route)) {
    await world.clock.advance(1_000);
    await world.settle();
  }
};

const enterBoth = async (options: Partial<RoomOptions> = {}) => {
  const [ofAlice, ofBob] = [world.enter(alice, options), world.enter(bob, options)];
  await haveMet(ofAlice, ofBob);
  return { ofAlice, ofBob };
};

const enterRelayed = async () => {
  const members = await enterBoth();
  await world.clock.advance(5_000);
  await haveRoute("relay", members.ofAlice, members.ofBob);
  return members;
};

/** Sends frames with rising numbers, and keeps the numbers that arrive. */
const traffic = (from: Member, to: Member) => {
  const [sender, receiver] = [from.links[0], to.links[0]] as [Link, Link];
  const arrived: number[] = [];
  let sent = 0;
  receiver.on("frame", (frame, consumed) => {
    arrived.push(new DataView(frame.buffer, frame.byteOffset).getUint32(0));
    consumed();
  });
  return {
    arrived,
    send: (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        const frame = new Uint8Array(20_000);
        new DataView(frame.buffer).setUint32(0, sent++);
        sender.send(frame);
      }
    },
    /** Waits for what is missing; then nothing may be there twice or out of order. */
    expectAll: async (): Promise<void> => {
      await world.until(() => arrived.length >= sent);
      await world.settle();
      expect(arrived).toEqual(Array.from({ length: sent }, (_, i) => i));
    },
  };
};

const breakDirect = (...sides: ("alice" | "bob")[]): void => {
  const pair = world.network.channels.pairs.at(-1);
  pair?.crash("alice");
  for (const side of sides) pair?.report(side, "ICE_FAILED");
};

describe("peers without a direct route", () => {
  it("are linked through the meeting point when the time for a direct one is over", async () => {
    const { ofAlice, ofBob } = await enterBoth();

    await world.clock.advance(4_999);
    await world.settle();
    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[], []]);
    await world.clock.advance(1);
    await haveRoute("relay", ofAlice, ofBob);

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
    const there = traffic(ofAlice, ofBob);
    const back = traffic(ofBob, ofAlice);
    there.send(30);
    back.send(30);
    await there.expectAll();
    await back.expectAll();
  });

  it("are linked although direct attempts hang rather than fail", async () => {
    const hanging = (network: Network): Network => ({
      ...network,
      openChannel: () => ({ signal: () => {}, opened: new Promise(() => {}), close: () => {} }),
    });
    const [ofAlice, ofBob] = [world.enter(alice, { through: hanging }), world.enter(bob, { through: hanging })];
    await haveMet(ofAlice, ofBob);

    await world.clock.advance(5_000);
    await haveRoute("relay", ofAlice, ofBob);

    expect([ofAlice.links.length, ofBob.links.length]).toEqual([1, 1]);
  });

  it("are linked at once where there is no WebRTC, and the app is told once", async () => {
    const without = (network: Network): Network => ({
      ...network,
      openChannel: () => {
        const opened = Promise.reject(new LedgerError("LEDGER_WEBRTC_UNAVAILABLE", "none here"));
        opened.catch(() => {});
        return { signal: () => {}, opened, close: () => {} };
      },
    });
    const [ofAlice, ofBob] = [world.enter(alice, { through: without }), world.enter(bob, { through: without })];

    await haveRoute("relay", ofAlice, ofBob);
    await world.clock.advance(120_000);
    await world.settle();

    expect(errorsOf(ofAlice)).toEqual(["LEDGER_WEBRTC_UNAVAILABLE"]);
  });

  it.each<[string, Partial<RoomOptions>, Partial<RoomOptions>]>([
    ["the one that makes attempts", { relayAfterMs: undefined }, {}],
    ["the one that answers", {}, { relayAfterMs: undefined }],
  ])("are not when %s does not want to", async (_, optionsOfAlice, optionsOfBob) => {
    const [ofAlice, ofBob] = [world.enter(alice, optionsOfAlice), world.enter(bob, optionsOfBob)];
    await world.settle();

    for (let i = 0; i < 6; i += 1) {
      await world.clock.advance(10_000);
      await world.settle();
    }

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[], []]);
    expect([...errorsOf(ofAlice), ...errorsOf(ofBob)]).toEqual([]);
  });

  it("are not when the meeting point does not relay", async () => {
    world = createWorld(keys);
    world.network.allowDirect(false);
    const { ofAlice } = await enterBoth();

    await world.clock.advance(60_000);
    await world.settle();

    expect(ofAlice.ready()).toEqual([]);
  });

  it("are not when the app does not accept them", async () => {
    const { ofAlice, ofBob } = await enterBoth({ acceptPeer: () => false });

    await world.clock.advance(60_000);
    await world.settle();

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[], []]);
  });

  it("are linked with one another, three of them, over one connection each", async () => {
    const members = [world.enter(alice), world.enter(bob), world.enter(carol)];
    await world.until(() => members.every((member) => member.room.peers().length === 2));

    await world.clock.advance(5_000);
    await haveRoute("relay", ...members);

    expect(members.map((member) => member.ready().length)).toEqual([2, 2, 2]);
  });
});

describe("a relayed link", () => {
  it("moves to a direct route when that works, and nobody above notices", async () => {
    const { ofAlice, ofBob } = await enterRelayed();
    const [there, back] = [traffic(ofAlice, ofBob), traffic(ofBob, ofAlice)];

    world.network.allowDirect(true);
    while (routesOf(ofAlice)[0] === "relay") {
      there.send(5);
      back.send(5);
      await world.clock.advance(1_000);
      await world.settle();
    }
    there.send(5);
    back.send(5);
    await haveRoute("memory", ofAlice, ofBob);

    await there.expectAll();
    await back.expectAll();
    expect([ofAlice.links.length, ofBob.links.length]).toEqual([1, 1]);
    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "route"]);
    expect(toldOf(ofBob, alice)).toEqual(["peer-join", "peer-ready", "route"]);
    expect(ofAlice.told.at(-1)).toEqual(["route", bob, "memory"]);
  });

  it("moves back when the direct route fails, with what was on its way, and over again", async () => {
    world.network.allowDirect(true);
    const { ofAlice, ofBob } = await enterBoth();
    await haveRoute("memory", ofAlice, ofBob);
    const [there, back] = [traffic(ofAlice, ofBob), traffic(ofBob, ofAlice)];

    for (let round = 0; round < 3; round += 1) {
      await haveRoute("memory", ofAlice, ofBob);
      world.network.allowDirect(false);
      there.send(20);
      back.send(20);
      breakDirect("alice", "bob");
      there.send(20);
      back.send(20);
      await haveRoute("relay", ofAlice, ofBob);
      world.network.allowDirect(true);
      await waitForRoute("memory", ofAlice, ofBob);
    }

    await there.expectAll();
    await back.expectAll();
    expect([ofAlice.links.length, ofBob.links.length]).toEqual([1, 1]);
    const expected = ["peer-join", "peer-ready", ...Array.from({ length: 6 }, () => "route")];
    expect([toldOf(ofAlice, bob), toldOf(ofBob, alice)]).toEqual([expected, expected]);
  });

  it.each<["alice" | "bob"]>([["alice"], ["bob"]])("moves back when only %s has noticed the failure", async (side) => {
    world.network.allowDirect(true);
    const { ofAlice, ofBob } = await enterBoth();
    await haveRoute("memory", ofAlice, ofBob);
    const [there, back] = [traffic(ofAlice, ofBob), traffic(ofBob, ofAlice)];
    world.network.allowDirect(false);

    breakDirect(side);
    there.send(20);
    back.send(20);
    await world.settle();
    await waitForRoute("relay", ofAlice, ofBob);

    await there.expectAll();
    await back.expectAll();
    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "route"]);
  });

  it("waits for the meeting point to come back, and loses nothing", async () => {
    const { ofAlice, ofBob } = await enterRelayed();
    const [there, back] = [traffic(ofAlice, ofBob), traffic(ofBob, ofAlice)];

    there.send(10);
    world.network.meetingPoint.takeDown();
    back.send(10);
    await world.settle();
    await world.clock.advance(3_000);
    world.network.meetingPoint.bringUp();

    await there.expectAll();
    await back.expectAll();
    expect(toldOf(ofAlice, bob).filter((name) => name === "peer-leave")).toEqual([]);
  });

  it("goes on when one of the two was cut off from the meeting point for a moment", async () => {
    const { ofAlice, ofBob } = await enterRelayed();
    const [there, back] = [traffic(ofAlice, ofBob), traffic(ofBob, ofAlice)];

    there.send(10);
    back.send(10);
    world.network.meetingPoint.cut(ofBob.signaling);
    there.send(10);
    back.send(10);

    await there.expectAll();
    await back.expectAll();
    expect(toldOf(ofAlice, bob).filter((name) => name === "peer-leave")).toEqual([]);
    expect(toldOf(ofBob, alice).filter((name) => name === "peer-leave")).toEqual([]);
  });

  it("ends when the meeting point stays away", async () => {
    const { ofAlice } = await enterRelayed();

    world.network.meetingPoint.takeDown();
    await world.until(() => ofAlice.told.some(([name]) => name === "lost"));
    await world.clock.advance(9_999);
    expect(ofAlice.ready()).toEqual([bob]);
    await world.clock.advance(1);

    expect(ofAlice.ready()).toEqual([]);
    expect(toldOf(ofAlice, bob).slice(-2)).toEqual(["peer-leave", "peer-join"]);
  });

  it("ends two seconds after its peer has vanished from the meeting point", async () => {
    const { ofAlice, ofBob } = await enterRelayed();

    world.network.meetingPoint.silence(ofBob.signaling);
    ofBob.signaling.close();
    await world.settle();
    await world.clock.advance(2_000);
    await world.settle();

    expect(ofAlice.room.peers()).toEqual([]);
    expect(toldOf(ofAlice, bob).at(-1)).toBe("peer-leave");
  });

  it("brings a goodbye", async () => {
    const { ofAlice, ofBob } = await enterRelayed();

    ofBob.room.close();
    await world.until(() => ofAlice.room.peers().length === 0);

    expect(toldOf(ofAlice, bob).at(-1)).toBe("peer-leave");
    await world.until(() => !ofBob.signaling.connected);
  });

  it("is replaced when the peer has opened its database anew", async () => {
    const { ofAlice, ofBob } = await enterRelayed();

    ofBob.room.close();
    const again = world.enter(bob);
    await world.until(() => toldOf(ofAlice, bob).filter((name) => name === "peer-join").length === 2);
    await world.clock.advance(5_000);
    await haveRoute("relay", ofAlice, again);

    expect(ofAlice.links).toHaveLength(2);
  });
});
