/**
 * What two WebRTC ends say to each other through signaling: one offer, one answer, candidates. Reading is strict,
 * because what arrives was written by another party: simple-peer knows more (renegotiation, media) and must not see it.
 * The texts contain addresses of the user's machine: never to be logged.
 */

import { err, ok } from "../common/result.ts";
import type { Result } from "../common/result.ts";

export type WebRtcSignal =
  | { readonly type: "offer" | "answer"; readonly sdp: string }
  | { readonly type: "candidate"; readonly candidate: IceCandidate };

export interface IceCandidate {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
}

export type SignalFault = "SIGNAL_TOO_LARGE" | "SIGNAL_MALFORMED" | "SIGNAL_UNKNOWN_TYPE";

/** In characters. An offer for one data channel has 500 to 2,000; the rest is room for candidates within. */
export const maxSignalLength = 16_384;
const maxSdpLength = 12_288;
const maxCandidateLength = 1_024;
const maxMidLength = 64;

/** Reads what the other end's `onSignal` was given. Fields that are not known are left out. */
export const decodeWebRtcSignal = (text: string): Result<WebRtcSignal, SignalFault> => {
  if (text.length > maxSignalLength) return err("SIGNAL_TOO_LARGE");
  const signal = parseRecord(text);
  if (signal === undefined) return err("SIGNAL_MALFORMED");
  switch (signal["type"]) {
    case "offer":
    case "answer":
      return isText(signal["sdp"], maxSdpLength) && signal["sdp"].startsWith("v=0")
        ? ok({ type: signal["type"], sdp: signal["sdp"] })
        : err("SIGNAL_MALFORMED");
    case "candidate":
      return decodeCandidate(signal["candidate"]);
    default:
      return err("SIGNAL_UNKNOWN_TYPE");
  }
};

const decodeCandidate = (value: unknown): Result<WebRtcSignal, SignalFault> => {
  if (!isRecord(value)) return err("SIGNAL_MALFORMED");
  const { candidate, sdpMid = null, sdpMLineIndex = null } = value;
  const isSound =
    isText(candidate, maxCandidateLength) &&
    (sdpMid === null || isText(sdpMid, maxMidLength)) &&
    (sdpMLineIndex === null || isLineIndex(sdpMLineIndex)) &&
    // RTCIceCandidate throws when it is told neither.
    (sdpMid !== null || sdpMLineIndex !== null);
  return isSound ? ok({ type: "candidate", candidate: { candidate, sdpMid, sdpMLineIndex } }) : err("SIGNAL_MALFORMED");
};

/**
 * The one DTLS fingerprint of a session description as `algorithm hex:hex…` in lower case. Undefined when there is
 * none, or more than one: then nobody could say which of them a handshake is bound to.
 */
export const sdpToFingerprint = (sdp: string): string | undefined => {
  const found = new Set<string>();
  for (const [, algorithm, digest] of sdp.matchAll(/^a=fingerprint:(\S+)[ \t]+([0-9a-f:]+)[ \t]*\r?$/gim)) {
    found.add(`${algorithm} ${digest}`.toLowerCase());
  }
  const [fingerprint, other] = found;
  return other === undefined ? fingerprint : undefined;
};

const parseRecord = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    // Not JSON: the caller reports it as malformed.
    return undefined;
  }
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === "string" && value.length <= maxLength;

const isLineIndex = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff;
