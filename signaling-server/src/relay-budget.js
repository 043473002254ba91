// @ts-check
/**
 * How much members may relay. A member spends credit that it was given and gets it back as the rates of its socket and
 * of its room allow, so that whoever keeps to it is slowed down and never refused. What was spent without credit is a
 * breach, whatever the network did to the timing.
 */

import { createTokenBucket } from "./limits.js";

/** Credit comes back in parts of the window of this size. */
const partsOfWindow = 4;

/**
 * @typedef {object} RelayBudget
 * @property {number} credit to begin with
 * @property {(cost: number) => "granted" | "overdrawn" | "over"} spend `over`: this socket has used up what it had in all
 * @property {() => void} close no callback follows
 */

/**
 * @param {object} options
 * @param {import("./limits.js").Limits} options.limits
 * @param {import("./server.js").ServerClock} options.clock
 */
export const createRelayBudgets = ({ limits, clock }) => {
  const { relayWindowBytes, relayBytesPerSecond, relayRoomBytesPerSecond, relayMaxBytes } = limits;
  const { nowMs } = clock;
  const part = Math.floor(relayWindowBytes / partsOfWindow);
  /** @type {Map<string, { bucket: ReturnType<typeof createTokenBucket>, sockets: number }>} */
  const rateByRoom = new Map();

  /** @param {string} room */
  const shareRate = (room) => {
    const rate = rateByRoom.get(room) ?? {
      bucket: createTokenBucket({ perSecond: relayRoomBytesPerSecond, burst: relayWindowBytes, nowMs }),
      sockets: 0,
    };
    rate.sockets += 1;
    rateByRoom.set(room, rate);
    return rate.bucket;
  };

  /** @param {string} room */
  const releaseRate = (room) => {
    const rate = rateByRoom.get(room);
    if (rate === undefined) return;
    rate.sockets -= 1;
    if (rate.sockets === 0) rateByRoom.delete(room);
  };

  return {
    /**
     * @param {string} room
     * @param {{ onCredit: (amount: number) => void, onOver: () => void }} listeners
     * @returns {RelayBudget}
     */
    open: (room, { onCredit, onOver }) => {
      const own = createTokenBucket({ perSecond: relayBytesPerSecond, burst: relayWindowBytes, nowMs });
      /** @type {ReturnType<typeof createTokenBucket> | undefined} most members never relay */
      let shared;
      let credit = relayWindowBytes;
      let owed = 0;
      let inAll = 0;
      let isOver = false;
      /** @type {(() => void) | undefined} */
      let cancelTimer;

      const giveBack = () => {
        cancelTimer = undefined;
        owed -= part;
        credit += part;
        onCredit(part);
        giveBackLater();
      };

      const giveBackLater = () => {
        if (cancelTimer !== undefined || owed < part || isOver) return;
        shared ??= shareRate(room);
        cancelTimer = clock.setTimer(Math.max(own.reserve(part), shared.reserve(part)), giveBack);
      };

      return {
        credit,
        spend: (cost) => {
          if (cost > credit) return "overdrawn";
          credit -= cost;
          if (isOver) return "over";
          owed += cost;
          inAll += cost;
          if (inAll > relayMaxBytes) {
            isOver = true;
            cancelTimer?.();
            onOver();
            return "over";
          }
          giveBackLater();
          return "granted";
        },
        close: () => {
          cancelTimer?.();
          cancelTimer = undefined;
          isOver = true;
          if (shared !== undefined) releaseRate(room);
        },
      };
    },
    /** Rooms whose rate is shared at present. */
    get roomCount() {
      return rateByRoom.size;
    },
  };
};

/** @typedef {ReturnType<typeof createRelayBudgets>} RelayBudgets */
