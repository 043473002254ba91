// @ts-check
/**
 * Who is in which room. A room exists while it has members; nothing about it is kept after the last one left.
 * Knows frames as text, not sockets.
 */

import { joinedFrame, memberJoinedFrame, memberLeftFrame, messageFrame } from "./protocol.js";

/** @typedef {(frame: string) => void} Deliver */
/**
 * @typedef {object} Membership
 * @property {(to: string, payload: string) => void} send to nobody when `to` is not in the room
 * @property {() => void} leave idempotent
 */
/** @typedef {{ ok: true, membership: Membership } | { ok: false, code: "member-taken" | "room-full" }} Joined */

/** @param {{ maxRoomMembers: number }} limits */
export const createRooms = ({ maxRoomMembers }) => {
  /** @type {Map<string, Map<string, Deliver>>} */
  const deliverByMemberByRoom = new Map();

  return {
    /**
     * Greets the newcomer with the members there are, then tells them of it.
     * @param {string} roomId
     * @param {string} member
     * @param {Deliver} deliver must not call back into the room
     * @returns {Joined}
     */
    join: (roomId, member, deliver) => {
      const room = deliverByMemberByRoom.get(roomId) ?? new Map();
      if (room.has(member)) return { ok: false, code: "member-taken" };
      if (room.size >= maxRoomMembers) return { ok: false, code: "room-full" };

      deliver(joinedFrame([...room.keys()]));
      broadcast(room, memberJoinedFrame(member));
      room.set(member, deliver);
      deliverByMemberByRoom.set(roomId, room);

      return {
        ok: true,
        membership: {
          send: (to, payload) => room.get(to)?.(messageFrame(member, payload)),
          leave: () => {
            // By identity: after leaving, the same member id may be someone else's.
            if (room.get(member) !== deliver) return;
            room.delete(member);
            if (room.size === 0) deliverByMemberByRoom.delete(roomId);
            else broadcast(room, memberLeftFrame(member));
          },
        },
      };
    },
    /** Rooms with at least one member. */
    get size() {
      return deliverByMemberByRoom.size;
    },
  };
};

/**
 * @param {ReadonlyMap<string, Deliver>} room
 * @param {string} frame
 */
const broadcast = (room, frame) => {
  for (const deliver of room.values()) deliver(frame);
};
