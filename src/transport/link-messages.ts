/**
 * The bytes of a link: what one channel message says. No state: order, sizes and the window are kept by the inbox and
 * the outbox.
 *
 * One byte of type, then the body, which is the rest of the message. Numbers are unsigned, 32 bits, big-endian.
 *
 * | type | name      | body                                                                         |
 * | ---- | --------- | ---------------------------------------------------------------------------- |
 * | 1    | frame     | a whole frame, 0 bytes or more                                               |
 * | 2    | fragment  | 1 byte or more of a frame of which more is to come in the next frame message |
 * | 3    | last      | the end of such a frame, 1 byte or more                                      |
 * | 4    | consumed  | bytes consumed since the link opened, modulo 2^32                            |
 * | 5    | ping      | a number to be sent back                                                     |
 * | 6    | pong      | the number of the ping it answers                                            |
 * | 7    | close     | a reason: UTF-8, 1 to 256 bytes, no control characters; nothing follows      |
 * | 8    | note      | a whole note, 1 byte or more; see note-lane.ts                               |
 * | 9    | noted     | bytes of notes consumed since the link opened, modulo 2^32                   |
 *
 * Types 1 to 3 keep their order among each other and are never interleaved with another frame's; 4 to 6, 8 and 9 may
 * come between any two messages. What counts against the window is in {@link windowCost}; 4 to 7 and 9 are free, and
 * notes have a window of their own.
 */

import { err, ok } from "../common/result.ts";
import type { Result } from "../common/result.ts";

/** Why a link was closed for what its peer sent. Stable: travels in the close message and in logs. */
export type LinkFault =
  | "LINK_MALFORMED"
  | "LINK_UNKNOWN_TYPE"
  | "LINK_FRAME_TOO_LARGE"
  | "LINK_FRAGMENT_SEQUENCE"
  | "LINK_WINDOW_OVERRUN"
  | "LINK_CONSUMED_TOO_MUCH";

export type FrameMessageType = "frame" | "fragment" | "last";
export type NumberMessageType = "consumed" | "ping" | "pong" | "noted";

export type LinkMessage =
  | { readonly type: FrameMessageType; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: NumberMessageType; readonly number: number }
  | { readonly type: "note"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "close"; readonly reason: string };

const typeBytes = {
  frame: 1,
  fragment: 2,
  last: 3,
  consumed: 4,
  ping: 5,
  pong: 6,
  close: 7,
  note: 8,
  noted: 9,
} as const;
const numberMessageBytes = 5;
const maxReasonBytes = 256;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * The least a frame counts: a peer must not be able to have a million empty frames kept for it. A last fragment is
 * exempt, so that a frame of many fragments counts exactly its length and one of the window's size fits the window.
 */
const leastCost = 64;

/** Bytes that a frame message takes from the window; both sides count alike. */
export const windowCost = (type: FrameMessageType, bodyBytes: number): number =>
  type === "last" ? bodyBytes : Math.max(bodyBytes, leastCost);

/** Smallest `fragmentBytes` with which fragments count exactly their length. */
export const leastFragmentBytes = leastCost + 1;

export const encodeFrameMessage = (type: FrameMessageType | "note", body: Uint8Array): Uint8Array<ArrayBuffer> => {
  const message = new Uint8Array(1 + body.length);
  message[0] = typeBytes[type];
  message.set(body, 1);
  return message;
};

/** @param number - taken modulo 2^32 */
export const encodeNumberMessage = (type: NumberMessageType, number: number): Uint8Array<ArrayBuffer> => {
  const message = new Uint8Array(numberMessageBytes);
  message[0] = typeBytes[type];
  new DataView(message.buffer).setUint32(1, number);
  return message;
};

/** @param reason - made to fit: control characters become spaces, what exceeds the limit is cut, nothing becomes "closed" */
export const encodeCloseMessage = (reason: string): Uint8Array<ArrayBuffer> => {
  const message = new Uint8Array(1 + maxReasonBytes);
  message[0] = typeBytes.close;
  const text = reason.replace(controlCharacters, " ") || "closed";
  const { written } = new TextEncoder().encodeInto(text, message.subarray(1));
  return message.slice(0, 1 + written);
};

/** Reads one message; frames are views into `message`, nothing is copied. */
export const decodeLinkMessage = (message: Uint8Array<ArrayBuffer>): Result<LinkMessage, LinkFault> => {
  switch (message[0]) {
    case undefined:
      return err("LINK_MALFORMED");
    case typeBytes.frame:
      return ok({ type: "frame", bytes: message.subarray(1) });
    case typeBytes.fragment:
      return message.length > 1 ? ok({ type: "fragment", bytes: message.subarray(1) }) : err("LINK_MALFORMED");
    case typeBytes.last:
      return message.length > 1 ? ok({ type: "last", bytes: message.subarray(1) }) : err("LINK_MALFORMED");
    case typeBytes.consumed:
      return decodeNumber("consumed", message);
    case typeBytes.ping:
      return decodeNumber("ping", message);
    case typeBytes.pong:
      return decodeNumber("pong", message);
    case typeBytes.close:
      return decodeClose(message);
    case typeBytes.note:
      return message.length > 1 ? ok({ type: "note", bytes: message.subarray(1) }) : err("LINK_MALFORMED");
    case typeBytes.noted:
      return decodeNumber("noted", message);
    default:
      return err("LINK_UNKNOWN_TYPE");
  }
};

const decodeNumber = (type: NumberMessageType, message: Uint8Array): Result<LinkMessage, LinkFault> => {
  if (message.length !== numberMessageBytes) return err("LINK_MALFORMED");
  return ok({ type, number: new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(1) });
};

const decodeClose = (message: Uint8Array): Result<LinkMessage, LinkFault> => {
  if (message.length < 2 || message.length > 1 + maxReasonBytes) return err("LINK_MALFORMED");
  try {
    const reason = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(message.subarray(1));
    return reason.search(controlCharacters) === -1 ? ok({ type: "close", reason }) : err("LINK_MALFORMED");
  } catch {
    // Not UTF-8: the Result says so.
    return err("LINK_MALFORMED");
  }
};
