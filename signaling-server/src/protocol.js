// @ts-check
/**
 * The frames of the signaling protocol, version 1: a strict parser for what clients send and builders for what they
 * get. README.md is the specification. A payload is opaque here: only its alphabet is checked.
 */

export const protocolVersion = 1;

/** Code of the `error` frame to the WebSocket close code that follows it. */
export const closeCodes = /** @type {const} */ ({
  malformed: 4400,
  unauthorized: 4401,
  "origin-refused": 4403,
  "join-timeout": 4408,
  "member-taken": 4409,
  "version-unsupported": 4426,
  "room-full": 4428,
  "rate-limited": 4429,
});

/** @typedef {keyof typeof closeCodes} ErrorCode */
/** @typedef {{ readonly type: "join", readonly room: string, readonly member: string }} JoinFrame */
/** @typedef {{ readonly type: "send", readonly to: string, readonly payload: string }} SendFrame */
/** @typedef {{ readonly type: "relay", readonly to: string, readonly payload: string }} RelayFrame */
/** @typedef {{ readonly type: "ice-servers" }} IceServersFrame */
/** @typedef {{ ok: true, frame: JoinFrame | SendFrame | RelayFrame | IceServersFrame } | { ok: false, code: "malformed" | "version-unsupported" }} Parsed */

// 16 bytes as base64url: 22 characters, of which the last carries two bits.
const idPattern = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const payloadPattern = /^[A-Za-z0-9_-]+$/;

const leastRelayCost = 1_024;

/** @type {Parsed} */
const malformed = { ok: false, code: "malformed" };
/** @type {Parsed} */
const iceServersAsked = { ok: true, frame: { type: "ice-servers" } };
/** @type {Parsed} */
const versionUnsupported = { ok: false, code: "version-unsupported" };

/**
 * Never throws, whatever the text.
 * @param {string} text
 * @returns {Parsed}
 */
export const parseFrame = (text) => {
  const fields = parseObject(text);
  if (fields === undefined) return malformed;
  if (fields.type === "join") return parseJoin(fields);
  if (fields.type === "ice-servers" && Object.keys(fields).length === 1) return iceServersAsked;
  if (fields.type === "send" || fields.type === "relay") return parseSend(fields.type, fields);
  return malformed;
};

/** @param {string} payload of a relay frame; small ones cost work rather than bytes */
export const relayCost = (payload) => Math.max(payload.length, leastRelayCost);

/**
 * @param {readonly string[]} members
 * @param {object} [abilities] each left out when the operator did not set it up
 * @param {readonly import("./server.js").IceServer[] | undefined} [abilities.iceServers]
 * @param {{ readonly credit: number } | undefined} [abilities.relay]
 */
export const joinedFrame = (members, { iceServers, relay } = {}) =>
  JSON.stringify({ type: "joined", members, iceServers, relay });
/** @param {readonly import("./server.js").IceServer[]} iceServers */
export const iceServersFrame = (iceServers) => JSON.stringify({ type: "ice-servers", iceServers });
/** @param {string} member */
export const memberJoinedFrame = (member) => JSON.stringify({ type: "member-joined", member });
/** @param {string} member */
export const memberLeftFrame = (member) => JSON.stringify({ type: "member-left", member });
/**
 * Not by JSON.stringify, which is most of the work for a message: ids and payloads have no character to escape.
 * @param {string} from as isId accepts it
 * @param {string} payload as isPayload accepts it
 */
export const messageFrame = (from, payload) => `{"type":"message","from":"${from}","payload":"${payload}"}`;
/** As {@link messageFrame}, for what is relayed. */
export const relayFrame = (/** @type {string} */ from, /** @type {string} */ payload) =>
  `{"type":"relay","from":"${from}","payload":"${payload}"}`;
/** @param {number} amount */
export const relayCreditFrame = (amount) => JSON.stringify({ type: "relay-credit", amount });
export const relayOverFrame = () => JSON.stringify({ type: "relay-over" });
/** @param {ErrorCode} code */
export const errorFrame = (code) => JSON.stringify({ type: "error", code });

/**
 * @param {string} text
 * @returns {Record<string, unknown> | undefined}
 */
const parseObject = (text) => {
  try {
    const value = /** @type {unknown} */ (JSON.parse(text));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return /** @type {Record<string, unknown>} */ (value);
  } catch {
    // Any text may come from outside; undefined becomes "malformed" for the sender.
    return undefined;
  }
};

/**
 * @param {Record<string, unknown>} fields
 * @returns {Parsed}
 */
const parseJoin = (fields) => {
  // Before all else: a later version may have other fields, and its client should hear why it is refused.
  if (Number.isInteger(fields.version) && fields.version !== protocolVersion) return versionUnsupported;
  const { version, room, member } = fields;
  if (version !== protocolVersion || !isId(room) || !isId(member) || Object.keys(fields).length !== 4) return malformed;
  return { ok: true, frame: { type: "join", room, member } };
};

/**
 * @param {"send" | "relay"} type
 * @param {Record<string, unknown>} fields
 * @returns {Parsed}
 */
const parseSend = (type, fields) => {
  const { to, payload } = fields;
  if (!isId(to) || !isPayload(payload) || Object.keys(fields).length !== 3) return malformed;
  return { ok: true, frame: { type, to, payload } };
};

/**
 * @param {unknown} value
 * @returns {value is string}
 */
export const isId = (value) => typeof value === "string" && idPattern.test(value);

/**
 * @param {unknown} value
 * @returns {value is string}
 */
export const isPayload = (value) => typeof value === "string" && payloadPattern.test(value) && value.length % 4 !== 1;
