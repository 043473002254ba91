/** Room tokens: 128 random bits as 22 characters of base64url. Other strings are passphrases and need stretching. */

import { base64urlToBytes, bytesToBase64url } from "../common/base64url.ts";
import type { Random } from "../common/random.ts";

const tokenBytes = 16;
const tokenChars = 22;

/** @param random - must be the platform's cryptographic source outside tests */
export const createToken = (random: Random): string => bytesToBase64url(random.bytes(tokenBytes));

/**
 * Whether `token` has the form that {@link createToken} gives, and so carries its own entropy. A passphrase that
 * happens to have this form is not stretched; one in four strings of 22 such characters does.
 */
export const isGeneratedToken = (token: string): boolean => generatedTokenToBytes(token) !== undefined;

/** The random bits of a generated token; undefined for a passphrase. */
export const generatedTokenToBytes = (token: string): Uint8Array<ArrayBuffer> | undefined => {
  if (token.length !== tokenChars) return undefined;
  const bytes = base64urlToBytes(token);
  return bytes.ok ? bytes.value : undefined;
};
