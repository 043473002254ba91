/**
 * The messages of the link handshake, to and from bytes. The first byte is the kind:
 *
 *   1 hello     version (u16) | nonce (16) | site id (16) | epoch (16)
 *   2 proof     HMAC-SHA-256 (32)
 *   3 refused   code (u8)
 *   4 accepted
 *
 * The first three bytes of a hello stay where they are in every version, so that versions can tell each other apart.
 */

import { bytesToHex, bytesToSiteId, hexToBytes, siteIdToBytes, type Epoch, type SiteId } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";

/** Why one side refuses the other; the place in the list plus one is the code on the wire. Append only. */
export const refusalCodes = ["MALFORMED", "INCOMPATIBLE", "REFLECTED", "UNTRUSTED", "TIMEOUT", "INTERNAL"] as const;

export type RefusalCode = (typeof refusalCodes)[number];

export interface Hello {
  readonly version: number;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly siteId: SiteId;
  readonly epoch: Epoch;
}

export type HandshakeMessage =
  | ({ readonly kind: "hello" } & Hello)
  /** A hello of another version: nothing behind the version can be read. */
  | { readonly kind: "foreign-hello"; readonly version: number }
  | { readonly kind: "proof"; readonly mac: Uint8Array<ArrayBuffer> }
  | { readonly kind: "refused"; readonly code: RefusalCode }
  | { readonly kind: "accepted" };

export const nonceBytes = 16;
const helloBytes = 1 + 2 + nonceBytes + 16 + 16;
const proofBytes = 1 + 32;

/** No message of the handshake is longer, with room for later versions of the hello. */
export const maxHandshakeMessageBytes = 256;

export const encodeHello = ({ version, nonce, siteId, epoch }: Hello): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(helloBytes);
  bytes[0] = 1;
  new DataView(bytes.buffer).setUint16(1, version);
  bytes.set(nonce, 3);
  bytes.set(siteIdToBytes(siteId), 3 + nonceBytes);
  bytes.set(hexToBytes(epoch), 3 + nonceBytes + 16);
  return bytes;
};

export const encodeProof = (mac: Uint8Array): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(proofBytes);
  bytes[0] = 2;
  bytes.set(mac, 1);
  return bytes;
};

export const encodeRefused = (code: RefusalCode): Uint8Array<ArrayBuffer> =>
  new Uint8Array([3, refusalCodes.indexOf(code) + 1]);

export const encodeAccepted = (): Uint8Array<ArrayBuffer> => new Uint8Array([4]);

/** @param version - ours; only a hello of the same version is read to its end */
export const decodeHandshakeMessage = (bytes: Uint8Array, version: number): Result<HandshakeMessage, "MALFORMED"> => {
  const kind = bytes[0] ?? 0;
  switch (kind) {
    case 1:
      return decodeHello(bytes, version);
    case 2:
      return bytes.length === proofBytes ? ok({ kind: "proof", mac: bytes.slice(1) }) : err("MALFORMED");
    case 3: {
      const code = refusalCodes[(bytes[1] ?? 0) - 1];
      return bytes.length === 2 && code !== undefined ? ok({ kind: "refused", code }) : err("MALFORMED");
    }
    case 4:
      return bytes.length === 1 ? ok({ kind: "accepted" }) : err("MALFORMED");
    default:
      return err("MALFORMED");
  }
};

const decodeHello = (bytes: Uint8Array, version: number): Result<HandshakeMessage, "MALFORMED"> => {
  if (bytes.length < 3) return err("MALFORMED");
  const theirs = new DataView(bytes.buffer, bytes.byteOffset).getUint16(1);
  if (theirs !== version) return ok({ kind: "foreign-hello", version: theirs });
  if (bytes.length !== helloBytes) return err("MALFORMED");
  const [nonceEnd, siteEnd] = [3 + nonceBytes, 3 + nonceBytes + 16];
  return ok({
    kind: "hello",
    version: theirs,
    nonce: bytes.slice(3, nonceEnd),
    siteId: bytesToSiteId(bytes.subarray(nonceEnd, siteEnd)),
    epoch: bytesToHex(bytes.subarray(siteEnd)) as Epoch,
  });
};
