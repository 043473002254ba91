import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bytesToHex, type Epoch, type SiteId } from "../../src/common/ids.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { authenticate } from "../../src/security/handshake.ts";
import {
  decodeHandshakeMessage,
  encodeAccepted,
  encodeHello,
  encodeProof,
  encodeRefused,
  refusalCodes,
} from "../../src/security/handshake-message.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { createChannelPair } from "../support/channel-pair.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const alice = { siteId: "a1".repeat(16) as SiteId, epoch: "ae".repeat(16) as Epoch };
const bob = { siteId: "b2".repeat(16) as SiteId, epoch: "be".repeat(16) as Epoch };
const filled = (byte: number, length = 16): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(byte);

describe("handshake messages", () => {
  it("have these bytes", () => {
    const hello = encodeHello({ version: 0x0102, nonce: filled(3), ...alice });

    expect(bytesToHex(hello)).toBe(`010102${"03".repeat(16)}${"a1".repeat(16)}${"ae".repeat(16)}`);
    expect(bytesToHex(encodeProof(filled(5, 32)))).toBe(`02${"05".repeat(32)}`);
    expect(refusalCodes.map((code) => bytesToHex(encodeRefused(code)))).toEqual([
      "0301",
      "0302",
      "0303",
      "0304",
      "0305",
      "0306",
    ]);
    expect(bytesToHex(encodeAccepted())).toBe("04");
  });

  it("are read back as they were written", () => {
    const hello = { version: 1, nonce: filled(3), ...alice };

    expect(decodeHandshakeMessage(encodeHello(hello), 1)).toEqual({ ok: true, value: { kind: "hello", ...hello } });
    expect(decodeHandshakeMessage(encodeHello(hello), 2)).toEqual({
      ok: true,
      value: { kind: "foreign-hello", version: 1 },
    });
    for (const code of refusalCodes) {
      expect(decodeHandshakeMessage(encodeRefused(code), 1)).toEqual({ ok: true, value: { kind: "refused", code } });
    }
  });

  it("are decoded without throwing from any bytes", () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .tuple(fc.integer({ min: 0, max: 5 }), fc.uint8Array({ maxLength: 80 }))
        .map(([kind, rest]) => new Uint8Array([kind, ...rest])),
    );

    fc.assert(fc.property(anyBytes, (bytes) => typeof decodeHandshakeMessage(bytes, 1).ok === "boolean"));
  });
});

describe("the proof", () => {
  let keys: RoomKeys;

  beforeAll(async () => {
    keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  });

  it.each([
    ["initiator", 1, alice, 2, bob, "65cbc1981d86b39ca841a732609862a5904db122e887cd50c35b0a5f1a6b2362"],
    ["responder", 2, bob, 1, alice, "3b85e37b28b6bf548f2b42c80691a1c3d07368a090d971fe39ec4d0ec02acda0"],
  ] as const)("of the %s is the known one (Python's hmac)", async (role, nonce, self, peerNonce, peer, known) => {
    const pair = createChannelPair();
    const [own, other] = role === "initiator" ? [pair.alice, pair.bob] : [pair.bob, pair.alice];
    const proof = new Promise<Uint8Array>((resolve) =>
      other.on("message", (message) => {
        if (message[0] === 2) resolve(message.subarray(1));
      }),
    );

    const random = { unit: () => 0, bytes: () => filled(nonce) };
    const outcome = authenticate({ channel: own, keys, role, self, clock: createFakeClock(), random });
    other.send(encodeHello({ version: 1, nonce: filled(peerNonce), ...peer }));

    expect(bytesToHex(await proof)).toBe(known);
    other.close("done");
    await outcome;
  });

  it("is refused without throwing whatever a peer says, in any order", async () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.constant(encodeHello({ version: 1, nonce: filled(9), ...bob })),
      fc.constant(encodeProof(filled(0, 32))),
      fc.constant(encodeAccepted()),
    );

    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 6 }), async (messages) => {
        const pair = createChannelPair();
        const random = { unit: () => 0, bytes: () => filled(1) };
        const outcome = authenticate({
          channel: pair.alice,
          keys,
          role: "initiator",
          self: alice,
          clock: createFakeClock(),
          random,
        });
        for (const bytes of messages) pair.bob.send(bytes as Uint8Array<ArrayBuffer>);
        setImmediate(() => pair.bob.close("done"));

        expect((await outcome).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
