/** What every adapter of the Signaling port must do, whatever it is made of. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import type { MemberId, RoomId } from "../../src/common/ids.ts";
import { isMemberId } from "../../src/signaling/server-frame.ts";
import { maxPayloadBytes, type Signaling, type SignalingEvents } from "../../src/signaling/signaling.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

export interface SignalingHarness {
  /** Whether the meeting point relays: the cases about relaying differ. */
  readonly relays: boolean;
  join(roomId: RoomId): Signaling;
  takeDown(): Promise<void>;
  bringUp(): Promise<void>;
  /** Leaves nothing running. */
  release(): Promise<void>;
}

type Recorded = { [K in keyof SignalingEvents]: { event: K; args: SignalingEvents[K] } }[keyof SignalingEvents];

const eventNames = [
  "joined",
  "ice-servers",
  "member-joined",
  "member-left",
  "message",
  "relayed",
  "relay-credit",
  "relay-over",
  "lost",
  "reconnecting",
  "failed",
] as const;

/** Keeps every event in order; `next` waits for one of a name and skips the others. */
export const recordSignaling = (signaling: Signaling) => {
  const seen: Recorded[] = [];
  const waiting = new Set<() => void>();
  let position = 0;
  for (const event of eventNames) {
    signaling.on(event, (...args) => {
      seen.push({ event, args } as Recorded);
      for (const look of waiting) look();
    });
  }

  return {
    seen,
    names: () => seen.map(({ event }) => event),
    next: <K extends keyof SignalingEvents>(event: K): Promise<SignalingEvents[K]> =>
      new Promise((resolve) => {
        const look = (): void => {
          while (position < seen.length) {
            const recorded = seen[position];
            position += 1;
            if (recorded?.event === event) {
              waiting.delete(look);
              return resolve(recorded.args as unknown as SignalingEvents[K]);
            }
          }
        };
        waiting.add(look);
        look();
      }),
  };
};

const random = createSeededRandom(11);
const newRoom = (): RoomId => bytesToBase64url(random.bytes(16)) as RoomId;
const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

export const testSignaling = (name: string, openHarness: () => Promise<SignalingHarness>): void => {
  describe(`signaling over ${name}`, () => {
    let harness: SignalingHarness;
    let opened: Signaling[] = [];

    beforeEach(async () => {
      harness = await openHarness();
      opened = [];
    });

    afterEach(async () => {
      for (const signaling of opened) signaling.close();
      await harness.release();
    });

    const join = (roomId: RoomId) => {
      const signaling = harness.join(roomId);
      opened.push(signaling);
      return { signaling, heard: recordSignaling(signaling) };
    };

    const joinPair = async (roomId = newRoom()) => {
      const alice = join(roomId);
      const [aliceId] = await alice.heard.next("joined");
      const bob = join(roomId);
      const [bobId] = await bob.heard.next("joined");
      await alice.heard.next("member-joined");
      return { alice, aliceId, bob, bobId };
    };

    it("says joined with a member id of its own and an empty list in an empty room", async () => {
      const alice = join(newRoom());

      const [self, members] = await alice.heard.next("joined");

      expect(isMemberId(self)).toBe(true);
      expect(members).toEqual([]);
      expect(alice.signaling.connected).toBe(true);
      expect(alice.heard.names()).toEqual(["joined"]);
    });

    it("names those already there to the newcomer, and the newcomer to them", async () => {
      const room = newRoom();
      const alice = join(room);
      const [aliceId] = await alice.heard.next("joined");

      const bob = join(room);
      const [bobId, bobSees] = await bob.heard.next("joined");
      const [aliceSees] = await alice.heard.next("member-joined");

      expect(bobSees).toEqual([aliceId]);
      expect(aliceSees).toBe(bobId);
      expect(aliceId).not.toBe(bobId);
    });

    it("carries payloads unchanged, in order, both ways, up to the largest", async () => {
      const { alice, aliceId, bob, bobId } = await joinPair();
      const largest = random.bytes(maxPayloadBytes);

      alice.signaling.send(bobId, bytes(0, 255, 128));
      alice.signaling.send(bobId, largest);
      bob.signaling.send(aliceId, bytes(7));

      expect(await bob.heard.next("message")).toEqual([aliceId, bytes(0, 255, 128)]);
      expect(await bob.heard.next("message")).toEqual([aliceId, largest]);
      expect(await alice.heard.next("message")).toEqual([bobId, bytes(7)]);
    });

    it("refuses a payload above the largest at once", async () => {
      const { alice, bobId } = await joinPair();

      expect(() => alice.signaling.send(bobId, new Uint8Array(maxPayloadBytes + 1))).toThrow(RangeError);
    });

    it("gives a payload to its receiver only", async () => {
      const room = newRoom();
      const { alice, bob, bobId } = await joinPair(room);
      const carol = join(room);
      const [carolId] = await carol.heard.next("joined");
      await alice.heard.next("member-joined");

      alice.signaling.send(bobId, bytes(1));
      alice.signaling.send(carolId, bytes(2));

      expect((await carol.heard.next("message"))[1]).toEqual(bytes(2));
      expect((await bob.heard.next("message"))[1]).toEqual(bytes(1));
      expect(carol.heard.names().filter((event) => event === "message")).toHaveLength(1);
    });

    it("keeps rooms apart", async () => {
      const alice = join(newRoom());
      const [aliceId] = await alice.heard.next("joined");
      const { alice: bob, bob: carol, bobId: carolId } = await joinPair();

      bob.signaling.send(aliceId, bytes(1));
      bob.signaling.send(carolId, bytes(2));
      await carol.heard.next("message");

      expect(alice.heard.names()).toEqual(["joined"]);
    });

    it("drops what is sent to someone who is not there, and before joining", async () => {
      const { alice, bob, bobId } = await joinPair();
      const early = join(newRoom());

      early.signaling.send(bobId, bytes(1));
      alice.signaling.send(bytesToBase64url(random.bytes(16)) as MemberId, bytes(2));
      alice.signaling.send(bobId, bytes(3));

      expect((await bob.heard.next("message"))[1]).toEqual(bytes(3));
      expect(alice.heard.names()).not.toContain("lost");
    });

    it("tells the others of a member that leaves, and lets it hear nothing more", async () => {
      const { alice, aliceId, bob, bobId } = await joinPair();
      const heardByBob = bob.heard.seen.length;

      bob.signaling.close();
      bob.signaling.close();
      alice.signaling.send(bobId, bytes(1));

      expect(await alice.heard.next("member-left")).toEqual([bobId]);
      expect(bob.signaling.connected).toBe(false);
      bob.signaling.send(aliceId, bytes(1));
      expect(bob.heard.seen).toHaveLength(heardByBob);
      expect(alice.heard.names()).not.toContain("message");
    });

    it("comes back under a new member id after an outage, and tells each step", async () => {
      const { alice, aliceId, bob, bobId } = await joinPair();

      await harness.takeDown();
      await Promise.all([alice.heard.next("lost"), bob.heard.next("lost")]);
      expect(alice.signaling.connected).toBe(false);
      const [firstAttempt] = await alice.heard.next("reconnecting");
      await harness.bringUp();
      const [[newAliceId], [newBobId]] = await Promise.all([alice.heard.next("joined"), bob.heard.next("joined")]);

      expect(firstAttempt).toBe(1);
      expect(new Set([aliceId, bobId, newAliceId, newBobId]).size).toBe(4);
      expect(alice.heard.names()).not.toContain("member-left");
    });

    it("counts attempts from 1 while the meeting point is away and reports each failure", async () => {
      await harness.takeDown();
      const alice = join(newRoom());

      const [error] = await alice.heard.next("failed");
      const [attempt] = await alice.heard.next("reconnecting");
      await harness.bringUp();
      await alice.heard.next("joined");

      expect(error.code).toBe("LEDGER_SIGNALING_UNREACHABLE");
      expect(attempt).toBe(1);
    });

    it("relays as much as its credit allows and tells when there is more, or does not relay at all", async () => {
      const { alice, aliceId, bob, bobId } = await joinPair();
      const count = 100;

      expect(alice.signaling.relays).toBe(harness.relays);
      if (!harness.relays) return expect(alice.signaling.relay(bobId, bytes(1))).toBe(false);
      let waits = 0;
      for (let sent = 0; sent < count; waits += 1) {
        while (sent < count && alice.signaling.relay(bobId, bytes(sent, ...random.bytes(11_000)))) sent += 1;
        if (sent < count) await alice.heard.next("relay-credit");
      }

      for (let index = 0; index < count; index += 1) {
        const [from, payload] = await bob.heard.next("relayed");
        expect([from, payload[0], payload.length]).toEqual([aliceId, index, 11_001]);
      }
      expect(waits).toBeGreaterThan(1);
      expect(() => alice.signaling.relay(bobId, new Uint8Array(maxPayloadBytes + 1))).toThrow(RangeError);
    });

    it("does not relay while it is not joined", async () => {
      const { alice, bobId } = await joinPair();

      await harness.takeDown();
      await alice.heard.next("lost");

      expect(alice.signaling.relays).toBe(false);
      expect(alice.signaling.relay(bobId, bytes(1))).toBe(false);
    });

    it("says nothing after close, not even while connecting", async () => {
      const alice = join(newRoom());
      alice.signaling.close();

      const { bob } = await joinPair();

      expect(bob.signaling.connected).toBe(true);
      expect(alice.heard.names()).toEqual([]);
    });
  });
};
