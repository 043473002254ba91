/** base64url without padding (RFC 4648, section 5), strict: every byte string has exactly one text that decodes to it. */

import { err, ok, type Result } from "./result.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const sextetByCode = new Int8Array(128).fill(-1);
for (let sextet = 0; sextet < 64; sextet += 1) sextetByCode[alphabet.charCodeAt(sextet)] = sextet;

export const bytesToBase64url = (bytes: Uint8Array): string => {
  let text = "";
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= 6) {
      pendingBits -= 6;
      text += alphabet[(pending >> pendingBits) & 63];
    }
    pending &= 63;
  }
  return pendingBits > 0 ? text + alphabet[(pending << (6 - pendingBits)) & 63] : text;
};

/** Refuses padding, foreign characters, impossible lengths and set bits behind the last whole byte. */
export const base64urlToBytes = (text: string): Result<Uint8Array<ArrayBuffer>, "MALFORMED"> => {
  if (text.length % 4 === 1) return err("MALFORMED");
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let pending = 0;
  let pendingBits = 0;
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const sextet = sextetByCode[text.charCodeAt(i)] ?? -1;
    if (sextet < 0) return err("MALFORMED");
    pending = ((pending << 6) | sextet) & 0xfff;
    pendingBits += 6;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[length] = (pending >> pendingBits) & 0xff;
      length += 1;
    }
  }
  return (pending & ((1 << pendingBits) - 1)) === 0 ? ok(bytes) : err("MALFORMED");
};
