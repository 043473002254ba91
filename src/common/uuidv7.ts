/** UUID version 7: sorts by creation time, and two replicas never make the same one. */

/**
 * A fresh UUIDv7 in its 36-character lower-case text form.
 * Ids made within one millisecond by one caller are not ordered among themselves.
 * @param nowMs - milliseconds since the epoch
 * @param randomBytes - 10 random bytes
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export const uuidv7 = (
  nowMs: number = Date.now(),
  randomBytes: Uint8Array = crypto.getRandomValues(new Uint8Array(10)),
): string => {
  const time = Math.trunc(nowMs).toString(16).padStart(12, "0");
  const hex = Array.from(randomBytes.subarray(0, 10), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const variant = ((randomBytes[2] ?? 0) & 0x3f) | 0x80;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(1, 4)}-${variant.toString(16)}${hex.slice(6, 8)}-${hex.slice(8, 20)}`;
};
