/**
 * Keys of one relayed channel: fresh X25519 pairs of both ends, mixed with the room's relay key, so that neither the
 * server, which passes the public keys on sealed, nor a member who is not one of the two can read along, and a token
 * that leaks later does not open what was recorded.
 *
 *   key of a role = HKDF-SHA-256(relay, salt X25519(own private, their public), info fields("ledger/v1/relay", role,
 *                   room id, conn, public key of the initiator, of the responder), 32 bytes)           AES-256-GCM
 *
 * It does not prove who is at the other end: that is the handshake's, which is bound to both public keys.
 */

import { bytesToHex } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";
import { encodeFields } from "./encode-fields.ts";
import type { HandshakeRole } from "./handshake.ts";
import type { RoomKeys } from "./room-keys.ts";
import type { ConnectionId } from "./sealed-envelope.ts";

export interface RelayKeyPair {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Not extractable. */
  readonly privateKey: CryptoKey;
}

export interface RelayKeys {
  /** Seals what this side sends. */
  readonly sealing: CryptoKey;
  readonly opening: CryptoKey;
}

export const relayPublicKeyBytes = 32;

/** Rejects where the platform has no X25519: then there is no relaying. */
export const createRelayKeyPair = async (): Promise<RelayKeyPair> => {
  const generate = async (): Promise<CryptoKeyPair> =>
    (await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"])) as CryptoKeyPair;
  // WebKit on libgcrypt fails once in some hundred times.
  const pair = await generate().catch(generate);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { publicKey, privateKey: pair.privateKey };
};

/** What the handshake is bound to on a relayed channel, in the place of a DTLS fingerprint. */
export const relayFingerprint = (publicKey: Uint8Array): string => `x25519 ${bytesToHex(publicKey)}`;

/** `BAD_KEY`: of another length, our own, or one of the few with which the outcome would be known beforehand. */
export const agreeOnRelayKeys = async (options: {
  readonly keys: Pick<RoomKeys, "roomId" | "relayKey">;
  readonly conn: ConnectionId;
  readonly role: HandshakeRole;
  readonly own: RelayKeyPair;
  readonly theirs: Uint8Array<ArrayBuffer>;
}): Promise<Result<RelayKeys, "BAD_KEY">> => {
  const { keys, conn, role, own, theirs } = options;
  if (theirs.length !== relayPublicKeyBytes || bytesToHex(theirs) === bytesToHex(own.publicKey)) return err("BAD_KEY");
  const shared = await agree(own.privateKey, theirs);
  if (shared === undefined) return err("BAD_KEY");

  const publicKeys = role === "initiator" ? [own.publicKey, theirs] : [theirs, own.publicKey];
  const keyOf = (sender: HandshakeRole): Promise<CryptoKey> =>
    crypto.subtle.deriveKey(
      {
        name: "HKDF",
        hash: "SHA-256",
        salt: shared,
        info: encodeFields(["ledger/v1/relay", sender, keys.roomId, conn, ...publicKeys]),
      },
      keys.relayKey,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt", "decrypt"],
    );
  const [sealing, opening] = await Promise.all([keyOf(role), keyOf(role === "initiator" ? "responder" : "initiator")]);
  shared.fill(0);
  return ok({ sealing, opening });
};

const agree = async (
  privateKey: CryptoKey,
  theirs: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  try {
    const publicKey = await crypto.subtle.importKey("raw", theirs, { name: "X25519" }, false, []);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: publicKey }, privateKey, 256));
  } catch {
    // WebCrypto refuses public keys of small order, with which everybody's outcome is zero.
    return undefined;
  }
};
