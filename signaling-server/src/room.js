// @ts-check
/**
 * Who is in which room, on this instance and on others. A room exists while it has members; nothing about it is kept
 * after the last one left. Knows frames as text, not sockets; who is elsewhere is for the bus to tell.
 */

import { memberJoinedFrame, memberLeftFrame, messageFrame, relayFrame } from "./protocol.js";

/** @typedef {(frame: string, isRelayed?: boolean) => void} Deliver what is relayed may be dropped for a slow reader */
/**
 * @typedef {object} Membership
 * @property {(to: string, payload: string) => void} send to nobody when `to` is not in the room
 * @property {(to: string, payload: string) => void} relay likewise
 * @property {() => boolean} leave idempotent; answers whether it was still in
 */
/**
 * @typedef {{ ok: true, members: readonly string[], membership: Membership }
 *   | { ok: false, code: "member-taken" | "room-full" }} Joined `members` are the others
 */
/**
 * Where a member can be reached: `tell` of those who come and go, `hand` it what another member sent, or relayed.
 * @typedef {(from: string, payload: string) => void} Hand
 * @typedef {{ isHere: boolean, tell: Deliver, hand: Hand, handRelayed: Hand }} Place
 */

/** @param {{ maxRoomMembers: number }} limits */
export const createRooms = ({ maxRoomMembers }) => {
  /** @type {Map<string, Map<string, Place>>} */
  const placeByMemberByRoom = new Map();
  let membersHere = 0;

  /**
   * @param {string} roomId
   * @param {string} member not in the room
   * @param {Place} place must not call back into the room
   * @returns {() => boolean} leaves
   */
  const enter = (roomId, member, place) => {
    const room = placeByMemberByRoom.get(roomId) ?? new Map();
    broadcast(room, memberJoinedFrame(member));
    room.set(member, place);
    placeByMemberByRoom.set(roomId, room);
    if (place.isHere) membersHere += 1;

    return () => {
      // By identity: after leaving, the same member id may be someone else's.
      if (room.get(member) !== place) return false;
      room.delete(member);
      if (place.isHere) membersHere -= 1;
      if (room.size === 0) placeByMemberByRoom.delete(roomId);
      else broadcast(room, memberLeftFrame(member));
      return true;
    };
  };

  return {
    /**
     * Tells the others of the newcomer; greeting it with `members` is for the caller, before anything else is delivered.
     * @param {string} roomId
     * @param {string} member
     * @param {Deliver} deliver
     * @returns {Joined}
     */
    join: (roomId, member, deliver) => {
      const room = placeByMemberByRoom.get(roomId);
      if (room?.has(member)) return { ok: false, code: "member-taken" };
      if (room !== undefined && room.size >= maxRoomMembers) return { ok: false, code: "room-full" };
      const members = [...(room?.keys() ?? [])];
      /** @type {Place} */
      const place = {
        isHere: true,
        tell: deliver,
        hand: (from, payload) => deliver(messageFrame(from, payload)),
        handRelayed: (from, payload) => deliver(relayFrame(from, payload), true),
      };
      const leave = enter(roomId, member, place);
      return {
        ok: true,
        members,
        membership: {
          send: (to, payload) => placeByMemberByRoom.get(roomId)?.get(to)?.hand(member, payload),
          relay: (to, payload) => placeByMemberByRoom.get(roomId)?.get(to)?.handRelayed(member, payload),
          leave,
        },
      };
    },
    /**
     * A member of another instance, which has let it in: the limit is not asked again. Nothing happens when the id is
     * taken, which no honest client's is.
     * @param {string} roomId
     * @param {string} member
     * @param {Hand} hand
     * @param {Hand} handRelayed
     * @returns {() => void} leaves; idempotent
     */
    joinElsewhere: (roomId, member, hand, handRelayed) => {
      if (placeByMemberByRoom.get(roomId)?.has(member)) return () => {};
      return enter(roomId, member, { isHere: false, tell: () => {}, hand, handRelayed });
    },
    /**
     * Hands what a member elsewhere sent to a member here, if it is still here.
     * @param {string} roomId
     * @param {{ type: "message" | "relay", from: string, to: string, payload: string }} message
     */
    handHere: (roomId, { type, from, to, payload }) => {
      const place = placeByMemberByRoom.get(roomId)?.get(to);
      if (!place?.isHere) return;
      if (type === "relay") place.handRelayed(from, payload);
      else place.hand(from, payload);
    },
    /** Room by room, the members of this instance. */
    *here() {
      for (const [roomId, room] of placeByMemberByRoom) {
        const members = [...room].flatMap(([member, { isHere }]) => (isHere ? [member] : []));
        if (members.length > 0) yield /** @type {const} */ ([roomId, members]);
      }
    },
    /** Rooms with at least one member, here or elsewhere. */
    get size() {
      return placeByMemberByRoom.size;
    },
    /** Members of this instance. */
    get memberCount() {
      return membersHere;
    },
  };
};

/** @typedef {ReturnType<typeof createRooms>} Rooms */

/**
 * @param {ReadonlyMap<string, Place>} room
 * @param {string} frame
 */
const broadcast = (room, frame) => {
  for (const place of room.values()) place.tell(frame);
};
