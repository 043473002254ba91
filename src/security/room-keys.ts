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
