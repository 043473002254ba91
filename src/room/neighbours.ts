/**
 * Whom a member of a room links with. A small room is a full mesh. In a larger one everybody computes the same rings, in
 * which all stand in another order each, and links with the next on either side in every ring: some six links, whatever
 * the size. One ring alone would connect the room; several at random make its ways short and survive that many leave at
 * once. Pure.
 * @see https://doi.org/10.1109/INFCOM.2003.1209234
 */

import type { SiteId } from "../common/ids.ts";

export interface Candidate {
  readonly siteId: SiteId;
  readonly ringKeys: readonly string[];
  /** It cannot be linked now, as far as is known: who stands behind it in a ring is chosen as well. */
  readonly isUnfit: boolean;
}

/** Of `maxLinks` places this many are for either side of each ring: a quarter stays free for who asks. */
const placesPerRing = 8 / 3;

/** Rings of a room in which everyone has `maxLinks` places. */
const ringCount = (maxLinks: number): number => Math.max(1, Math.floor(maxLinks / placesPerRing));

/** Where a replica stands in each ring: its id, which is random, read from another digit on. */
export const ringKeysOf = (siteId: SiteId, maxLinks: number): readonly string[] =>
  Array.from({ length: ringCount(maxLinks) }, (_, ring) => {
    const start = (ring * 5) % siteId.length;
    return siteId.slice(start) + siteId.slice(0, start);
  });

/** The peers to link with: all of a room of up to `maxLinks` replicas, the neighbours in the rings of a larger one. */
export const chooseNeighbours = (
  ownKeys: readonly string[],
  peers: readonly Candidate[],
  maxLinks: number,
): ReadonlySet<SiteId> => {
  if (peers.length < maxLinks) return new Set(peers.map(({ siteId }) => siteId));
  const chosen = new Set<SiteId>();
  const fit = peers.filter(({ isUnfit }) => !isUnfit);
  ownKeys.forEach((ownKey, ring) => {
    for (const among of fit.length === peers.length ? [peers] : [peers, fit]) {
      for (const neighbour of sidesOf(ownKey, ring, among)) chosen.add(neighbour.siteId);
    }
  });
  return chosen;
};

/** The next behind and the next before `ownKey`, going round. */
const sidesOf = (ownKey: string, ring: number, peers: readonly Candidate[]): readonly Candidate[] => {
  const keyOf = (peer: Candidate): string => peer.ringKeys[ring] as string;
  const isBetween = (from: string, key: string, to: string): boolean =>
    from < to ? from < key && key < to : from < key || key < to;
  let [next] = peers;
  let [previous] = peers;
  if (next === undefined || previous === undefined) return [];
  for (const peer of peers) {
    if (isBetween(ownKey, keyOf(peer), keyOf(next))) next = peer;
    if (isBetween(keyOf(previous), keyOf(peer), ownKey)) previous = peer;
  }
  return [next, previous];
};
