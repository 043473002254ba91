import { beforeAll, describe, expect, it } from "vitest";
import { createSystemRandom } from "../../src/common/random.ts";
import type { Epoch, LinkId, SiteId } from "../../src/common/ids.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { authenticate, type AuthenticateOptions, type HandshakeRole } from "../../src/security/handshake.ts";
import { encodeAccepted, encodeHello, encodeProof } from "../../src/security/handshake-message.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import type { Channel } from "../../src/transport/channel.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createChannelPair } from "../support/channel-pair.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const alice = { siteId: "a1".repeat(16) as SiteId, epoch: "ae".repeat(16) as Epoch };
const bob = { siteId: "b2".repeat(16) as SiteId, epoch: "be".repeat(16) as Epoch };
const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

let keys: RoomKeys;
let otherKeys: RoomKeys;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  otherKeys = await deriveRoomKeys("AQECAwQFBgcICQoLDA0ODw");
});

const start = (channel: Channel, role: HandshakeRole, overrides: Partial<AuthenticateOptions> = {}) =>
  authenticate({
    channel,
    role,
    keys,
    self: role === "initiator" ? alice : bob,
    clock: createFakeClock(),
    random: createSystemRandom(),
    ...overrides,
  });

/** Every message of `channel` from now on, and a promise of its closing. */
const listen = (channel: Channel) => {
  const messages: Uint8Array<ArrayBuffer>[] = [];
  channel.on("message", (message) => messages.push(message));
  const closed = new Promise<string>((resolve) => channel.on("close", resolve));
  return { messages, closed };
};

const helloOf = (self: { siteId: SiteId; epoch: Epoch }, nonceByte: number, version = 1) =>
  encodeHello({ version, nonce: new Uint8Array(16).fill(nonceByte), ...self });

describe("authenticate", () => {
  it("tells two honest members who the other is", async () => {
    const pair = createChannelPair();

    const [atAlice, atBob] = await Promise.all([start(pair.alice, "initiator"), start(pair.bob, "responder")]);

    expect(atAlice).toMatchObject({ ok: true, value: bob });
    expect(atBob).toMatchObject({ ok: true, value: alice });
  });

  it("works in memory without fingerprints, but never on WebRTC or relayed without them", async () => {
    const none = { local: "", remote: "" };
    const memory = createChannelPair({ route: "memory", alice: none, bob: none });
    const webrtc = createChannelPair({ route: "webrtc", alice: none, bob: none });

    const overMemory = await Promise.all([start(memory.alice, "initiator"), start(memory.bob, "responder")]);
    const overWebRtc = await start(webrtc.alice, "initiator");
    const relayed = createChannelPair({ route: "relay", alice: none, bob: none });
    const overRelay = await start(relayed.alice, "initiator");

    expect(overMemory.map((outcome) => outcome.ok)).toEqual([true, true]);
    expect(overWebRtc).toMatchObject({ ok: false, error: { code: "INTERNAL" } });
    expect(overRelay).toMatchObject({ ok: false, error: { code: "INTERNAL" } });
  });

  it("is refused on both sides when the tokens differ, and closes the channel", async () => {
    const pair = createChannelPair();
    const clock = createFakeClock();
    const { closed } = listen(pair.alice);

    const outcomes = await Promise.all([
      start(pair.alice, "initiator", { clock }),
      start(pair.bob, "responder", { keys: { ...otherKeys, roomId: keys.roomId } }),
    ]);

    expect(outcomes).toMatchObject([
      { ok: false, error: { code: "UNTRUSTED" } },
      { ok: false, error: { code: "UNTRUSTED" } },
    ]);
    await clock.advance(250);
    expect(await closed).toBe("handshake: UNTRUSTED");
  });

  it.each<[string, "webrtc" | "relay", readonly string[]]>([
    ["DTLS", "webrtc", ["sha-256 aa:01", "sha-256 ee:03", "sha-256 ee:04", "sha-256 bb:02"]],
    ["relayed", "relay", ["x25519 aa01", "x25519 ee03", "x25519 ee04", "x25519 bb02"]],
  ])(
    "is refused on both sides when someone sits between two %s legs",
    async (_, route, [a = "", b = "", c = "", d = ""]) => {
      const leg = (local: string, remote: string) => ({
        route,
        alice: { local, remote },
        bob: { local: remote, remote: local },
      });
      const left = createChannelPair(leg(a, b));
      const right = createChannelPair(leg(c, d));
      left.bob.on("message", (message) => right.alice.send(message));
      right.alice.on("message", (message) => left.bob.send(message));

      const outcomes = await Promise.all([start(left.alice, "initiator"), start(right.bob, "responder")]);

      expect(outcomes).toMatchObject([
        { ok: false, error: { code: "UNTRUSTED" } },
        { ok: false, error: { code: "UNTRUSTED" } },
      ]);
    },
  );

  it("refuses its own messages played back", async () => {
    const pair = createChannelPair();
    pair.bob.on("message", (message) => pair.bob.send(message));

    expect(await start(pair.alice, "initiator")).toMatchObject({ ok: false, error: { code: "REFLECTED" } });
  });

  it("refuses its own proof played back behind another's hello", async () => {
    const pair = createChannelPair();
    pair.bob.send(helloOf(bob, 9));
    pair.bob.on("message", (message) => {
      if (message[0] === 2) pair.bob.send(message);
    });

    expect(await start(pair.alice, "initiator")).toMatchObject({ ok: false, error: { code: "UNTRUSTED" } });
  });

  it("refuses two ends with the same role", async () => {
    const pair = createChannelPair();

    const outcomes = await Promise.all([start(pair.alice, "initiator"), start(pair.bob, "initiator")]);

    expect(outcomes.map((outcome) => outcome.ok)).toEqual([false, false]);
  });

  it("refuses the transcript of an earlier honest handshake", async () => {
    const first = createChannelPair();
    const { messages: recorded } = listen(first.alice);
    await Promise.all([start(first.alice, "initiator"), start(first.bob, "responder")]);
    const second = createChannelPair();

    const outcome = start(second.alice, "initiator");
    for (const message of recorded) second.bob.send(message);

    expect(recorded).toHaveLength(3);
    expect(await outcome).toMatchObject({ ok: false, error: { code: "UNTRUSTED" } });
  });

  it.each([
    ["an empty message", bytes()],
    ["an unknown kind", bytes(99)],
    ["a hello cut short", bytes(1, 0, 1, 7)],
    ["a hello with a byte too many", new Uint8Array([...helloOf(bob, 9), 0])],
    ["a proof before the hello", encodeProof(new Uint8Array(32))],
    ["a verdict before the hello", encodeAccepted()],
    ["a long message", new Uint8Array(257).fill(1)],
  ])("refuses %s and says so", async (_, message) => {
    const pair = createChannelPair();
    const { messages } = listen(pair.bob);

    const outcome = start(pair.alice, "initiator");
    pair.bob.send(message);

    expect(await outcome).toMatchObject({ ok: false, error: { code: "MALFORMED", foundBy: "self" } });
    await Promise.resolve();
    expect(messages.at(-1)).toEqual(bytes(3, 1));
  });

  it("refuses a peer that floods it before proving anything", async () => {
    const pair = createChannelPair();

    const outcome = start(pair.alice, "initiator");
    pair.bob.send(helloOf(bob, 9));
    for (let i = 0; i < 1_000; i += 1) pair.bob.send(bytes(4));

    expect(await outcome).toMatchObject({ ok: false, error: { code: "MALFORMED" } });
  });

  it("does not take an accepted for a proof", async () => {
    const pair = createChannelPair();

    const outcome = start(pair.alice, "initiator");
    pair.bob.send(helloOf(bob, 9));
    pair.bob.send(encodeAccepted());

    expect(await outcome).toMatchObject({ ok: false, error: { code: "MALFORMED" } });
  });

  it("tells both sides that they speak different versions", async () => {
    const pair = createChannelPair();

    const outcomes = await Promise.all([
      start(pair.alice, "initiator"),
      start(pair.bob, "responder", { protocolVersion: 2 }),
    ]);

    expect(outcomes).toMatchObject([
      { ok: false, error: { code: "INCOMPATIBLE" } },
      { ok: false, error: { code: "INCOMPATIBLE" } },
    ]);
  });

  it("passes on why the peer refused", async () => {
    const pair = createChannelPair();

    const outcome = start(pair.alice, "initiator");
    pair.bob.send(helloOf(bob, 9));
    pair.bob.send(bytes(3, 2));

    expect(await outcome).toEqual({ ok: false, error: { code: "INCOMPATIBLE", foundBy: "peer" } });
  });

  it("gives a silent peer up after the timeout, not before", async () => {
    const pair = createChannelPair();
    const clock = createFakeClock();
    let settled = false;

    const outcome = start(pair.alice, "initiator", { clock }).finally(() => {
      settled = true;
    });
    await clock.advance(4_999);
    expect(settled).toBe(false);
    await clock.advance(1);

    expect(await outcome).toMatchObject({ ok: false, error: { code: "TIMEOUT", foundBy: "self" } });
  });

  it("ends when the channel closes, and leaves no timer behind", async () => {
    const pair = createChannelPair();
    const clock = createFakeClock();

    const outcome = start(pair.alice, "initiator", { clock });
    pair.bob.close("gone");

    expect(await outcome).toMatchObject({ ok: false, error: { code: "CLOSED", foundBy: "peer" } });
    expect(clock.pendingDelaysMs()).toEqual([]);
  });

  it("leaves no timer behind when it succeeds", async () => {
    const pair = createChannelPair();
    const clock = createFakeClock();

    await Promise.all([start(pair.alice, "initiator", { clock }), start(pair.bob, "responder", { clock })]);

    expect(clock.pendingDelaysMs()).toEqual([]);
  });
});

describe("the channel behind the handshake", () => {
  it("carries a link over the memory network", async () => {
    const pair = createMemoryNetwork().connect();
    const [atAlice, atBob] = await Promise.all([start(pair.alice, "initiator"), start(pair.bob, "responder")]);
    if (!atAlice.ok || !atBob.ok) throw new Error("honest handshake failed");
    const clock = createFakeClock();
    const toBob = createLink(atAlice.value.channel, { id: 1 as LinkId, peer: atAlice.value, clock });
    const toAlice = createLink(atBob.value.channel, { id: 2 as LinkId, peer: atBob.value, clock });
    const frame = new Promise<Uint8Array>((resolve) => toAlice.on("frame", resolve));
    const closed = new Promise<string>((resolve) => toAlice.on("close", resolve));

    toBob.send(new Uint8Array(100_000).fill(7));

    expect(await frame).toEqual(new Uint8Array(100_000).fill(7));
    toBob.close("done");
    await closed;
  });

  it("delivers what the peer sent before anyone listened, in order, then what follows", async () => {
    const pair = createChannelPair();
    const atAlice = start(pair.alice, "initiator");
    const peerOfBob = await start(pair.bob, "responder");
    if (!peerOfBob.ok) throw new Error(peerOfBob.error.code);
    for (let i = 0; i < 50; i += 1) peerOfBob.value.channel.send(bytes(i));
    const peerOfAlice = await atAlice;
    if (!peerOfAlice.ok) throw new Error(peerOfAlice.error.code);
    // Long after: everything of above has arrived and waits.
    await new Promise((resolve) => setImmediate(resolve));

    const { messages } = listen(peerOfAlice.value.channel);
    await new Promise((resolve) => setImmediate(resolve));
    peerOfBob.value.channel.send(bytes(50));
    await new Promise((resolve) => setImmediate(resolve));

    expect(messages).toEqual(Array.from({ length: 51 }, (_, i) => bytes(i)));
  });

  it("tells a late listener that the channel closed, behind the last message", async () => {
    const pair = createChannelPair();
    const [atAlice, atBob] = await Promise.all([start(pair.alice, "initiator"), start(pair.bob, "responder")]);
    if (!atAlice.ok || !atBob.ok) throw new Error("honest handshake failed");
    atBob.value.channel.send(bytes(1));
    atBob.value.channel.close("bye");
    await new Promise((resolve) => setImmediate(resolve));

    const { messages, closed } = listen(atAlice.value.channel);

    expect(await closed).toBe("bye");
    expect(messages).toEqual([bytes(1)]);
  });

  it("closes when more arrives than a link may have in flight and nobody listens", async () => {
    const pair = createChannelPair();
    const [atAlice, atBob] = await Promise.all([start(pair.alice, "initiator"), start(pair.bob, "responder")]);
    if (!atAlice.ok || !atBob.ok) throw new Error("honest handshake failed");
    const { closed } = listen(pair.bob);

    for (let i = 0; i < 65; i += 1) atBob.value.channel.send(new Uint8Array(65_536));

    expect(await closed).toBe("MALFORMED");
  });
});
