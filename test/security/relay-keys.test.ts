import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import {
  agreeOnRelayKeys,
  createRelayKeyPair,
  relayFingerprint,
  type RelayKeyPair,
  type RelayKeys,
} from "../../src/security/relay-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import type { ConnectionId } from "../../src/security/sealed-envelope.ts";
import { fixedRelayPair } from "../support/relay-pairs.ts";

const conn = bytesToBase64url(new Uint8Array(16).fill(0xcc)) as ConnectionId;
const otherConn = bytesToBase64url(new Uint8Array(16).fill(0xdd)) as ConnectionId;
const iv = new Uint8Array(12);
const secret = new TextEncoder().encode("a row");

let keys: RoomKeys;
let otherKeys: RoomKeys;
let alice: RelayKeyPair;
let bob: RelayKeyPair;
let carol: RelayKeyPair;

beforeAll(async () => {
  keys = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");
  otherKeys = await deriveRoomKeys("AQECAwQFBgcICQoLDA0ODw");
  [alice, bob, carol] = await Promise.all([createRelayKeyPair(), createRelayKeyPair(), createRelayKeyPair()]);
});

const agree = async (
  role: "initiator" | "responder",
  own: RelayKeyPair,
  theirs: RelayKeyPair,
  options: { readonly keys?: RoomKeys; readonly conn?: ConnectionId } = {},
): Promise<RelayKeys> => {
  const agreed = await agreeOnRelayKeys({ keys, conn, role, own, theirs: theirs.publicKey, ...options });
  if (!agreed.ok) throw new Error(agreed.error);
  return agreed.value;
};

const seal = (key: CryptoKey) => crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, secret);
const opens = async (key: CryptoKey, sealed: ArrayBuffer): Promise<boolean> =>
  crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed).then(
    () => true,
    () => false,
  );

describe("agreeOnRelayKeys", () => {
  it("gives both ends a key for each direction, and a different one", async () => {
    const atAlice = await agree("initiator", alice, bob);
    const atBob = await agree("responder", bob, alice);

    expect(await opens(atBob.opening, await seal(atAlice.sealing))).toBe(true);
    expect(await opens(atAlice.opening, await seal(atBob.sealing))).toBe(true);
    expect(await opens(atBob.opening, await seal(atBob.sealing))).toBe(false);
    expect(atAlice.sealing.extractable || atAlice.opening.extractable).toBe(false);
  });

  it.each<[string, () => Promise<RelayKeys>]>([
    ["another room's member with the same pairs", () => agree("responder", bob, alice, { keys: otherKeys })],
    ["a member with a pair of its own", () => agree("responder", carol, alice)],
    ["the same ends in another channel", () => agree("responder", bob, alice, { conn: otherConn })],
    ["ends that both think they are the initiator", () => agree("initiator", bob, alice)],
  ])("gives other keys to %s", async (_, arrange) => {
    const sealed = await seal((await agree("initiator", alice, bob)).sealing);

    const { opening, sealing } = await arrange();

    expect(await opens(opening, sealed)).toBe(false);
    expect(await opens(sealing, sealed)).toBe(false);
  });

  it.each([
    ["one's own", () => alice.publicKey],
    ["of 31 bytes", () => new Uint8Array(31).fill(9)],
    ["of 33 bytes", () => new Uint8Array(33).fill(9)],
    ["zero, which is of small order", () => new Uint8Array(32)],
    ["one, which is of small order", () => Uint8Array.of(1, ...new Uint8Array(31))],
  ])("refuses a public key that is %s", async (_, theirs) => {
    const agreed = await agreeOnRelayKeys({ keys, conn, role: "initiator", own: alice, theirs: theirs() });

    expect(agreed).toEqual({ ok: false, error: "BAD_KEY" });
  });

  it("agrees on what node:crypto computes from the specification", async () => {
    const [fixedAlice, fixedBob] = await Promise.all([fixedRelayPair(0xa1), fixedRelayPair(0xb2)]);
    const info = Buffer.concat(
      ["ledger/v1/relay", "initiator", keys.roomId, conn, fixedAlice.publicKey, fixedBob.publicKey].flatMap((field) => [
        Buffer.from([0, field.length]),
        Buffer.from(field),
      ]),
    );
    const shared = diffieHellman({
      privateKey: createPrivateKey({ key: fixedAlice.pkcs8, format: "der", type: "pkcs8" }),
      publicKey: createPublicKey(createPrivateKey({ key: fixedBob.pkcs8, format: "der", type: "pkcs8" })),
    });
    const token = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
    const relay = Buffer.from(hkdfSync("sha256", token, "ledger/v1", "relay", 32));
    const raw = Buffer.from(hkdfSync("sha256", relay, shared, info, 32));
    const expected = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);

    const atAlice = await agree("initiator", fixedAlice, fixedBob);

    expect(await opens(expected, await seal(atAlice.sealing))).toBe(true);
  });
});

describe("createRelayKeyPair", () => {
  it("draws a new pair each time and keeps the private key in", () => {
    expect(relayFingerprint(alice.publicKey)).toMatch(/^x25519 [0-9a-f]{64}$/);
    expect(relayFingerprint(alice.publicKey)).not.toBe(relayFingerprint(bob.publicKey));
    expect(alice.privateKey.extractable).toBe(false);
  });
});
