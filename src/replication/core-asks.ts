/**
 * The rules about asking: who hears of something that it lacks asks one of those that hold it, so that it comes once.
 * What its author will send by itself is waited for first; an answer that does not come is looked for elsewhere.
 */

import type { LinkId, SiteId } from "../common/ids.ts";
import { forEachStreaming, readIfDue, setTimer, tell, unchanged, withLink } from "./core-links.ts";
import type { CoreState, Effect, KeptImage, Step, StreamingLink, Taking } from "./core-state.ts";
import { covers, emptyFrontier, frontierSince, mergeFrontiers, versionOf, type Frontier } from "./frontier.ts";

/** Peers that a snapshot is taken from at once: the second one when the first does not go on. */
const mostDonors = 2;

interface Candidate {
  readonly id: LinkId;
  readonly link: StreamingLink;
  /** What the peer holds, is lacked here and is not on its way. */
  readonly lacked: Frontier;
  /** Of that, what nobody will send unasked. */
  readonly wanted: Frontier;
}

/** Own versions that a peer names and we do not are lost writes: they come back by `rewind`. */
const lackedFrom = (state: CoreState, link: StreamingLink): Frontier => {
  const lacked = new Map(frontierSince(mergeFrontiers(state.frontier, state.arriving), link.held));
  lacked.delete(state.own);
  return lacked;
};

const candidates = (state: CoreState, overdue: Frontier): readonly Candidate[] => {
  const streaming = [...state.links].filter(
    (entry): entry is [LinkId, StreamingLink] => entry[1].phase === "streaming",
  );
  const linked = new Set<SiteId>(streaming.map(([, link]) => link.peer));
  return streaming.map(([id, link]) => {
    const lacked = lackedFrom(state, link);
    // A linked author sends by itself, or says that it waits to be asked.
    const isComing = (site: SiteId): boolean => site !== link.peer && linked.has(site);
    const wanted = [...lacked].filter(([site, version]) => !isComing(site) || version <= versionOf(overdue, site));
    return { id, link, lacked, wanted: new Map(wanted) };
  });
};

/** Asks one peer for everything that it holds and we lack, when no other answer is being waited for (invariant 8). */
export const askIfDue = (state: CoreState, overdue: Frontier = emptyFrontier): Step => {
  const answered = forEachStreaming(state, (current, id, link) => {
    if (link.asked === undefined || !covers(current.frontier, link.asked)) return unchanged(current);
    return { state: withLink(current, id, { ...link, asked: undefined, passedOver: 0 }), effects: [] };
  }).state;
  if ([...answered.links.values()].some((link) => link.phase === "streaming" && link.asked !== undefined)) {
    return unchanged(answered);
  }

  const all = candidates(answered, overdue);
  const best = all
    .filter(({ wanted }) => wanted.size > 0)
    .sort((a, b) => a.link.passedOver - b.link.passedOver || b.lacked.size - a.lacked.size)[0];
  if (best === undefined) {
    const awaits = all.some(({ lacked }) => lacked.size > 0);
    return { state: answered, effects: awaits ? [setTimer(answered, "relay")] : [] };
  }
  const { news, told } = tell(answered, best.link, answered.frontier);
  const { isEmpty, kept } = snapshotFrom(answered, best.link);
  const taking: Taking | undefined = isEmpty ? { phase: "asked", kept } : best.link.taking;
  const link: StreamingLink = { ...best.link, told, sentDigest: undefined, asked: best.lacked, heard: true, taking };
  const resume = kept === undefined ? {} : { resume: { image: kept.image, offset: kept.offset } };
  return {
    state: withLink(answered, best.id, link),
    effects: [
      { type: "send", link: best.id, message: { type: "want", isEmpty, ...resume, frontier: news } },
      setTimer(answered, "patience"),
    ],
  };
};

/** Whether the peer of `link` is to know that this replica holds nothing, and what came of an image of its (invariant 9). */
const snapshotFrom = (
  state: CoreState,
  { taking, peer, peerEpoch }: StreamingLink,
): { readonly isEmpty: boolean; readonly kept: KeptImage | undefined } => {
  const donors = [...state.links.values()].filter((link) => link.phase === "streaming" && link.taking !== undefined);
  const isEmpty = !state.hadSnapshot && state.frontier.size === 0 && taking === undefined && donors.length < mostDonors;
  const isHis = isEmpty && state.kept?.peer === peer && state.kept.epoch === peerEpoch;
  return { isEmpty, kept: isHis ? state.kept : undefined };
};

/** What authors were to send by itself and was lacked all this time is asked for, and what no frontier names is offered. */
export const elapsedRelay = (state: CoreState): Step => {
  const offers = forEachStreaming(state, (current, id, link) =>
    link.offerDue ? readIfDue(current, id, { ...link, offerDue: false, behind: true }) : unchanged(current),
  );
  const asks = askIfDue(offers.state, state.overdue);
  const lacked = candidates(asks.state, emptyFrontier).reduce(
    (all, candidate) => mergeFrontiers(all, candidate.lacked),
    emptyFrontier,
  );
  return { state: { ...asks.state, overdue: lacked }, effects: [...offers.effects, ...asks.effects] };
};

/** A peer that was asked and said nothing since is passed over: a slow peer holds up nobody else. */
export const elapsedPatience = (state: CoreState): Step => {
  const effects: Effect[] = [];
  const waiting = forEachStreaming(state, (current, id, link) => {
    if (link.asked === undefined) return unchanged(current);
    if (link.heard) {
      effects.push(setTimer(current, "patience"));
      return { state: withLink(current, id, { ...link, heard: false }), effects: [] };
    }
    const passedOver = link.passedOver + 1;
    return { state: withLink(current, id, { ...link, asked: undefined, passedOver }), effects: [] };
  }).state;
  const asks = askIfDue(waiting, waiting.overdue);
  return { state: asks.state, effects: [...effects, ...asks.effects] };
};
