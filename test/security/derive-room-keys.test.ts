/** The answers below were computed with Python's hashlib and hmac from the formulas, not with this code. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { bytesToHex, hexToBytes } from "../../src/common/ids.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

const answers = [
  {
    what: "a generated token",
    token: "AAECAwQFBgcICQoLDA0ODw",
    roomId: "ML8R8WN9chVX4z1X53QhtA",
    signal: "e057268fcaecba7120428d9f437eecee6dd26c8e14963dc08e01b84bf14f3f0c",
    auth: "3b4f35b295de2325f3375c4429b2a496d64eaf38e39a0d2d23f9b14bd56fa513",
    relay: "d14247e0da6dc4fdfae53d3df962634dd880276478877c2bf2edae819d293a5c",
  },
  {
    what: "a passphrase",
    token: "room-token",
    roomId: "GR8k1RztV4wHKJ-Jfvb65g",
    signal: "f8e90d80b4ea26f452ff6e10988eae6a773d505a459198a9f438f68a2dfdd0ec",
    auth: "69227595bd2aa22b75a7436ef5ce2d5d152a9afe756a4741f1af7381aad2c79f",
    relay: "8ebec0ecd915a65295a29024d762ce31aa6ac53cd36c0091a95c3b65e03da8a3",
  },
  {
    what: "a passphrase whose letters have two spellings",
    token: "pässwörd".normalize("NFD"),
    roomId: "4yjih3ybWtXkw41tpGyAOA",
    signal: "844c59c58b7966a22a785e632068875c94d4535d820939d2606392c8134010b0",
    auth: "27cde679a2af54cd763c27e5d33db75899a52f31ed950e777aa680746b241db2",
    relay: "276ff825649366ccafb8bb5a860ba0fc683c81d9413e6535dbf6009f82b32bb2",
  },
];

/** What each key does to a fixed text, since the keys themselves cannot be read. */
const fingerprints = async ({ signalingKey, authenticationKey, relayKey }: RoomKeys, signalHex: string) => {
  const iv = new Uint8Array(12);
  const expected = await crypto.subtle.importKey("raw", hexToBytes(signalHex), "AES-GCM", false, ["encrypt"]);
  const [sealed, sealedAsExpected, mac, derived] = await Promise.all([
    crypto.subtle.encrypt({ name: "AES-GCM", iv }, signalingKey, text("ledger")),
    crypto.subtle.encrypt({ name: "AES-GCM", iv }, expected, text("ledger")),
    crypto.subtle.sign("HMAC", authenticationKey, text("ledger")),
    crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: text("ledger") },
      relayKey,
      256,
    ),
  ]);
  const hex = (bits: ArrayBuffer): string => bytesToHex(new Uint8Array(bits));
  return { sealed: hex(sealed), sealedAsExpected: hex(sealedAsExpected), auth: hex(mac), relay: hex(derived) };
};

describe("deriveRoomKeys", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  for (const { what, token, roomId, signal, auth, relay } of answers) {
    it(`gives the known answers for ${what}`, async () => {
      const keys = await deriveRoomKeys(token);

      const seen = await fingerprints(keys, signal);
      expect(keys.roomId).toBe(roomId);
      expect(seen.sealed).toBe(seen.sealedAsExpected);
      expect(seen.auth).toBe(auth);
      expect(seen.relay).toBe(relay);
    });
  }

  it("gives keys that cannot be read and do one thing each", async () => {
    const { signalingKey, authenticationKey, relayKey } = await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw");

    expect([signalingKey, authenticationKey, relayKey].map((key) => key.extractable)).toEqual([false, false, false]);
    expect(signalingKey.usages.toSorted()).toEqual(["decrypt", "encrypt"]);
    expect(authenticationKey.usages.toSorted()).toEqual(["sign", "verify"]);
    expect(relayKey.usages.toSorted()).toEqual(["deriveBits", "deriveKey"]);
  });

  it("refuses an empty token", async () => {
    await expect(deriveRoomKeys("")).rejects.toMatchObject({ code: "LEDGER_OPTION_INVALID" });
  });

  it("says what to do where the page has no WebCrypto", async () => {
    vi.stubGlobal("crypto", { getRandomValues: () => {} });

    await expect(deriveRoomKeys("room-token")).rejects.toMatchObject({
      code: "LEDGER_INSECURE_CONTEXT",
      message: expect.stringContaining("https"),
    });
  });
});
