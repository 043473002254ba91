/** X25519 pairs whose private bytes are known, for known answers. */

import type { RelayKeyPair } from "../../src/security/relay-keys.ts";

/** RFC 8410: an X25519 private key in PKCS #8 is this and its 32 bytes. */
const pkcs8Prefix = "302e020100300506032b656e04220420";

/** @param byte - the private key is 32 of these */
export const fixedRelayPair = async (byte: number): Promise<RelayKeyPair & { readonly pkcs8: Buffer }> => {
  const pkcs8 = Buffer.concat([Buffer.from(pkcs8Prefix, "hex"), Buffer.alloc(32, byte)]);
  const readable = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "X25519" }, true, ["deriveBits"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", readable as CryptoKey);
  return {
    pkcs8,
    publicKey: new Uint8Array(Buffer.from(x, "base64url")),
    privateKey: readable as CryptoKey,
  };
};
