import { describe, expect, it } from "vitest";
import type { RoomId } from "../../src/common/ids.ts";
import { createMemoryMeetingPoint } from "../../src/signaling/memory-signaling.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { recordSignaling, testSignaling, type SignalingHarness } from "./signaling-conformance.ts";

const openHarness = async (relayCreditBytes: number): Promise<SignalingHarness> => {
  const meetingPoint = createMemoryMeetingPoint({ random: createSeededRandom(7), relayCreditBytes });
  return {
    relays: relayCreditBytes > 0,
    join: meetingPoint.join,
    takeDown: async () => meetingPoint.takeDown(),
    bringUp: async () => meetingPoint.bringUp(),
    release: async () => {},
  };
};

testSignaling("memory", () => openHarness(0));
testSignaling("memory that relays", () => openHarness(50_000));

describe("the memory meeting point", () => {
  const room = "room" as RoomId;

  it("tells nobody of a silenced member until it is cut", async () => {
    const meetingPoint = createMemoryMeetingPoint({ random: createSeededRandom(7) });
    const alice = meetingPoint.join(room);
    const heardByAlice = recordSignaling(alice);
    const [aliceId] = await heardByAlice.next("joined");
    const bob = meetingPoint.join(room);
    const heardByBob = recordSignaling(bob);
    const [bobId] = await heardByBob.next("joined");
    await heardByAlice.next("member-joined");

    meetingPoint.silence(bob);
    alice.send(bobId, new Uint8Array([1]));
    bob.send(aliceId, new Uint8Array([2]));
    const carol = meetingPoint.join(room);
    const [, carolSees] = await recordSignaling(carol).next("joined");

    expect(carolSees).toEqual([aliceId, bobId]);
    expect(heardByBob.names()).toEqual(["joined"]);
    expect(heardByAlice.names()).toEqual(["joined", "member-joined", "member-joined"]);

    meetingPoint.cut(bob);

    expect(await heardByAlice.next("member-left")).toEqual([bobId]);
    const [newBobId] = await heardByBob.next("joined");
    expect(newBobId).not.toBe(bobId);
    expect(heardByBob.names()).toEqual(["joined", "lost", "reconnecting", "joined"]);
  });

  it("gives the receiver a copy of the payload", async () => {
    const meetingPoint = createMemoryMeetingPoint({ random: createSeededRandom(7) });
    const alice = meetingPoint.join(room);
    const bob = meetingPoint.join(room);
    const heardByBob = recordSignaling(bob);
    const [bobId] = await heardByBob.next("joined");
    const payload = new Uint8Array([1]);

    alice.send(bobId, payload);
    payload[0] = 9;

    expect((await heardByBob.next("message"))[1]).toEqual(new Uint8Array([1]));
  });
});
