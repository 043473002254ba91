/** The rules about digests: when both ends of a link say that they hold the same, do they? */

import type { LinkId } from "../common/ids.ts";
import { forEachStreaming, fromTheBeginning, readIfDue, unchanged, withLink } from "./core-links.ts";
import type { CoreState, Effect, Input, LinkState, Step, StreamingLink } from "./core-state.ts";
import { digestsAgree } from "./digest.ts";
import { covers } from "./frontier.ts";
import { isInStep } from "./in-step.ts";

/** Whether both ends of the link say that they hold the same, and nothing is on its way that no frontier speaks of. */
const isIdleWith = (state: CoreState, link: LinkState): link is StreamingLink =>
  isInStep(state, link) && ![...state.links.values()].some((other) => other.phase === "streaming" && other.partial);

/** Compares when both digests of one frontier are there; reports, and offers everything once more when they differ. */
export const compareDigests = (state: CoreState, id: LinkId, link: StreamingLink): Step => {
  if (state.digest === undefined || link.peerDigest === undefined || !isIdleWith(state, link)) {
    return { state: withLink(state, id, link), effects: [] };
  }
  const agrees = digestsAgree(state.digest, link.peerDigest);
  const report: Effect = { type: "report-digest", peer: link.peer, agrees };
  if (agrees || link.repair !== "none") return { state: withLink(state, id, link), effects: [report] };
  const step = readIfDue(state, id, { ...fromTheBeginning(link), repair: "running" });
  return { state: step.state, effects: [report, ...step.effects] };
};

/**
 * Rows changed and no frontier tells of it, as after a repair: what was compared before says nothing any more, and what
 * was repaired in vain may be repaired now. It ends, since rows change only upwards in the order of merging.
 */
export const compareAnew = (state: CoreState): CoreState =>
  forEachStreaming(state, (current, id, link) => {
    const repair = link.repair === "done" ? "none" : link.repair;
    return unchanged(withLink(current, id, { ...link, repair, sentDigest: undefined }));
  }).state;

export const elapsedDigest = (state: CoreState): Step => {
  const asked = [...state.links.values()].some((link) => isIdleWith(state, link) && link.sentDigest === undefined);
  if (!asked) return unchanged(state);
  if (state.digest === undefined) return { state, effects: [{ type: "read-digest" }] };
  return digested(state, { type: "digested", frontier: state.frontier, tables: state.digest });
};

export const digested = (state: CoreState, input: Extract<Input, { type: "digested" }>): Step => {
  // Of a moment that has passed: another quiet time will bring a newer one.
  if (!covers(input.frontier, state.frontier) || !covers(state.frontier, input.frontier)) return unchanged(state);
  return forEachStreaming({ ...state, digest: input.tables }, (current, id, link) => {
    if (!isIdleWith(current, link)) return unchanged(current);
    const send: Effect[] =
      link.sentDigest === undefined
        ? [{ type: "send", link: id, message: { type: "digest", tables: input.tables } }]
        : [];
    const step = compareDigests(current, id, { ...link, sentDigest: input.tables });
    return { state: step.state, effects: [...send, ...step.effects] };
  });
};
