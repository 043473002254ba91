import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import { bytesToHex, hexToBytes, type MemberId } from "../../src/common/ids.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import {
  createConnectionId,
  createSealer,
  maxBodyBytes,
  type ConnectionId,
} from "../../src/security/sealed-envelope.ts";
import { maxPayloadBytes } from "../../src/signaling/signaling.ts";

const random = createSystemRandom();
const member = (byte: number): MemberId => bytesToBase64url(new Uint8Array(16).fill(byte)) as MemberId;
const [alice, bob, carol] = [member(0x0a), member(0x0b), member(0x0c)];
const conn = bytesToBase64url(new Uint8Array(16).fill(0xcc)) as ConnectionId;
const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

let keys: RoomKeys;
let otherKeys: RoomKeys;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  otherKeys = await deriveRoomKeys("AQECAwQFBgcICQoLDA0ODw");
});

const sealerOf = (self: MemberId, roomKeys: RoomKeys = keys) => createSealer({ keys: roomKeys, self, random });

describe("createSealer", () => {
  it("opens what was sealed for it", async () => {
    const payload = await sealerOf(alice).seal(bob, conn, 3, 2, text("offer"));

    expect(await sealerOf(bob).open(alice, payload)).toEqual({
      ok: true,
      value: { conn, seq: 3, type: 2, body: text("offer") },
    });
  });

  it("seals as computed independently (Python's cryptography)", async () => {
    const known =
      "000102030405060708090a0beda792e4e30a5d03de8459e723e348aa323ac8ba22321b226caf629f8546d98fcd780ff6ad45f11c612a0dd7" +
      "b5ba9926a02753311e7a41bd00e6d0a76443d0ac025cc85525fb07ee7cab912b30361b84bde8bab64c474d95edf91c10fae98afb4ca085b4" +
      "9d74123b42a5efc6ead88bd464c43aaa112cf73088138f4f39a657d2a9f4f0b847bae43c5cbc00ef692a80483647281b5eda36a7f03a7813" +
      "a3827841f007bdc228dd79d5678437ac48549a097482668c732a1bc668a9e83ebcf02a36be3a5b0b231d85789f6f81aa6f0e3ad3b4c438ff" +
      "48fce6db3e87707fef09d8593ceee4e6f58b3aeeedc82bacf77a7086957685cfc70a4a01df4693668f8f2dff48c6986eea4d3d04e5c7a467" +
      "29d06a25";
    const counting = { unit: () => 0, bytes: (length: number) => Uint8Array.from({ length }, (_, i) => i) };

    const payload = await createSealer({ keys, self: alice, random: counting }).seal(
      bob,
      conn,
      7,
      2,
      text('{"sdp":"ü"}'),
    );

    expect(bytesToHex(payload)).toBe(known);
    expect(await sealerOf(bob).open(alice, hexToBytes(known))).toMatchObject({
      ok: true,
      value: { conn, seq: 7, type: 2 },
    });
  });

  it("carries bodies from empty to the longest within the payload limit", async () => {
    const empty = await sealerOf(alice).seal(bob, conn, 0, 0, new Uint8Array());
    const body = random.bytes(maxBodyBytes);
    const longest = await sealerOf(alice).seal(bob, conn, 0xffff_ffff, 255, body);

    expect(await sealerOf(bob).open(alice, empty)).toMatchObject({ ok: true, value: { body: new Uint8Array() } });
    expect(await sealerOf(bob).open(alice, longest)).toEqual({
      ok: true,
      value: { conn, seq: 0xffff_ffff, type: 255, body },
    });
    expect(longest.length).toBeLessThanOrEqual(maxPayloadBytes);
  });

  it("shows only steps of 256 bytes of a body's length", async () => {
    const sizes = await Promise.all(
      [0, 1, 200, 233, 234, 489, 490].map(async (length) => {
        const payload = await sealerOf(alice).seal(bob, conn, 0, 0, new Uint8Array(length));
        return payload.length - 28;
      }),
    );

    expect(sizes).toEqual([256, 256, 256, 256, 512, 512, 768]);
  });

  it.each<[string, () => [RoomKeys, MemberId, MemberId]]>([
    ["another receiver", () => [keys, carol, alice]],
    ["another sender", () => [keys, bob, carol]],
    ["a sender and receiver swapped", () => [keys, alice, bob]],
    ["another room's key", () => [{ ...otherKeys, roomId: keys.roomId }, bob, alice]],
    ["another room's id", () => [{ ...keys, roomId: otherKeys.roomId }, bob, alice]],
  ])("does not open for %s", async (_, arrange) => {
    const payload = await sealerOf(alice).seal(bob, conn, 0, 0, text("offer"));
    const [roomKeys, self, from] = arrange();

    expect(await sealerOf(self, roomKeys).open(from, payload)).toEqual({ ok: false, error: "FORGED" });
  });

  it("notices every changed bit", async () => {
    const payload = await sealerOf(alice).seal(bob, conn, 0, 0, text("offer"));
    const opener = sealerOf(bob);

    const outcomes = await Promise.all(
      Array.from(payload, (_, position) => {
        const changed = payload.slice();
        changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
        return opener.open(alice, changed);
      }),
    );

    expect(outcomes.every((outcome) => !outcome.ok && outcome.error === "FORGED")).toBe(true);
  });

  it("refuses what is sealed with the right key but is not of the right form", async () => {
    const seal = async (plaintext: Uint8Array<ArrayBuffer>) => {
      const iv = random.bytes(12);
      const fields = ["ledger/v1/signal", keys.roomId, alice, bob].flatMap((field) => [
        0,
        field.length,
        ...text(field),
      ]);
      const additionalData = new Uint8Array(fields);
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, keys.signalingKey, plaintext);
      return new Uint8Array([...iv, ...new Uint8Array(sealed)]);
    };
    const dirtyPadding = new Uint8Array(256);
    dirtyPadding[255] = 1;
    const bodyBeyondEnd = new Uint8Array(256).fill(0xff);
    const needlessStep = new Uint8Array(512);

    for (const plaintext of [dirtyPadding, bodyBeyondEnd, needlessStep]) {
      expect(await sealerOf(bob).open(alice, await seal(plaintext))).toEqual({ ok: false, error: "MALFORMED" });
    }
  });

  it("never throws and never opens on arbitrary bytes", async () => {
    const opener = sealerOf(bob);

    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ minLength: 284, maxLength: 284 })),
        async (payload) => {
          const opened = await opener.open(alice, payload);
          expect(opened.ok).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("resolves in the order of the calls, long before short", async () => {
    const sealer = sealerOf(alice);
    const opener = sealerOf(bob);
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);

    await Promise.all(
      Array.from({ length: 20 }, async (_, seq) => {
        const body = new Uint8Array(seq % 2 === 0 ? maxBodyBytes : 0);
        const payload = await sealer.seal(bob, conn, seq, 0, body);
        note(`sealed ${seq}`)();
        await opener.open(alice, payload);
        note(`opened ${seq}`)();
      }),
    );

    const inOrder = (what: string) => order.filter((entry) => entry.startsWith(what));
    expect(inOrder("sealed")).toEqual(Array.from({ length: 20 }, (_, seq) => `sealed ${seq}`));
    expect(inOrder("opened")).toEqual(Array.from({ length: 20 }, (_, seq) => `opened ${seq}`));
  });

  it.each<[string, ConnectionId, number, number, number]>([
    ["a negative seq", conn, -1, 0, 0],
    ["a seq of 33 bits", conn, 2 ** 32, 0, 0],
    ["a fractional type", conn, 0, 0.5, 0],
    ["a type of 9 bits", conn, 0, 256, 0],
    ["a body too long", conn, 0, 0, maxBodyBytes + 1],
    ["a short connection id", "AAAA" as ConnectionId, 0, 0, 0],
  ])("refuses to seal %s", async (_, id, seq, type, length) => {
    await expect(sealerOf(alice).seal(bob, id, seq, type, new Uint8Array(length))).rejects.toThrow(RangeError);
  });
});

describe("createConnectionId", () => {
  it("spells 16 random bytes", () => {
    expect(createConnectionId(random)).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });
});
