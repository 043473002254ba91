/** What a signaling server that relays must do besides, seen from outside. Needs default limits and no bearer check. */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { joinFrame, newId, openClient } from "./server-client.ts";
import type { ServerHarness } from "./server-conformance.ts";

/** What a frame costs at the least. */
const leastCost = 1_024;

export const testRelayingServer = (
  name: string,
  openHarness: () => Promise<ServerHarness>,
  timeoutMs = 30_000,
): void => {
  describe(`the relaying signaling server ${name}`, () => {
    let harness: ServerHarness;
    const clients: Awaited<ReturnType<typeof openClient>>[] = [];

    beforeAll(async () => {
      harness = await openHarness();
    }, timeoutMs);
    afterEach(() => {
      for (const { socket } of clients.splice(0)) socket.terminate();
    });
    afterAll(() => harness?.release());

    const join = async (room: string) => {
      const client = await openClient(harness.urls[clients.length % harness.urls.length] as string);
      clients.push(client);
      const member = newId();
      client.send(joinFrame(room, member));
      const joined = await client.next("joined");
      return {
        ...client,
        member,
        credit: Number((joined["relay"] as Record<string, unknown> | undefined)?.["credit"]),
      };
    };
    const joinPair = async () => {
      const room = newId();
      const [alice, bob] = [await join(room), await join(room)];
      await Promise.all([alice.sees(bob.member), bob.sees(alice.member)]);
      return { alice, bob };
    };

    it("announces credit for at least one frame of the largest size", async () => {
      const alice = await join(newId());

      expect(alice.credit).toBeGreaterThanOrEqual(16 * 1024);
    });

    it("relays unchanged and in order, under the sender's id", async () => {
      const { alice, bob } = await joinPair();
      const payloads = [1, 50, 11_264].map((bytes) => randomBytes(bytes).toString("base64url"));

      for (const payload of payloads) alice.send({ type: "relay", to: bob.member, payload });

      for (const payload of payloads) {
        expect(await bob.next("relay")).toEqual({ type: "relay", from: alice.member, payload });
      }
    });

    it("gives back what is spent, so that more than the credit can be relayed in time", async () => {
      const { alice, bob } = await joinPair();
      const payload = randomBytes(11_264).toString("base64url");
      const total = 1.5 * alice.credit;
      let credit = alice.credit;

      for (let sent = 0; sent < total; sent += payload.length) {
        while (credit < payload.length) credit += Number((await alice.next("relay-credit"))["amount"]);
        credit -= payload.length;
        alice.send({ type: "relay", to: bob.member, payload });
      }
      alice.send({ type: "send", to: bob.member, payload: "AA" });

      await bob.next("message");
      expect(bob.frames.filter(({ type }) => type === "relay")).toHaveLength(Math.ceil(total / payload.length));
    });

    it("refuses who spends more credit than it was given", async () => {
      const { alice, bob } = await joinPair();

      // As if all were given back at once, many times over.
      for (let i = 0; i < (4 * alice.credit) / leastCost; i += 1) {
        alice.send({ type: "relay", to: bob.member, payload: "AA" });
      }

      expect(await alice.next("error")).toEqual({ type: "error", code: "rate-limited" });
      expect(await alice.closed).toBe(4429);
    });

    it.each([
      ["an empty payload", { payload: "" }],
      ["a padded payload", { payload: "AA==" }],
      ["a further field", { payload: "AA", more: 1 }],
    ])("calls %s malformed", async (_, fields) => {
      const { alice, bob } = await joinPair();

      alice.send({ type: "relay", to: bob.member, ...fields });

      expect(await alice.next("error")).toEqual({ type: "error", code: "malformed" });
    });
  });
};
