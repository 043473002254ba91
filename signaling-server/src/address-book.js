// @ts-check
/** How many sockets each address has open and how fast it opens new ones. Bounded: addresses at rest are forgotten. */

import { createTokenBucket } from "./limits.js";

/**
 * @param {{ limits: import("./limits.js").Limits, nowMs: () => number }} options
 */
export const createAddressBook = ({ limits, nowMs }) => {
  /** @type {Map<string, { sockets: number, connects: ReturnType<typeof createTokenBucket> }>} */
  const entryByAddress = new Map();

  const forgetAtRest = () => {
    for (const [address, entry] of entryByAddress) {
      if (entry.sockets === 0 && entry.connects.isFull()) entryByAddress.delete(address);
    }
  };

  return {
    /**
     * @param {string} address
     * @returns {(() => void) | undefined} releases the place taken, once; undefined when there is none
     */
    admit: (address) => {
      let entry = entryByAddress.get(address);
      if (entry === undefined) {
        // Amortised: the book doubles before it is swept again.
        if (entryByAddress.size >= 2 * limits.maxSockets) forgetAtRest();
        if (entryByAddress.size >= 4 * limits.maxSockets) return undefined;
        const { connectsPerSecond: perSecond, connectBurst: burst } = limits;
        entry = { sockets: 0, connects: createTokenBucket({ perSecond, burst, nowMs }) };
        entryByAddress.set(address, entry);
      }
      if (entry.sockets >= limits.maxSocketsPerAddress || !entry.connects.take(1)) return undefined;

      const admitted = entry;
      admitted.sockets += 1;
      let released = false;
      return () => {
        if (released) return;
        released = true;
        admitted.sockets -= 1;
      };
    },
    forgetAtRest,
    get size() {
      return entryByAddress.size;
    },
  };
};
