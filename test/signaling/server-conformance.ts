/**
 * What every signaling server must do, seen from outside and with nothing but its URL; the specification is
 * signaling-server/README.md. Needs default limits and no bearer check. Several URLs are instances that share rooms:
 * members then spread over them.
 */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { joinFrame, newId, openClient } from "./server-client.ts";

export interface ServerHarness {
  readonly urls: readonly [string, ...string[]];
  release(): Promise<void>;
}

export const testSignalingServer = (
  name: string,
  openHarness: () => Promise<ServerHarness>,
  timeoutMs = 30_000,
): void => {
  describe(`the signaling server ${name}`, () => {
    let harness: ServerHarness;
    let opened = 0;
    const clients: Awaited<ReturnType<typeof openClient>>[] = [];

    beforeAll(async () => {
      harness = await openHarness();
    }, timeoutMs);
    afterEach(() => {
      for (const { socket } of clients.splice(0)) socket.terminate();
    });
    afterAll(() => harness?.release());

    const connect = async (protocols?: readonly string[]) => {
      opened += 1;
      const client = await openClient(harness.urls[opened % harness.urls.length] as string, protocols);
      clients.push(client);
      return client;
    };
    const join = async (room: string, member = newId()) => {
      const client = await connect();
      client.send(joinFrame(room, member));
      const joined = await client.next("joined");
      return { ...client, member, joined };
    };
    const joinPair = async (room = newId()) => {
      const alice = await join(room);
      const bob = await join(room);
      await Promise.all([alice.sees(bob.member), bob.sees(alice.member)]);
      return { room, alice, bob };
    };

    it("answers a join first of all, and names nobody in an empty room", async () => {
      const alice = await join(newId());

      expect(alice.frames[0]).toMatchObject({ type: "joined", members: [] });
    });

    it("introduces members to each other, and to nobody else", async () => {
      const stranger = await join(newId());
      const { alice, bob } = await joinPair();

      expect(alice.frames.slice(1)).toEqual([{ type: "member-joined", member: bob.member }]);
      expect(stranger.frames).toHaveLength(1);
    });

    it("carries payloads unchanged and in order, under the sender's id, to the receiver alone", async () => {
      const { room, alice, bob } = await joinPair();
      const carol = await join(room);
      await carol.sees(bob.member);
      const payloads = Array.from({ length: 50 }, (_, i) => randomBytes(1 + i).toString("base64url"));
      const largest = randomBytes(11_264).toString("base64url");

      for (const payload of [...payloads, largest]) alice.send({ type: "send", to: bob.member, payload });

      for (const payload of [...payloads, largest]) {
        expect(await bob.next("message")).toEqual({ type: "message", from: alice.member, payload });
      }
      expect(carol.frames.some(({ type }) => type === "message")).toBe(false);
      expect(alice.frames.some(({ type }) => type === "message")).toBe(false);
    });

    it("drops what is sent to someone who is not in the room, without an error", async () => {
      const outsider = await join(newId());
      const { alice, bob } = await joinPair();

      alice.send({ type: "send", to: outsider.member, payload: "AA" });
      alice.send({ type: "send", to: newId(), payload: "AA" });
      alice.send({ type: "send", to: bob.member, payload: "AQ" });

      expect(await bob.next("message")).toMatchObject({ payload: "AQ" });
      expect(outsider.frames).toHaveLength(1);
      expect(alice.socket.readyState).toBe(WebSocket.OPEN);
    });

    it.each([
      ["closes its socket", (socket: WebSocket) => socket.close()],
      ["loses its connection", (socket: WebSocket) => socket.terminate()],
      ["breaks the protocol", (socket: WebSocket) => socket.send("nonsense")],
    ])("tells the others of a member that %s", async (_, leave) => {
      const { alice, bob } = await joinPair();

      leave(bob.socket);

      expect(await alice.next("member-left")).toEqual({ type: "member-left", member: bob.member });
    });

    it("refuses a member id that is in the room, and its owner does not notice", async () => {
      const { room, alice, bob } = await joinPair();
      const impostor = await connect();

      impostor.send(joinFrame(room, bob.member));

      expect(await impostor.next("error")).toEqual({ type: "error", code: "member-taken" });
      expect(await impostor.closed).toBe(4409);
      alice.send({ type: "send", to: bob.member, payload: "AA" });
      expect(await bob.next("message")).toMatchObject({ payload: "AA" });
    });

    it.each([
      ["nonsense", "nonsense"],
      ["an array", "[]"],
      ["deep nesting", "[".repeat(16_000)],
      ["an unknown type", { type: "leave" }],
      ["a send before the join", { type: "send", to: newId(), payload: "AA" }],
      ["a further field", { ...joinFrame(newId(), newId()), more: 1 }],
      ["a missing field", { type: "join", version: 1, room: newId() }],
      ["a room that is no id", joinFrame("lobby", newId())],
      ["a member with bits to spare", joinFrame(newId(), `${newId().slice(0, 21)}B`)],
    ])("calls %s malformed", async (_, frame) => {
      const client = await connect();

      client.send(frame);

      expect(await client.next("error")).toEqual({ type: "error", code: "malformed" });
      expect(await client.closed).toBe(4400);
    });

    it.each([
      ["a second join", (room: string, member: string) => joinFrame(room, member)],
      ["an empty payload", (_: string, member: string) => ({ type: "send", to: member, payload: "" })],
      ["a padded payload", (_: string, member: string) => ({ type: "send", to: member, payload: "AA==" })],
      [
        "a sender of one's own",
        (room: string, member: string) => ({ type: "send", to: member, payload: "AA", from: room }),
      ],
    ])("calls %s malformed", async (_, frame) => {
      const room = newId();
      const client = await join(room);

      client.send(frame(room, client.member));

      expect(await client.next("error")).toEqual({ type: "error", code: "malformed" });
      expect(await client.closed).toBe(4400);
    });

    it("tells another version from nonsense", async () => {
      const client = await connect();

      client.send({ type: "join", version: 2, space: "x" });

      expect(await client.next("error")).toEqual({ type: "error", code: "version-unsupported" });
      expect(await client.closed).toBe(4426);
    });

    it("closes on a binary message, and with 1009 on a frame beyond 16 KiB", async () => {
      const [binary, large] = [await connect(), await connect()];

      binary.socket.send(new Uint8Array([1, 2, 3]));
      large.send(" ".repeat(16 * 1024 + 1));

      expect(await binary.closed).toBe(4400);
      expect(await large.closed).toBe(1009);
    });

    it("calls relaying malformed where it did not announce it", async () => {
      const alice = await join(newId());
      if ("relay" in alice.joined) return;

      alice.send({ type: "relay", to: newId(), payload: "AA" });

      expect(await alice.next("error")).toEqual({ type: "error", code: "malformed" });
    });

    it("chooses the subprotocol ledger.v1 of those offered, or none", async () => {
      const [named, unnamed] = [await connect(["ledger.v1", "bearer.AAAA"]), await connect()];

      expect(named.socket.protocol).toBe("ledger.v1");
      expect(unnamed.socket.protocol).toBe("");
    });
  });
};
