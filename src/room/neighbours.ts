/** Whom a member of a large room links with, so that the links of all hold the room together. Pure. */

import type { SiteId } from "../common/ids.ts";

/** The next of `peers` on either side of `self` in the ring of ids; one or none in a room that small. */
export const nearestInRing = (self: SiteId, peers: readonly SiteId[]): ReadonlySet<SiteId> => {
  const ring = [self, ...peers].sort();
  const at = ring.indexOf(self);
  const near = new Set([ring.at(at - 1), ring[(at + 1) % ring.length]].filter((id) => id !== undefined));
  near.delete(self);
  return near;
};
