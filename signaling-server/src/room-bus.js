// @ts-check
/**
 * The port through which sessions reach the members of their room, wherever those are connected. This file has the
 * adapter for one instance alone; nats-bus.js has the one for several.
 */

import { createRooms } from "./room.js";

/**
 * @typedef {object} RoomBus
 * @property {() => void} start looks for other instances; returns at once and keeps trying
 * @property {(roomId: string, member: string, deliver: import("./room.js").Deliver) => import("./room.js").Joined} join
 * @property {boolean} ready whether members on other instances can be reached
 * @property {number} instanceCount this one included
 * @property {number} roomCount rooms that this instance knows of
 * @property {number} memberCount members on this instance
 * @property {() => Promise<void>} close tells other instances goodbye; never rejects, takes a second at most
 */

/**
 * @param {{ maxRoomMembers: number }} limits
 * @returns {RoomBus}
 */
export const createLocalBus = (limits) => {
  const rooms = createRooms(limits);
  return {
    start: () => {},
    join: rooms.join,
    ready: true,
    instanceCount: 1,
    get roomCount() {
      return rooms.size;
    },
    get memberCount() {
      return rooms.memberCount;
    },
    close: async () => {},
  };
};
