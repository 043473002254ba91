/** Which broadcasts were met already, so that each is told and passed on once. Bounded: the oldest are forgotten. */

import type { PresenceId } from "./note.ts";

/** Forgotten ones could come again only after as many others, and hops bound how far they get. */
export const maxSeenBroadcasts = 4_096;

export interface SeenBroadcasts {
  /** @returns whether it is new */
  add(id: PresenceId, number: number): boolean;
}

export const createSeenBroadcasts = (): SeenBroadcasts => {
  const seen = new Set<string>();

  return {
    add: (id, number) => {
      const key = `${id} ${number}`;
      if (seen.has(key)) return false;
      seen.add(key);
      for (const oldest of seen) {
        if (seen.size <= maxSeenBroadcasts) break;
        seen.delete(oldest);
      }
      return true;
    },
  };
};
