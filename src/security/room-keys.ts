/**
 * Port: what a token becomes. Derived by HKDF-SHA-256; the token itself is kept nowhere.
 */

import type { RoomId } from "../common/ids.ts";

export interface RoomKeys {
  /** All that the signaling server learns. */
  readonly roomId: RoomId;
  /** AES-256-GCM, seals signaling payloads. Not extractable. */
  readonly signalingKey: CryptoKey;
  /** HMAC-SHA-256, proves membership on a link. Not extractable. */
  readonly authenticationKey: CryptoKey;
  /** Raw material for HKDF, mixed into relay links. Not extractable. */
  readonly relayKey: CryptoKey;
}

/** Whether `value`, read from a store that other scripts of the origin can write to, can serve as keys of a room. */
export const isRoomKeys = (value: unknown): value is RoomKeys => {
  if (typeof value !== "object" || value === null) return false;
  const { roomId, signalingKey, authenticationKey, relayKey } = value as Readonly<Record<string, unknown>>;
  return (
    typeof roomId === "string" &&
    /^[A-Za-z0-9_-]{21}[AQgw]$/.test(roomId) &&
    isKeyFor("AES-GCM", signalingKey) &&
    isKeyFor("HMAC", authenticationKey) &&
    isKeyFor("HKDF", relayKey)
  );
};

const isKeyFor = (algorithm: string, value: unknown): value is CryptoKey =>
  value instanceof CryptoKey && value.algorithm.name === algorithm && !value.extractable;
