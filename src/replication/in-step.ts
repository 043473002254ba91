/** When two replicas hold the same as far as they know: what status, waits and digests ask of the core's state. */

import type { SiteId } from "../common/ids.ts";
import type { CoreState, LinkState, StreamingLink } from "./core-state.ts";
import { covers, versionOf, type Frontier } from "./frontier.ts";

/** Whether the peer said that it holds everything this replica holds, and nothing is left to be read for it. */
export const isPeerCurrent = (state: CoreState, link: StreamingLink): boolean =>
  !link.behind && !link.reading && covers(link.held, state.frontier);

/** Whether, besides that, this replica holds everything the peer said that it holds, to the end of the peer's log. */
export const isInStep = (state: CoreState, link: LinkState): link is StreamingLink =>
  link.phase === "streaming" &&
  isPeerCurrent(state, link) &&
  !link.partial &&
  !link.recovering &&
  coversForeign(state, link.held);

/** Of the own writes the own log tells, not a peer: it may name versions that were lost here and replaced. */
const coversForeign = (state: CoreState, held: Frontier): boolean => {
  if (covers(state.frontier, held)) return true;
  const foreign = new Map(held);
  foreign.delete(state.own);
  return covers(state.frontier, foreign);
};

/** Whether there are linked peers, and this replica is in step with every one. */
export const isInStepWithAll = (state: CoreState): boolean =>
  state.links.size > 0 && [...state.links.values()].every((link) => isInStep(state, link));

/** How far each linked peer said that it holds what was written here. */
export const ownVersionsHeld = (state: CoreState): readonly (readonly [peer: SiteId, version: number])[] =>
  [...state.links.values()].flatMap((link) =>
    link.phase === "streaming" ? [[link.peer, versionOf(link.held, state.own)] as const] : [],
  );
