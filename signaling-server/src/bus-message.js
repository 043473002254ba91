// @ts-check
/**
 * What instances tell each other, as JSON text. Every message names its sender. Only instances should reach the NATS
 * server, but what comes from there is decoded strictly all the same: a stray publisher must not end the process.
 */

import { isId, isPayload } from "./protocol.js";

/**
 * `seq` counts the joins and leaves that an instance has announced: whoever finds a gap asks for a snapshot.
 * @typedef {{ type: "joined" | "left", from: string, seq: number, room: string, member: string }} Change
 * @typedef {{ type: "beat", from: string, seq: number }} Beat
 * @typedef {{ type: "ask", from: string }} Ask answered with a snapshot
 * @typedef {{ type: "bye", from: string }} Bye
 * @typedef {{ type: "snapshot", from: string, seq: number, part: number, isLast: boolean,
 *   rooms: readonly (readonly [room: string, members: readonly string[]])[] }} Snapshot
 * @typedef {{ type: "message" | "relay", from: string, room: string, sender: string, to: string, payload: string }} Message
 * @typedef {Change | Beat | Ask | Bye | Snapshot | Message} BusMessage
 */

/** Members in one part of a snapshot: well below NATS' limit of 1 MiB even when each is alone in its room. */
const maxPartMembers = 5_000;

/** @param {BusMessage} message */
export const encodeBusMessage = (message) => JSON.stringify(message);

/**
 * @param {string} text
 * @returns {BusMessage | undefined}
 */
export const decodeBusMessage = (text) => {
  const message = parse(text);
  if (message === undefined || !isId(message.from)) return undefined;
  switch (message.type) {
    case "ask":
    case "bye":
      return /** @type {Ask | Bye} */ (message);
    case "beat":
      return isCount(message.seq) ? /** @type {Beat} */ (message) : undefined;
    case "joined":
    case "left":
      return isCount(message.seq) && isId(message.room) && isId(message.member)
        ? /** @type {Change} */ (message)
        : undefined;
    case "snapshot":
      return isCount(message.seq) && isCount(message.part) && areRooms(message.rooms)
        ? /** @type {Snapshot} */ (message)
        : undefined;
    case "message":
    case "relay":
      return [message.room, message.sender, message.to].every(isId) && isPayload(message.payload)
        ? /** @type {Message} */ (message)
        : undefined;
    default:
      return undefined;
  }
};

/**
 * At least one part, so that an instance without members is known to have none.
 * @param {string} from
 * @param {number} seq
 * @param {Iterable<readonly [string, readonly string[]]>} rooms
 * @returns {Snapshot[]}
 */
export const snapshotParts = (from, seq, rooms) => {
  /** @type {[string, readonly string[]][][]} */
  const parts = [[]];
  let count = 0;
  for (const [room, members] of rooms) {
    for (let start = 0; start < members.length; start += maxPartMembers) {
      const some = members.slice(start, start + maxPartMembers);
      if (count > 0 && count + some.length > maxPartMembers) {
        parts.push([]);
        count = 0;
      }
      parts.at(-1)?.push([room, some]);
      count += some.length;
    }
  }
  return parts.map((some, part) => ({
    type: "snapshot",
    from,
    seq,
    part,
    isLast: part === parts.length - 1,
    rooms: some,
  }));
};

/**
 * @param {string} text
 * @returns {Record<string, unknown> | undefined}
 */
const parse = (text) => {
  try {
    const value = /** @type {unknown} */ (JSON.parse(text));
    return typeof value === "object" && value !== null ? /** @type {Record<string, unknown>} */ (value) : undefined;
  } catch {
    // Not from an instance; the caller counts it.
    return undefined;
  }
};

/** @param {unknown} value */
const isCount = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/** @param {unknown} rooms */
const areRooms = (rooms) =>
  Array.isArray(rooms) &&
  rooms.every(
    (room) =>
      Array.isArray(room) && room.length === 2 && isId(room[0]) && Array.isArray(room[1]) && room[1].every(isId),
  );
