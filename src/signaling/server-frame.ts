/**
 * What the signaling server sends, decoded strictly: the server is trusted for availability only. Unknown fields are
 * ignored, so that a later server may announce abilities; unknown frames are not. signaling-server/README.md specifies.
 */

import { base64urlToBytes } from "../common/base64url.ts";
import type { MemberId } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";
import { maxPayloadBytes, type SuggestedIceServer } from "./signaling.ts";

export type ServerFrame =
  | {
      readonly type: "joined";
      readonly members: readonly MemberId[];
      readonly iceServers: readonly SuggestedIceServer[] | undefined;
      /** What may be relayed at first; undefined where nothing may. */
      readonly relayCredit: number | undefined;
    }
  | { readonly type: "ice-servers"; readonly iceServers: readonly SuggestedIceServer[] }
  | { readonly type: "member-joined"; readonly member: MemberId }
  | { readonly type: "member-left"; readonly member: MemberId }
  | { readonly type: "relay-credit"; readonly amount: number }
  | { readonly type: "relay-over" }
  | { readonly type: "message" | "relay"; readonly from: MemberId; readonly payload: Uint8Array<ArrayBuffer> }
  | { readonly type: "error"; readonly code: string };

export type ServerFrameError = "MALFORMED" | "TOO_LARGE";

/** Members of one room that a client puts up with: more is a server that wants its memory. */
export const maxMembers = 10_000;

/** ICE servers, URLs of one, and characters of each text: more than any operator has, too few to do harm with. */
const [maxIceServers, maxIceUrls, maxIceChars] = [8, 8, 512];

/** Room for a `joined` frame with `maxMembers` ids of 22 characters, quotes and comma, and the ICE servers. */
export const maxFrameChars = maxMembers * 25 + maxIceServers * (maxIceUrls + 2) * maxIceChars + 1_024;

// 16 bytes as base64url: 22 characters, of which the last carries two bits.
const memberIdPattern = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const errorCodePattern = /^[a-z][a-z-]{0,31}$/;

export const isMemberId = (value: unknown): value is MemberId =>
  typeof value === "string" && memberIdPattern.test(value);

/** @param content - as the socket's `message` event gives it; only text is valid */
export const decodeServerFrame = (content: unknown): Result<ServerFrame, ServerFrameError> => {
  if (typeof content !== "string") return err("MALFORMED");
  if (content.length > maxFrameChars) return err("TOO_LARGE");
  const fields = parseObject(content);
  switch (fields?.["type"]) {
    case "joined":
      return decodeJoined(fields["members"], fields["iceServers"], fields["relay"]);
    case "ice-servers":
      return areIceServers(fields["iceServers"])
        ? ok({ type: "ice-servers", iceServers: fields["iceServers"].map(onlyKnownFields) })
        : err("MALFORMED");
    case "member-joined":
    case "member-left":
      return isMemberId(fields["member"]) ? ok({ type: fields["type"], member: fields["member"] }) : err("MALFORMED");
    case "message":
    case "relay":
      return decodeMessage(fields["type"], fields["from"], fields["payload"]);
    case "relay-credit":
      return isCredit(fields["amount"]) ? ok({ type: "relay-credit", amount: fields["amount"] }) : err("MALFORMED");
    case "relay-over":
      return ok({ type: "relay-over" });
    case "error":
      return typeof fields["code"] === "string" && errorCodePattern.test(fields["code"])
        ? ok({ type: "error", code: fields["code"] })
        : err("MALFORMED");
    default:
      return err("MALFORMED");
  }
};

const parseObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Any text may come from outside; the caller turns undefined into MALFORMED.
    return undefined;
  }
};

const decodeJoined = (members: unknown, iceServers: unknown, relay: unknown): Result<ServerFrame, ServerFrameError> => {
  if (!Array.isArray(members) || !members.every(isMemberId)) return err("MALFORMED");
  if (members.length > maxMembers) return err("TOO_LARGE");
  if (new Set(members).size !== members.length) return err("MALFORMED");
  if (iceServers !== undefined && !areIceServers(iceServers)) return err("MALFORMED");
  return ok({
    type: "joined",
    members,
    iceServers: iceServers?.map(onlyKnownFields),
    relayCredit: creditOf(relay),
  });
};

/** An ability in a form that is not known here is none. */
const creditOf = (relay: unknown): number | undefined => {
  const credit = typeof relay === "object" && relay !== null ? (relay as Record<string, unknown>)["credit"] : undefined;
  return isCredit(credit) ? credit : undefined;
};

const isCredit = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

const areIceServers = (value: unknown): value is readonly SuggestedIceServer[] =>
  Array.isArray(value) && value.length <= maxIceServers && value.every(isIceServer);

const isIceServer = (value: unknown): value is SuggestedIceServer => {
  if (typeof value !== "object" || value === null) return false;
  const { urls, username, credential } = value as Readonly<Record<string, unknown>>;
  return (
    Array.isArray(urls) && urls.length <= maxIceUrls && urls.every(isTurnUrl) && [username, credential].every(isShort)
  );
};

// RTCPeerConnection throws on a URL it does not like, and that must not be up to the server.
const turnUrlPattern = /^turns?:(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?(?:\?transport=(?:udp|tcp))?$/;

const isTurnUrl = (value: unknown): value is string => {
  const match = isShort(value) ? turnUrlPattern.exec(value) : null;
  return match !== null && Number(match[1] ?? 0) <= 65_535;
};

const isShort = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= maxIceChars;

const onlyKnownFields = ({ urls, username, credential }: SuggestedIceServer): SuggestedIceServer => ({
  urls,
  username,
  credential,
});

const decodeMessage = (
  type: "message" | "relay",
  from: unknown,
  payload: unknown,
): Result<ServerFrame, ServerFrameError> => {
  if (!isMemberId(from) || typeof payload !== "string") return err("MALFORMED");
  if (payload.length > Math.ceil((maxPayloadBytes * 4) / 3)) return err("TOO_LARGE");
  const bytes = base64urlToBytes(payload);
  return bytes.ok ? ok({ type, from, payload: bytes.value }) : err("MALFORMED");
};
