/**
 * The rules about snapshots: an image in parts for a peer that holds nothing (invariant 9 of core.ts), gone on with over the
 * next link when one breaks.
 */

import type { LinkId } from "../common/ids.ts";
import { fromTheBeginning, readIfDue, setTimer, unchanged, withHeld, withLink } from "./core-links.ts";
import type { CoreState, Input, KeptImage, LinkState, Step, StreamingLink, Taking } from "./core-state.ts";
import { emptyFrontier } from "./frontier.ts";
import type { ImagePart, SnapshotMessage } from "./message.ts";

const isNextPart = (taking: Taking, { image, size, offset }: ImagePart): boolean => {
  const expected = taking.phase === "asked" ? taking.kept : taking;
  if (taking.phase === "asked" && offset === 0) return true;
  return image === expected?.image && size === expected.size && offset === expected.offset;
};

export const receivedSnapshot = (state: CoreState, id: LinkId, link: StreamingLink, message: SnapshotMessage): Step => {
  const { part } = message;
  const { taking, peer, peerEpoch } = link;
  if (taking === undefined) return { state, effects: [{ type: "disconnect", link: id, code: "SNAPSHOT_UNASKED" }] };
  if (!isNextPart(taking, part)) return { state, effects: [{ type: "disconnect", link: id, code: "SNAPSHOT_GAP" }] };

  const { image, size } = part;
  const offset = part.offset + part.bytes.length;
  const isWhole = offset === size;
  const next: StreamingLink = {
    ...withHeld(link, message.frontier),
    partial: link.partial || isWhole,
    heard: true,
    taking: isWhole ? undefined : { phase: "receiving", image, size, offset },
    peerDigest: undefined,
    sentDigest: undefined,
  };
  const received = withLink(state, id, next);
  // Another peer's was whole before.
  if (state.hadSnapshot) return isWhole ? snapshotRefused(received, id) : unchanged(received);
  return {
    state: { ...received, hadSnapshot: isWhole },
    effects: [
      { type: "take-snapshot", link: id, peer, part, cursor: { epoch: peerEpoch, position: message.to } },
      setTimer(state, "images"),
    ],
  };
};

/** What the image would have brought has to come as changes. */
export const snapshotRefused = (state: CoreState, id: LinkId): Step => {
  const link = state.links.get(id);
  if (link?.phase !== "streaming") return unchanged(state);
  const { frontier } = state;
  return {
    state: withLink(state, id, { ...link, told: frontier }),
    effects: [{ type: "send", link: id, message: { type: "rewind", frontier } }],
  };
};

export const imageRead = (state: CoreState, { link: id, pass, part }: Extract<Input, { type: "image-read" }>): Step => {
  const link = state.links.get(id);
  if (link?.phase !== "streaming") return unchanged(state);
  const idle: StreamingLink = { ...link, reading: false };
  const { giving } = link;
  if (pass !== link.pass || giving?.phase !== "sending") return readIfDue(state, id, idle);
  if (part === undefined) return readIfDue(state, id, fromTheBeginning(idle));

  const next = part.offset + part.bytes.length;
  const step = readIfDue(state, id, { ...idle, giving: { ...giving, next } });
  const message: SnapshotMessage = { type: "snapshot", to: giving.to, frontier: emptyFrontier, part };
  return {
    state: step.state,
    effects: [{ type: "send", link: id, message }, ...step.effects, setTimer(state, "images")],
  };
};

/** What is kept of an image whose link is lost. */
export const keptAfter = (state: CoreState, lost: LinkState | undefined): KeptImage | undefined => {
  if (lost?.phase !== "streaming" || lost.taking?.phase !== "receiving" || state.hadSnapshot) return state.kept;
  const { image, size, offset } = lost.taking;
  return { peer: lost.peer, epoch: lost.peerEpoch, image, size, offset };
};

/** Nobody came back for the images that no link sends or receives. */
export const elapsedImages = (state: CoreState): Step => {
  const streaming = [...state.links.values()].filter((link) => link.phase === "streaming");
  const given = streaming.flatMap(({ giving }) => (giving?.phase === "sending" ? [giving.image] : []));
  const isEmpty = state.frontier.size === 0;
  const isTaking = ({ taking }: StreamingLink): boolean =>
    taking?.phase === "receiving" || (taking?.kept !== undefined && isEmpty);
  const from = streaming.filter(isTaking).map(({ peer }) => peer);
  const again = given.length + from.length > 0 ? [setTimer(state, "images")] : [];
  return { state: { ...state, kept: undefined }, effects: [{ type: "keep-images", given, from }, ...again] };
};
