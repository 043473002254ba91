import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import type { Epoch } from "../../src/common/ids.ts";
import type { Network } from "../../src/network.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { alice, bob, carol, createWorld, dave, errorsOf, toldOf, type Member, type World } from "./rooms.ts";

let keys: RoomKeys;
let otherKeys: RoomKeys;
let world: World;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  otherKeys = await deriveRoomKeys("AQECAwQFBgcICQoLDA0ODw");
});

beforeEach(() => {
  world = createWorld(keys);
});

afterEach(() => world.close());

/** Alice and Bob, linked. */
const linked = async (): Promise<[ofAlice: Member, ofBob: Member]> => {
  const members: [Member, Member] = [world.enter(alice), world.enter(bob)];
  await Promise.all(members.map((member) => member.next("peer-ready")));
  return members;
};

/** Of the newest pair of channels; Alice has the smaller id, so she made it. */
const crashOf = (side: "alice" | "bob"): void => world.network.channels.pairs.at(-1)?.crash(side);

/** A network on which the first `times` attempts of an initiator find no path. */
const failing =
  (times: number, error: Error) =>
  (network: Network): Network => {
    let left = times;
    return {
      ...network,
      openChannel: (options) => {
        if (!options.initiator || left === 0) return network.openChannel(options);
        left -= 1;
        const opened = Promise.reject(error);
        opened.catch(() => {});
        return { signal: () => {}, close: () => {}, opened };
      },
    };
  };

/** A network whose first attempt of an initiator is never heard of again. */
const silentOnce = (network: Network): Network => {
  let isFirst = true;
  return {
    ...network,
    openChannel: (options) => {
      if (!options.initiator || !isFirst) return network.openChannel(options);
      isFirst = false;
      return { signal: () => {}, close: () => {}, opened: new Promise(() => {}) };
    },
  };
};

describe("two members", () => {
  it("link once, and the one with the smaller id makes the attempt", async () => {
    const [ofAlice, ofBob] = await linked();
    await world.settle();

    expect(ofAlice.attempts.map(({ initiator }) => initiator)).toEqual([true]);
    expect(ofBob.attempts.map(({ initiator }) => initiator)).toEqual([false]);
    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready"]);
    expect(toldOf(ofBob, alice)).toEqual(["peer-join", "peer-ready"]);
    expect(ofAlice.links.map(({ peer }) => peer.siteId)).toEqual([bob]);
    expect(ofAlice.room.peers()).toMatchObject([{ peerId: bob, state: "ready", route: "memory" }]);
  });

  it("link whoever comes first", async () => {
    const ofBob = world.enter(bob);
    await ofBob.next("joined");

    const ofAlice = world.enter(alice);
    await Promise.all([ofAlice.next("peer-ready"), ofBob.next("peer-ready")]);

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
  });

  it("link although the meeting point delivers everything twice", async () => {
    const twice = (network: Network): Network => ({
      ...network,
      join: (url, roomId) => {
        const signaling = network.join(url, roomId);
        return {
          get connected() {
            return signaling.connected;
          },
          on: (event, listener) => signaling.on(event, listener),
          renewIceServers: () => signaling.renewIceServers(),
          close: () => signaling.close(),
          relays: false,
          relay: (to, payload) => signaling.relay(to, payload),
          send: (to, payload) => {
            signaling.send(to, payload);
            signaling.send(to, payload);
          },
        };
      },
    });

    const members = [world.enter(alice, { through: twice }), world.enter(bob, { through: twice })];
    await Promise.all(members.map((member) => member.next("peer-ready")));
    await world.settle();

    expect(members.map(({ attempts }) => attempts.length)).toEqual([1, 1]);
    for (const { room } of members) {
      expect(room.drops).toMatchObject({ forged: 0, malformed: 0, reflected: 0 });
      expect(room.drops.replayed).toBeGreaterThan(0);
    }
    expect(members[0]?.warnings).toContain("dropped mail");
  });

  it("do not mind mail of a stranger", async () => {
    const [ofAlice] = await linked();
    const stranger = world.network.join("ws://test", keys.roomId);
    const members = await new Promise<readonly string[]>((resolve) =>
      stranger.on("joined", (_, others) => resolve(others)),
    );
    for (const member of members) {
      stranger.send(member as never, new Uint8Array());
      stranger.send(member as never, new Uint8Array(284).fill(7));
    }
    await world.settle();

    expect(ofAlice.warnings).toContain("dropped mail");
    expect(ofAlice.room.drops).toEqual({ forged: 1, malformed: 1, replayed: 0, reflected: 0 });
    expect(ofAlice.ready()).toEqual([bob]);
    stranger.close();
  });
});

describe("whom to link with", () => {
  it.each([
    ["the initiator", alice],
    ["the responder", bob],
  ])("is for %s to refuse", async (_, refusing) => {
    const no = { acceptPeer: () => false };
    const ofAlice = world.enter(alice, refusing === alice ? no : {});
    const ofBob = world.enter(bob, refusing === bob ? no : {});
    await Promise.all([ofAlice.next("peer-join"), ofBob.next("peer-join")]);
    await world.settle();

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[], []]);
    expect([errorsOf(ofAlice), errorsOf(ofBob)]).toEqual([[], []]);
    expect(ofBob.room.peers()).toEqual([{ peerId: alice, state: "joined" }]);
  });

  it("is nobody when acceptPeer throws, and the app hears of it", async () => {
    const acceptPeer = (): boolean => {
      throw new Error("mine");
    };
    const ofAlice = world.enter(alice, { acceptPeer });
    world.enter(bob);

    const [error] = await ofAlice.next("error");

    expect(error).toMatchObject({ code: "LEDGER_LISTENER_FAILED" });
    expect(ofAlice.ready()).toEqual([]);
  });

  it("is one who was waiting, when a place becomes free", async () => {
    const ofCarol = world.enter(carol, { maxLinks: 2 });
    const others = [world.enter(alice), world.enter(bob)];
    await Promise.all(others.map((member) => member.next("peer-ready")));
    await world.settle();
    const ofDave = world.enter(dave, { acceptPeer: (peer) => peer === carol });
    await world.settle();

    others[0]?.room.close();
    await world.clock.advance(60_000);
    await world.settle();

    expect(ofDave.ready()).toEqual([carol]);
    expect(ofCarol.ready()).toEqual([bob, dave]);
  });
});

describe("an attempt that fails", () => {
  it("is made again after half a second, a second, two, with jitter", async () => {
    const ofAlice = world.enter(alice, { through: failing(3, new Error("no path")) });
    world.enter(bob);
    await ofAlice.next("peer-join");
    const delays: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      await world.settle();
      delays.push(Math.min(...world.clock.pendingDelaysMs()));
      await world.clock.advance(delays.at(-1) as number);
    }
    await world.settle();

    expect(delays).toEqual([500, 1_000, 2_000]);
    expect(ofAlice.ready()).toEqual([bob]);
    expect(errorsOf(ofAlice)).toEqual([]);
  });

  it("is not made again where there is no WebRTC, and the app hears why", async () => {
    const error = new LedgerError("LEDGER_WEBRTC_UNAVAILABLE", "none");
    const ofAlice = world.enter(alice, { through: failing(1, error) });
    world.enter(bob);

    expect(await ofAlice.next("error")).toEqual([error]);
    await world.clock.advance(120_000);
    expect(ofAlice.attempts).toHaveLength(1);
  });

  it("for want of the token tells both sides, and waits longer each time", async () => {
    const mixed = { ...keys, authenticationKey: otherKeys.authenticationKey };
    const ofAlice = world.enter(alice);
    const ofBob = world.enter(bob, { keys: mixed });

    const errors = await Promise.all([ofAlice.next("error"), ofBob.next("error")]);
    await world.settle();

    expect(errors.map(([error]) => error.code)).toEqual(["LEDGER_PEER_UNTRUSTED", "LEDGER_PEER_UNTRUSTED"]);
    expect([...ofAlice.links, ...ofBob.links]).toEqual([]);
    await world.clock.advance(10_000);
    await world.settle();
    expect(ofAlice.attempts.length).toBeLessThan(7);
  });

  it("is not even begun between rooms that a broken server puts together", async () => {
    const sameRoom = (network: Network): Network => ({ ...network, join: (url) => network.join(url, keys.roomId) });
    const ofAlice = world.enter(alice);
    const mallory = world.enter(bob, { keys: otherKeys, through: sameRoom });
    await Promise.all([ofAlice.next("joined"), mallory.next("joined")]);
    await world.settle();

    expect([ofAlice.room.peers(), mallory.room.peers()]).toEqual([[], []]);
    expect(ofAlice.room.drops.forged).toBeGreaterThan(0);
    expect(ofAlice.warnings).toContain("dropped mail");
  });
});

describe("a lost meeting point", () => {
  it("leaves links alone, also when it comes back", async () => {
    const [ofAlice, ofBob] = await linked();
    const lost = ofAlice.next("lost");
    world.network.meetingPoint.takeDown();
    await lost;
    expect([ofAlice.ready(), ofAlice.room.connected]).toEqual([[bob], false]);

    const back = [ofAlice.next("joined"), ofBob.next("joined")];
    world.network.meetingPoint.bringUp();
    const [again] = await Promise.all(back);
    await world.settle();
    await world.clock.advance(10_000);

    expect(again).toEqual([true]);
    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready"]);
    expect(ofAlice.attempts).toHaveLength(1);
  });

  it("hides for its time that a peer went away; then it is probed and given up", async () => {
    const [ofAlice, ofBob] = await linked();
    world.network.meetingPoint.takeDown();
    await world.settle();
    crashOf("bob");
    ofBob.signaling.close();

    const back = ofAlice.next("joined");
    world.network.meetingPoint.bringUp();
    await back;
    await world.settle();
    expect(ofAlice.ready()).toEqual([bob]);
    await world.clock.advance(2_000);
    await world.settle();

    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "peer-leave"]);
    expect(ofAlice.room.peers()).toEqual([]);
  });

  it("makes those who were not linked unknown until they say again who they are", async () => {
    const ofAlice = world.enter(alice, { acceptPeer: () => false });
    const ofBob = world.enter(bob);
    await ofAlice.next("peer-join");
    world.network.meetingPoint.takeDown();
    await world.settle();
    ofBob.room.close();
    world.network.meetingPoint.bringUp();
    await world.settle();

    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-leave"]);
  });

  it("can be down from the beginning: each failure is told, then the room is joined for the first time", async () => {
    world.network.meetingPoint.takeDown();
    const ofAlice = world.enter(alice);
    expect(await ofAlice.next("failed")).toMatchObject([{ code: "LEDGER_SIGNALING_UNREACHABLE" }]);

    const joined = ofAlice.next("joined");
    world.network.meetingPoint.bringUp();

    expect(await joined).toEqual([false]);
  });

  it("lets two peers link anew over it when their link broke meanwhile", async () => {
    const [ofAlice, ofBob] = await linked();
    world.network.meetingPoint.takeDown();
    await world.settle();
    ofAlice.links[0]?.close("BROKEN");
    await world.settle();
    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[], []]);

    world.network.meetingPoint.bringUp();
    for (let i = 0; i < 10 && ofBob.ready().length === 0; i += 1) {
      await world.settle();
      await world.clock.advance(1_000);
    }

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
  });
});

describe("a peer", () => {
  it("that says goodbye is gone at once and for good", async () => {
    const [ofAlice, ofBob] = await linked();
    const left = ofAlice.next("peer-leave");

    ofBob.room.close();
    await left;
    await world.clock.advance(60_000);
    await world.settle();

    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "peer-leave"]);
    expect(toldOf(ofBob, alice)).toEqual(["peer-join", "peer-ready", "peer-leave"]);
    expect(ofAlice.room.peers()).toEqual([]);
    expect(ofAlice.attempts).toHaveLength(1);
  });

  it("that crashed is given up once it left the meeting point and did not answer", async () => {
    const [ofAlice, ofBob] = await linked();
    crashOf("bob");
    ofBob.signaling.close();
    await world.settle();
    expect(ofAlice.ready()).toEqual([bob]);

    await world.clock.advance(2_000);
    await world.settle();

    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "peer-leave"]);
  });

  it("that only lost its meeting point stays linked", async () => {
    const [ofAlice, ofBob] = await linked();
    ofBob.signaling.close();
    await world.settle();
    await world.clock.advance(10_000);
    await world.settle();

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
  });

  it.each([
    ["the smaller", alice, bob],
    ["the larger", bob, alice],
  ])(
    "with %s id that was reloaded replaces what it was, without waiting for the old link to die",
    async (_, reloaded, other) => {
      const [ofAlice, ofBob] = await linked();
      const [before, stays] = reloaded === alice ? [ofAlice, ofBob] : [ofBob, ofAlice];
      crashOf(reloaded === alice ? "alice" : "bob");
      world.network.meetingPoint.silence(before.signaling);

      const after = world.enter(reloaded);
      await Promise.all([after.next("peer-ready"), stays.next("peer-ready")]);
      await world.settle();

      expect([after.ready(), stays.ready()]).toEqual([[other], [reloaded]]);
      expect(toldOf(stays, reloaded)).toEqual(["peer-join", "peer-ready", "peer-leave", "peer-join", "peer-ready"]);
      expect(stays.links[1]?.peer.epoch).not.toBe(stays.links[0]?.peer.epoch);
    },
  );

  it("whose link breaks is linked anew", async () => {
    const [ofAlice, ofBob] = await linked();
    ofBob.links[0]?.close("BROKEN");
    await world.settle();
    await world.clock.advance(5_000);
    await world.settle();

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
    expect(toldOf(ofAlice, bob)).toEqual(["peer-join", "peer-ready", "peer-leave", "peer-join", "peer-ready"]);
  });

  it("whose link breaks as soon as it is made is tried ever more seldom", async () => {
    const ofAlice = world.enter(alice, { onLink: (link) => queueMicrotask(() => link.close("MALFORMED")) });
    world.enter(bob);
    await ofAlice.next("peer-ready");
    for (let i = 0; i < 12; i += 1) {
      await world.clock.advance(5_000);
      await world.settle();
    }

    expect(ofAlice.attempts.length).toBeLessThan(12);
  });

  it("with the same id is a clone, and both sides are told once", async () => {
    const members = [world.enter(alice), world.enter(alice)];

    const clashes = await Promise.all(members.map((member) => member.next("clash")));
    await world.settle();

    expect(new Set(clashes.map(([yields]) => yields))).toEqual(new Set([false, true]));
    expect(members.map((member) => [errorsOf(member), member.room.peers()])).toEqual([
      [[], []],
      [[], []],
    ]);
  });

  it("that leaves with its first word is not known afterwards", async () => {
    const ofAlice = world.enter(alice);
    await ofAlice.next("joined");
    const ofBob = world.enter(bob);
    const { send } = ofBob.signaling;
    const gone = new Promise<void>((resolve) => {
      ofBob.signaling.send = (...mail) => {
        send(...mail);
        ofBob.signaling.close();
        resolve();
      };
    });

    await gone;
    await world.settle();

    expect(ofAlice.room.peers()).toEqual([]);
  });

  it("one of whose copies leaves is met again as the other", async () => {
    const ofAlice = world.enter(alice, { through: silentOnce });
    const ofBob = world.enter(bob);
    await world.until(() => ofAlice.attempts.length === 1);
    const copy = world.enter(bob);
    await copy.next("peer-ready");

    copy.room.close();
    await ofBob.next("peer-ready");

    expect([ofAlice.ready(), ofBob.ready()]).toEqual([[bob], [alice]]);
  });

  it("with the same id and epoch is this replica's own connection of before, which is no clash", async () => {
    const self = { siteId: alice, epoch: "0e".repeat(16) as Epoch };
    const before = world.enter(alice, { self });
    await before.next("joined");

    const after = world.enter(alice, { self });
    await after.next("joined");
    await world.settle();

    expect([errorsOf(before), errorsOf(after)]).toEqual([[], []]);
  });
});

describe("leaving", () => {
  it("tells of every peer once, linked or not, and nothing after", async () => {
    const ofAlice = world.enter(alice, { acceptPeer: (peer) => peer === bob });
    world.enter(bob);
    world.enter(carol);
    await ofAlice.next("peer-ready");
    await world.settle();

    ofAlice.room.close();
    ofAlice.room.close();
    const told = ofAlice.told.length;
    await world.clock.advance(60_000);
    await world.settle();

    expect([toldOf(ofAlice, bob).at(-1), toldOf(ofAlice, carol).at(-1)]).toEqual(["peer-leave", "peer-leave"]);
    expect(ofAlice.told).toHaveLength(told);
    expect([ofAlice.room.connected, ofAlice.room.peers()]).toEqual([false, []]);
  });

  it("in the middle of an attempt leaves no link on either side", async () => {
    const ofAlice = world.enter(alice);
    const ofBob = world.enter(bob);
    await ofAlice.next("peer-join");

    ofAlice.room.close();
    await world.settle();
    await world.clock.advance(60_000);
    await world.settle();

    expect([ofAlice.links, ofBob.links]).toEqual([[], []]);
    expect(ofBob.room.peers()).toEqual([]);
  });
});
