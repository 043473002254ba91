/** Why a handshake did not succeed, and what the app hears of it. */

import { LedgerError, type LedgerErrorCode } from "../common/errors.ts";
import type { RefusalCode } from "./handshake-message.ts";

/**
 * - `UNTRUSTED`: no proof of the token, or someone between us and the peer
 * - `INCOMPATIBLE`: another protocol version
 * - `REFLECTED`: our own messages came back
 * - `MALFORMED`: not a handshake
 * - `TIMEOUT`: no answer in time
 * - `CLOSED`: the channel went away
 * - `INTERNAL`: a bug here; `cause` says which
 */
export type HandshakeErrorCode = RefusalCode | "CLOSED";

export interface HandshakeError {
  readonly code: HandshakeErrorCode;
  /** `peer`: the other side refused us with this code, or left. */
  readonly foundBy: "self" | "peer";
  readonly cause?: unknown;
}

export const handshakeError = (
  code: HandshakeErrorCode,
  foundBy: HandshakeError["foundBy"],
  cause?: unknown,
): HandshakeError => (cause === undefined ? { code, foundBy } : { code, foundBy, cause });

const ledgerCodes: Readonly<Record<HandshakeErrorCode, readonly [LedgerErrorCode, string]>> = {
  UNTRUSTED: ["LEDGER_PEER_UNTRUSTED", "a peer could not prove that it holds the room's token; its link was refused"],
  INCOMPATIBLE: ["LEDGER_PEER_INCOMPATIBLE", "a peer speaks another version of the protocol; update the older app"],
  REFLECTED: ["LEDGER_PEER_UNTRUSTED", "a peer played our own handshake back to us; its link was refused"],
  MALFORMED: ["LEDGER_PEER_FAULT", "a peer did not keep to the handshake; its link was closed"],
  TIMEOUT: ["LEDGER_PEER_FAULT", "a peer did not finish the handshake in time; its link was closed"],
  CLOSED: ["LEDGER_PEER_FAULT", "a peer's channel closed during the handshake"],
  INTERNAL: ["LEDGER_INTERNAL", "the handshake with a peer failed here; please report it with the cause"],
};

export const handshakeErrorToLedgerError = ({ code, cause }: HandshakeError): LedgerError => {
  const [ledgerCode, message] = ledgerCodes[code];
  return new LedgerError(ledgerCode, message, cause === undefined ? undefined : { cause });
};
