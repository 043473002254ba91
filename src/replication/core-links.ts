/** What the rules of the core have in common: changing one link's state, and starting what is due for it. */

import type { LinkId } from "../common/ids.ts";
import type { CoreState, Effect, LinkState, Step, StreamingLink, TimerName } from "./core-state.ts";
import { emptyFrontier, frontierSince, mergeFrontiers, type Frontier } from "./frontier.ts";

export const withLink = (state: CoreState, id: LinkId, link: LinkState): CoreState => ({
  ...state,
  links: new Map(state.links).set(id, link),
});

export const unchanged = (state: CoreState): Step => ({ state, effects: [] });

/** Applies `change` to every streaming link and collects the effects. */
export const forEachStreaming = (
  state: CoreState,
  change: (state: CoreState, id: LinkId, link: StreamingLink) => Step,
): Step => {
  const effects: Effect[] = [];
  let current = state;
  for (const [id, link] of state.links) {
    if (link.phase !== "streaming") continue;
    const step = change(current, id, link);
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects };
};

/** The link as its peer says that it holds `frontier`. */
export const withHeld = (link: StreamingLink, frontier: Frontier): StreamingLink => {
  if (link.heldAfterwards === undefined) return { ...link, held: mergeFrontiers(link.held, frontier) };
  const foreign = new Map(frontier);
  foreign.delete(link.peer);
  return {
    ...link,
    held: mergeFrontiers(link.held, foreign),
    heldAfterwards: mergeFrontiers(link.heldAfterwards, frontier),
  };
};

/** What the peer of `link` is to be told of `frontier`, and what it was told then. */
export const tell = (
  state: CoreState,
  link: StreamingLink,
  frontier: Frontier,
): { readonly news: Frontier; readonly told: Frontier } => {
  const news = new Map(frontierSince(link.told, frontier));
  if (link.recovering) news.delete(state.own);
  return { news, told: mergeFrontiers(link.told, news) };
};

/** Starts a read when one is due and allowed (invariants 4 and 9). */
export const readIfDue = (state: CoreState, id: LinkId, link: StreamingLink): Step => {
  const { giving } = link;
  const nothing: Step = { state: withLink(state, id, link), effects: [] };
  if (link.reading || link.congested) return nothing;
  if (giving?.phase === "sending") {
    if (giving.next === giving.size) return nothing;
    const { image, next: offset } = giving;
    return {
      state: withLink(state, id, { ...link, reading: true }),
      effects: [{ type: "read-image", link: id, pass: link.pass, image, offset }],
    };
  }
  if (!link.behind) return nothing;
  const mayBeImage = giving !== undefined && link.position === 0 && link.repair === "none";
  return {
    state: withLink(state, id, { ...link, reading: true, behind: false, offerDue: false, giving: undefined }),
    effects: [
      {
        type: "read-changes",
        link: id,
        pass: link.pass,
        after: link.position,
        quarantineAfter: link.quarantinePosition,
        known: link.repair === "running" ? emptyFrontier : link.held,
        mayBeImage,
        ...(mayBeImage && giving.resume !== undefined ? { resume: giving.resume } : {}),
      },
    ],
  };
};

export const setTimer = (state: CoreState, timer: TimerName): Effect => ({
  type: "set-timer",
  timer,
  afterMs: state.delays[`${timer}DelayMs`],
});

/** The link with the whole log before it again. */
export const fromTheBeginning = (link: StreamingLink): StreamingLink => ({
  ...link,
  position: 0,
  quarantinePosition: 0,
  pass: link.pass + 1,
  stored: 0,
  giving: undefined,
  behind: true,
  peerDigest: undefined,
  sentDigest: undefined,
});
