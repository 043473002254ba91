/**
 * The replication core: what to send, what to apply, when. A function from a state and a fact to a new state and orders;
 * no timers, clock, randomness, sockets or promises. src/replicator.ts carries the orders out.
 *
 * A replica's log is its changes by local version. Each link exchanges `hello`, then each side streams its log from where
 * the other stopped reading, less what the other's frontier already covers.
 *
 * Invariants, cited by number where they are kept:
 * 1. A frontier entry (S, v) of a replica means: of every change of S up to v, this replica holds it or one that wins
 *    over it. So a frontier grows only by own writes and by stretches that reached the end of the sender's log: in the
 *    middle of a log, a change may have moved behind the place that was read, and the log's end is where it is.
 * 2. Rows, the cursor that says they were read, and the frontier that they complete are stored in one transaction.
 * 3. What a link was told never exceeds what this replica held when the next stretch for that link is read. It holds
 *    because facts from the database arrive here in the order in which the database brought them about, and a link
 *    keeps the order of what it is told.
 * 4. At most one read per link is under way, and none while the link has no room: a slow peer slows only itself.
 * 5. Own writes are sent at once to every linked peer that is known to hold everything else; the others are told of
 *    them. What came from elsewhere is told and sent when asked for. Nothing is sent that the peer's frontier covers.
 * 6. Versions are never used twice, also after the end of the log was lost: every opening of the database leaves a gap. A
 *    peer whose frontier names a version in a gap holds writes that were lost here; they are asked back (`rewind`).
 *    A version beyond all that was ever given away here is of another replica with the same id, a copy of this one that
 *    lives: this replica takes a new id (`renew-identity`), and begins anew with all its own writes under it.
 * 7. Nothing but `hello` is accepted first, and `hello` only once.
 * 8. At most one peer is asked at a time, and none for what is on its way, so that everything comes once. An author that
 *    is linked, and a peer that was asked, are waited for only so long.
 * 9. A snapshot is sent only to who said that it holds nothing, and taken only by who did, who says so to two at most. It
 *    claims nothing: the stretch that follows does, which is not read before the peer said what became of the snapshot.
 */

import type { LinkId } from "../common/ids.ts";
import { compareAnew, compareDigests, digested, elapsedDigest } from "./core-digest.ts";
import { askIfDue, elapsedPatience, elapsedRelay } from "./core-asks.ts";
import { elapsedImages, imageRead, keptAfter, receivedSnapshot, snapshotRefused } from "./core-snapshots.ts";
import {
  forEachStreaming,
  fromTheBeginning,
  readIfDue,
  setTimer,
  tell,
  unchanged,
  withHeld,
  withLink,
} from "./core-links.ts";
import type { CoreState, Effect, Giving, GreetingLink, Input, Step, StreamingLink, TimerName } from "./core-state.ts";
import { covers, emptyFrontier, frontierSince, mergeFrontiers, versionOf, type Frontier } from "./frontier.ts";
import { receivedSchema, schemaRead, sentUnknown } from "./core-schema.ts";
import { relateSchemas } from "./schema-stamp.ts";
import type { Changes, Hello, Message, Progress, SnapshotMessage, Want } from "./message.ts";

/** The frontier moved or may have: digests are stale, and a quiet time starts anew. */
const moved = (state: CoreState, frontier: Frontier): CoreState => ({
  ...state,
  frontier: mergeFrontiers(state.frontier, frontier),
  digest: undefined,
});

const opened = (state: CoreState, input: Extract<Input, { type: "opened" }>): Step => {
  const next = { ...state, frontier: mergeFrontiers(state.frontier, input.frontier) };
  const hello: Hello = {
    type: "hello",
    frontier: next.frontier,
    schema: next.schema,
    ...(input.cursor === undefined ? {} : { cursor: input.cursor }),
  };
  const link: GreetingLink = {
    phase: "greeting",
    peer: input.peer,
    peerEpoch: input.peerEpoch,
    told: next.frontier,
    congested: false,
  };
  return { state: withLink(next, input.link, link), effects: [{ type: "send", link: input.link, message: hello }] };
};

const greeted = (
  state: CoreState,
  id: LinkId,
  link: GreetingLink,
  hello: Hello,
  { resumeAt = 0, lostAfter }: Pick<Extract<Input, { type: "received" }>, "resumeAt" | "lostAfter">,
): Step => {
  // A peer that lacks something asks: it may have it from another by the time.
  const isInStep = covers(hello.frontier, state.frontier);
  const streaming: StreamingLink = {
    ...link,
    phase: "streaming",
    peerSchema: hello.schema,
    schemaRelation: relateSchemas(state.schema, hello.schema),
    held: hello.frontier,
    heldAfterwards: undefined,
    unfinished: false,
    position: resumeAt,
    quarantinePosition: 0,
    pass: 0,
    recovering: false,
    reading: false,
    behind: isInStep,
    offerDue: true,
    asked: undefined,
    heard: false,
    passedOver: 0,
    rest: 0,
    stored: resumeAt,
    taken: 0,
    toldTaken: 0,
    partial: false,
    giving: undefined,
    taking: undefined,
    peerDigest: undefined,
    sentDigest: undefined,
    repair: "none",
  };
  const report: Effect = { type: "report-schema", peer: link.peer, relation: streaming.schemaRelation };
  if (lostAfter === undefined) {
    const step = readIfDue(state, id, streaming);
    const asks = askIfDue(step.state);
    return { state: asks.state, effects: [report, ...step.effects, ...asks.effects, setTimer(state, "digest")] };
  }
  const step = askBack(state, id, { ...streaming, behind: true }, lostAfter);
  return { state: step.state, effects: [report, ...step.effects] };
};

/** Invariant 6: everything that came after `lostAfter`, while nothing is said of what was written since. */
const askBack = (state: CoreState, id: LinkId, link: StreamingLink, lostAfter: number): Step => {
  const frontier = new Map(link.told).set(state.own, lostAfter);
  const step = readIfDue(state, id, { ...link, recovering: true, told: frontier });
  return {
    state: step.state,
    effects: [{ type: "send", link: id, message: { type: "rewind", frontier } }, ...step.effects],
  };
};

const receivedChanges = (state: CoreState, id: LinkId, link: StreamingLink, changes: Changes): Step => {
  const next: StreamingLink = {
    ...withHeld(link, changes.frontier),
    partial: !changes.complete,
    heard: true,
    // In the middle of an image they mean that it is gone.
    taking: link.taking?.phase === "receiving" ? undefined : link.taking,
    peerDigest: undefined,
    sentDigest: undefined,
  };
  // Invariant 1: only the end of the sender's log completes what the sender holds.
  const held = mergeFrontiers(next.held, next.heldAfterwards ?? emptyFrontier);
  const claims = changes.complete ? frontierSince(state.frontier, held) : emptyFrontier;
  return {
    state: withLink({ ...state, arriving: mergeFrontiers(state.arriving, claims) }, id, next),
    effects: [
      {
        type: "apply-changes",
        link: id,
        peer: link.peer,
        groups: changes.groups,
        cursor: { epoch: link.peerEpoch, position: changes.to },
        complete: changes.complete,
        claims,
      },
    ],
  };
};

const receivedProgress = (state: CoreState, id: LinkId, link: StreamingLink, message: Progress | Want): Step => {
  const heard = withHeld(link, message.frontier);
  const isDue = message.type === "want" || (link.offerDue && covers(heard.held, state.frontier));
  const { giving } = link;
  const isGiven = giving?.phase === "sending" && giving.next === giving.size;
  const isTaken = isGiven && message.type === "progress" && message.taken >= giving.to;
  const isDueToGive = giving === undefined && message.type === "want" && message.isEmpty;
  const step = readIfDue(state, id, {
    ...heard,
    peerDigest: undefined,
    behind: link.behind || isDue,
    stored: message.type === "progress" ? Math.max(link.stored, message.taken) : link.stored,
    giving: isTaken ? undefined : isDueToGive ? { phase: "due", resume: message.resume } : giving,
  });
  const asks = askIfDue(step.state);
  return { state: asks.state, effects: [...step.effects, ...asks.effects, setTimer(state, "digest")] };
};

/** Whether no write here can have had the version. */
const isBeyond = (state: CoreState, version: number): boolean =>
  version > state.reservedTo && version > versionOf(state.frontier, state.own);

const received = (state: CoreState, input: Extract<Input, { type: "received" }>): Step => {
  const link = state.links.get(input.link);
  if (link === undefined) return unchanged(state);
  const { message } = input;

  // Invariant 6.
  if ("frontier" in message && isBeyond(state, versionOf(message.frontier, state.own))) {
    return { state, effects: [{ type: "renew-identity" }] };
  }
  // Invariant 7.
  if (link.phase === "greeting") {
    if (message.type !== "hello") {
      return { state, effects: [{ type: "disconnect", link: input.link, code: "HELLO_EXPECTED" }] };
    }
    return greeted(state, input.link, link, message, input);
  }
  const step = receivedLater(state, input.link, link, message);
  // The peer had them from another: it named none of them when it greeted.
  const { lostAfter } = input;
  const isNews = "frontier" in message && versionOf(message.frontier, state.own) > versionOf(link.held, state.own);
  const after = step.state.links.get(input.link);
  if (lostAfter === undefined || !isNews || after?.phase !== "streaming") return step;
  const asked = askBack(step.state, input.link, after, lostAfter);
  return { state: asked.state, effects: [...step.effects, ...asked.effects] };
};

const receivedLater = (state: CoreState, id: LinkId, link: StreamingLink, message: Message): Step => {
  switch (message.type) {
    case "hello":
      return { state, effects: [{ type: "disconnect", link: id, code: "HELLO_TWICE" }] };
    case "changes":
      return receivedChanges(state, id, link, message);
    case "progress":
    case "want":
      return receivedProgress(state, id, link, message);
    case "digest":
      return compareDigests(state, id, { ...link, peerDigest: message.tables });
    case "schema":
      return receivedSchema(state, id, link, message.schema);
    case "snapshot":
      return receivedSnapshot(state, id, link, message);
    case "rewind":
      return readIfDue(state, id, {
        ...fromTheBeginning(link),
        held: message.frontier,
        heldAfterwards: emptyFrontier,
        asked: undefined,
      });
  }
};

const read = (state: CoreState, input: Extract<Input, { type: "read" }>): Step => {
  const { stretch } = input;
  const grown = covers(state.frontier, stretch.frontier) ? state : moved(state, stretch.frontier);
  const link = grown.links.get(input.link);
  if (link?.phase !== "streaming") return unchanged(grown);

  // The log was begun anew during the read: this stretch will come again.
  if (input.pass !== link.pass) return readIfDue(grown, input.link, { ...link, reading: false });

  const next: StreamingLink = {
    ...link,
    reading: false,
    behind: link.behind || !stretch.complete,
    position: stretch.to,
    quarantinePosition: stretch.quarantineTo,
    rest: stretch.rest,
    repair: link.repair === "running" && stretch.complete ? "done" : link.repair,
    ...(stretch.complete && link.heldAfterwards !== undefined
      ? { held: mergeFrontiers(link.held, link.heldAfterwards), heldAfterwards: undefined }
      : {}),
  };
  const { part } = input;
  const isEnd = stretch.complete && (link.unfinished || !covers(link.held, stretch.frontier));
  if (part === undefined && stretch.groups.length === 0 && !isEnd) {
    // Neither were digests compared nor was the peer asked while its lost writes were read.
    const step = readIfDue(grown, input.link, next);
    const asks = askIfDue(step.state);
    return { state: asks.state, effects: [...step.effects, ...asks.effects, setTimer(grown, "digest")] };
  }

  const { news, told } = tell(grown, link, stretch.frontier);
  const { to, complete, groups } = stretch;
  const message: Changes | SnapshotMessage =
    part === undefined
      ? { type: "changes", to, complete, frontier: news, groups }
      : { type: "snapshot", to, frontier: news, part };
  const giving: Giving | undefined =
    part === undefined
      ? link.giving
      : { phase: "sending", image: part.image, size: part.size, to, next: part.offset + part.bytes.length };
  const step = readIfDue(grown, input.link, {
    ...next,
    told,
    giving,
    unfinished: !complete,
    sentDigest: undefined,
    peerDigest: undefined,
  });
  const asks = askIfDue(step.state);
  return {
    state: asks.state,
    effects: [
      { type: "send", link: input.link, message },
      ...step.effects,
      ...asks.effects,
      setTimer(grown, part === undefined ? "digest" : "images"),
    ],
  };
};

/** Rows that no frontier speaks of came over `source`: nobody will ask for them, so they are offered. */
const offerLater = (state: CoreState, source: LinkId): Step => {
  const marked = forEachStreaming(state, (current, id, link) =>
    id === source ? unchanged(current) : { state: withLink(current, id, { ...link, offerDue: true }), effects: [] },
  ).state;
  return { state: marked, effects: [setTimer(marked, "relay")] };
};

const applied = (state: CoreState, input: Extract<Input, { type: "applied" }>): Step => {
  const frontierGrew = !covers(state.frontier, input.frontier);
  const changed = input.grew || frontierGrew;
  let next = changed ? moved(state, input.frontier) : state;
  if (input.grew && !frontierGrew) next = compareAnew(next);
  const effects: Effect[] = [setTimer(next, "digest")];
  if (input.unknown === true) {
    const told = sentUnknown(next, input.link);
    next = told.state;
    effects.push(...told.effects);
  }
  let source = next.links.get(input.link);
  if (source?.phase === "streaming") {
    source = { ...source, taken: input.position };
    next = withLink(next, input.link, source);
  }
  if (source?.phase === "streaming" && source.recovering && input.complete) {
    // What came back are new own writes, which the peer must hear of under their new versions.
    const reading = readIfDue(next, input.link, { ...source, recovering: false, behind: true });
    next = reading.state;
    effects.push(...reading.effects);
  }
  const isTold = [...next.links.values()].every((link) => covers(link.told, next.frontier));
  // The end of a log is acknowledged by what it completes.
  if (!isTold || !input.complete) effects.push(setTimer(next, "progress"));
  const asks = askIfDue(next);
  effects.push(...asks.effects);
  // The middle of a log is not passed on: whoever lacks it is most likely reading it from the same peer.
  if (!input.grew || !input.complete || frontierGrew) return { state: asks.state, effects };
  const offer = offerLater(asks.state, input.link);
  return { state: offer.state, effects: [...effects, ...offer.effects] };
};

/** Whether the peer is known to hold all that came from elsewhere, so that an own write is all it lacks. */
const lacksOnlyOwn = (state: CoreState, link: StreamingLink): boolean =>
  [...state.frontier].every(([site, version]) => site === state.own || versionOf(link.held, site) >= version);

const committed = (state: CoreState): Step => {
  let isForAll = true;
  const step = forEachStreaming({ ...state, digest: undefined }, (current, id, link) => {
    if (lacksOnlyOwn(current, link)) return readIfDue(current, id, { ...link, behind: true });
    // With it would go what the peer most likely has on its way: it is told, and asks (invariant 5).
    isForAll = false;
    return unchanged(current);
  });
  const announcement: Effect[] = isForAll ? [] : [{ type: "read-frontier" }];
  return { state: step.state, effects: [...step.effects, ...announcement, setTimer(state, "digest")] };
};

const frontierRead = (state: CoreState, frontier: Frontier): Step =>
  tellEveryone(covers(state.frontier, frontier) ? state : moved(state, frontier));

const tellEveryone = (state: CoreState): Step => {
  const step = forEachStreaming(state, (current, id, link) => {
    const { news, told } = tell(current, link, current.frontier);
    const { taken } = link;
    if (news.size === 0 && (taken === link.toldTaken || !link.partial)) return unchanged(current);
    return {
      state: withLink(current, id, { ...link, told, toldTaken: taken, sentDigest: undefined }),
      effects: [{ type: "send", link: id, message: { type: "progress", taken, frontier: news } }],
    };
  });
  // Whoever is told forgets the digest that it was sent before.
  return step.effects.length === 0 ? step : { ...step, effects: [...step.effects, setTimer(state, "digest")] };
};

const elapsed = (state: CoreState, timer: TimerName): Step => {
  switch (timer) {
    case "relay":
      return elapsedRelay(state);
    case "patience":
      return elapsedPatience(state);
    case "progress":
      return tellEveryone(state);
    case "digest":
      return elapsedDigest(state);
    case "images":
      return elapsedImages(state);
  }
};

/** Of a large answer over a slow link the parts tell that it is coming. */
const arriving = (state: CoreState, id: LinkId): Step => {
  const link = state.links.get(id);
  if (link?.phase !== "streaming" || link.heard) return unchanged(state);
  return { state: withLink(state, id, { ...link, heard: true }), effects: [] };
};

const roomChanged = (state: CoreState, id: LinkId, congested: boolean): Step => {
  const link = state.links.get(id);
  if (link === undefined) return unchanged(state);
  // A hello may fill the link already.
  if (link.phase === "greeting") return unchanged(withLink(state, id, { ...link, congested }));
  return readIfDue(state, id, { ...link, congested });
};

const lost = (state: CoreState, id: LinkId): Step => {
  const link = state.links.get(id);
  const links = new Map(state.links);
  links.delete(id);
  // What was being applied may have failed with the link.
  const asks = askIfDue({ ...state, links, arriving: emptyFrontier, kept: keptAfter(state, link) });
  if (link?.phase !== "streaming" || !link.partial) return asks;
  // Rows of an unfinished stretch are in no frontier, and may now be nowhere else: offer them to everyone.
  const offer = offerLater(asks.state, id);
  return { state: offer.state, effects: [...asks.effects, ...offer.effects] };
};

/** The core: one fact in, the new state and the orders out. */
export const step = (state: CoreState, input: Input): Step => {
  switch (input.type) {
    case "opened":
      return opened(state, input);
    case "received":
      return received(state, input);
    case "committed":
      return committed(state);
    case "frontier-read":
      return frontierRead(state, input.frontier);
    case "read":
      return read(state, input);
    case "image-read":
      return imageRead(state, input);
    case "applied":
      return applied(state, input);
    case "schema-read":
      return schemaRead(state, input.schema);
    case "digested":
      return digested(state, input);
    case "elapsed":
      return elapsed(state, input.timer);
    case "arriving":
      return arriving(state, input.link);
    case "congested":
      return roomChanged(state, input.link, true);
    case "writable":
      return roomChanged(state, input.link, false);
    case "snapshot-refused":
      return snapshotRefused(state, input.link);
    case "lost":
      return lost(state, input.link);
  }
};
