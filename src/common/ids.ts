/**
 * Identifiers, branded so that one kind cannot stand in for another.
 * Conversions live here; nothing here draws randomness by itself.
 */

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** A replica: cr-sqlite's site id, 16 bytes as 32 lower-case hex digits. */
export type SiteId = Branded<string, "SiteId">;

/** One opening of a replica's database: 16 random bytes as lower-case hex. New on every open. */
export type Epoch = Branded<string, "Epoch">;

/** A room as the signaling server knows it: 16 bytes derived from the token, base64url, 22 characters. */
export type RoomId = Branded<string, "RoomId">;

/** One connection to the signaling server: 16 random bytes, base64url, 22 characters. New on every connection. */
export type MemberId = Branded<string, "MemberId">;

/** One link of this replica; unique within the process, meaningless elsewhere. */
export type LinkId = Branded<number, "LinkId">;

const siteIdPattern = /^[0-9a-f]{32}$/;

/** Whether `text` has the form of a site id. */
export const isSiteId = (text: unknown): text is SiteId => typeof text === "string" && siteIdPattern.test(text);

const hexByByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hex of `bytes`. */
export const bytesToHex = (bytes: Uint8Array): string => {
  let hex = "";
  for (const byte of bytes) hex += hexByByte[byte];
  return hex;
};

/** Bytes of lower- or upper-case hex. @throws RangeError when `hex` is not whole bytes of hex digits */
export const hexToBytes = (hex: string): Uint8Array<ArrayBuffer> => {
  if (hex.length % 2 !== 0 || /[^0-9a-fA-F]/.test(hex)) throw new RangeError("not hex");
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
};

/** Site id of 16 raw bytes. @throws RangeError on any other length */
export const bytesToSiteId = (bytes: Uint8Array): SiteId => {
  if (bytes.length !== 16) throw new RangeError("a site id has 16 bytes");
  return bytesToHex(bytes) as SiteId;
};

/** The 16 raw bytes of a site id. */
export const siteIdToBytes = (siteId: SiteId): Uint8Array<ArrayBuffer> => hexToBytes(siteId);
