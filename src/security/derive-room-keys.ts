/**
 * Token to keys. Both members and second implementations must get the same bytes, so everything here is part of the
 * protocol and pinned by known answers in test/security:
 *
 *   secret = the token's 16 bytes, or PBKDF2-SHA-256(NFC of the passphrase, "ledger/v1", 600,000 rounds, 32 bytes)
 *   room   = HKDF-SHA-256(secret, salt "ledger/v1", info "room", 16 bytes), base64url
 *   signal = likewise, info "signal", 32 bytes; auth: info "auth", 32 bytes; relay: info "relay", 32 bytes
 */

import { bytesToBase64url } from "../common/base64url.ts";
import { LedgerError } from "../common/errors.ts";
import type { RoomId } from "../common/ids.ts";
import type { RoomKeys } from "./room-keys.ts";
import { generatedTokenToBytes } from "./token.ts";

/** OWASP's figure for PBKDF2-HMAC-SHA-256; about 125 ms on a desktop. */
const stretchRounds = 600_000;

const salt = new TextEncoder().encode("ledger/v1");

/**
 * @throws LedgerError `LEDGER_OPTION_INVALID` for an empty token, `LEDGER_INSECURE_CONTEXT` where the page has no
 * WebCrypto
 */
export const deriveRoomKeys = async (token: string): Promise<RoomKeys> => {
  const subtle = requireSubtle();
  if (token === "")
    throw new LedgerError("LEDGER_OPTION_INVALID", "the token is empty; make one with Ledger.createToken()");

  const secret = generatedTokenToBytes(token) ?? (await stretch(subtle, token));
  const root = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);
  secret.fill(0);

  const [room, signalingKey, authenticationKey, relayKey] = await Promise.all([
    subtle.deriveBits(hkdf("room"), root, 128),
    subtle.deriveKey(hkdf("signal"), root, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
    subtle.deriveKey(hkdf("auth"), root, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign", "verify"]),
    deriveRelayKey(subtle, root),
  ]);
  return { roomId: bytesToBase64url(new Uint8Array(room)) as RoomId, signalingKey, authenticationKey, relayKey };
};

/** @throws LedgerError `LEDGER_INSECURE_CONTEXT`; browsers hide `crypto.subtle` from pages served over plain http */
const requireSubtle = (): SubtleCrypto => {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  if (subtle !== undefined) return subtle;
  throw new LedgerError("LEDGER_INSECURE_CONTEXT", "this page has no WebCrypto; serve it over https or from localhost");
};

const stretch = async (subtle: SubtleCrypto, passphrase: string): Promise<Uint8Array<ArrayBuffer>> => {
  // NFC: keyboards of different systems write the same letter as different code points.
  const typed = new TextEncoder().encode(passphrase.normalize("NFC"));
  const key = await subtle.importKey("raw", typed, "PBKDF2", false, ["deriveBits"]);
  const bits = await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: stretchRounds }, key, 256);
  return new Uint8Array(bits);
};

/** WebCrypto derives no HKDF key directly, so the bits pass through memory once. */
const deriveRelayKey = async (subtle: SubtleCrypto, root: CryptoKey): Promise<CryptoKey> => {
  const bits = new Uint8Array(await subtle.deriveBits(hkdf("relay"), root, 256));
  const key = await subtle.importKey("raw", bits, "HKDF", false, ["deriveBits", "deriveKey"]);
  bits.fill(0);
  return key;
};

const hkdf = (info: string): HkdfParams => ({
  name: "HKDF",
  hash: "SHA-256",
  salt,
  info: new TextEncoder().encode(info),
});
