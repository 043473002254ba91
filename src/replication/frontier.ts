/**
 * What a replica holds, as a vector: site id -> highest origin version of which everything up to it is held, or is
 * outdone by something that is held.
 */

import type { SiteId } from "../common/ids.ts";

export type Frontier = ReadonlyMap<SiteId, number>;

export const emptyFrontier: Frontier = new Map();

/** Highest version of `site` that `frontier` covers; 0 when the site is unknown. */
export const versionOf = (frontier: Frontier, site: SiteId): number => frontier.get(site) ?? 0;

/** Whether `frontier` holds everything that `other` holds. */
export const covers = (frontier: Frontier, other: Frontier): boolean => {
  for (const [site, version] of other) if (versionOf(frontier, site) < version) return false;
  return true;
};

/** The larger version of each site. Answers `frontier` itself when `other` adds nothing. */
export const mergeFrontiers = (frontier: Frontier, other: Frontier): Frontier => {
  if (covers(frontier, other)) return frontier;
  const merged = new Map(frontier);
  for (const [site, version] of other) if (versionOf(frontier, site) < version) merged.set(site, version);
  return merged;
};

/** The entries of `frontier` that are above those of `base`. */
export const frontierSince = (base: Frontier, frontier: Frontier): Frontier => {
  const news = new Map<SiteId, number>();
  for (const [site, version] of frontier) if (versionOf(base, site) < version) news.set(site, version);
  return news;
};
