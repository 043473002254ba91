/**
 * The state of the replication core, the facts it is told and the orders it gives. core.ts says what leads to what.
 */

import type { Epoch, LinkId, SiteId } from "../common/ids.ts";
import type { ChangeGroup } from "./change.ts";
import { emptyFrontier, type Frontier } from "./frontier.ts";
import type { Cursor, ImagePart, ImagePlace, Message, TableDigest } from "./message.ts";
import { emptySchema, type SchemaRelation, type SchemaStamp } from "./schema-stamp.ts";

/** Waits of the core, all in milliseconds. */
export interface Delays {
  /** What a linked author was to send is waited for this long, once or twice, before another peer is asked for it. */
  readonly relayDelayMs: number;
  /** A peer that was asked and says nothing for this long, once or twice, is passed over. */
  readonly patienceDelayMs: number;
  /** News of what this replica holds are collected this long. */
  readonly progressDelayMs: number;
  /** Quiet time before digests are compared. */
  readonly digestDelayMs: number;
  /** An image that was not sent or received as a whole is kept this long for a link that comes back. */
  readonly imagesDelayMs: number;
}

export const defaultDelays: Delays = {
  relayDelayMs: 60,
  patienceDelayMs: 1_000,
  progressDelayMs: 20,
  digestDelayMs: 500,
  imagesDelayMs: 30_000,
};

interface LinkBase {
  readonly peer: SiteId;
  /** The peer's opening of its database; our place in its log is stored with it. */
  readonly peerEpoch: Epoch;
  /** What the peer was told that this replica holds. */
  readonly told: Frontier;
  /** The link has no room. */
  readonly congested: boolean;
}

/** A snapshot for the peer, which holds nothing. */
export type Giving =
  | { readonly phase: "due"; readonly resume: ImagePlace | undefined }
  /** The part at `next` is to be sent; when that is the image's end, the peer has the word. */
  | {
      readonly phase: "sending";
      readonly image: number;
      readonly size: number;
      readonly to: number;
      readonly next: number;
    };

/** A snapshot from the peer. */
export type Taking =
  /** It was told that this replica holds nothing, and what came of an image over an earlier link, if anything did. */
  | { readonly phase: "asked"; readonly kept: Omit<ImagePart, "bytes"> | undefined }
  /** The part at `offset` must come next. */
  | ({ readonly phase: "receiving" } & Omit<ImagePart, "bytes">);

/** What came of an image before its link was lost. */
export interface KeptImage extends Omit<ImagePart, "bytes"> {
  readonly peer: SiteId;
  readonly epoch: Epoch;
}

export interface GreetingLink extends LinkBase {
  readonly phase: "greeting";
}

export interface StreamingLink extends LinkBase {
  readonly phase: "streaming";
  /** As the peer said last. */
  readonly peerSchema: SchemaStamp;
  readonly schemaRelation: SchemaRelation;
  /** What the peer said that it holds. */
  readonly held: Frontier;
  /**
   * The peer lost own writes and is sent the log from its beginning: what it says meanwhile of its own versions, which
   * would leave out the ones that it lost. Undefined when it is not.
   */
  readonly heldAfterwards: Frontier | undefined;
  /** End of the stretch of this replica's log that the peer was sent. */
  readonly position: number;
  /** End of the stretch of this replica's quarantine that the peer was sent. */
  readonly quarantinePosition: number;
  /** Counts how often the log was begun anew for this link; a read of an earlier pass is void. */
  readonly pass: number;
  /** Our own log's lost end is on its way back over this link: until it is here we do not say how far we wrote. */
  readonly recovering: boolean;
  /** A read for this link is under way. */
  readonly reading: boolean;
  /** The log holds, or may hold, something beyond `position` that is due. */
  readonly behind: boolean;
  /** The log may hold rows that no frontier speaks of and the peer was never offered; it will not ask for these. */
  readonly offerDue: boolean;
  /** What the peer held that was lacked here when it was asked for it; undefined when it owes no answer. */
  readonly asked: Frontier | undefined;
  /** It sent changes, or a part of a message, since it was asked or since the patience timer ran out last. */
  readonly heard: boolean;
  /** How often in a row it was asked in vain. */
  readonly passedOver: number;
  /** The last stretch that the peer was sent did not reach the end of the log, and it waits for that. */
  readonly unfinished: boolean;
  /** Changes beyond `position` when the log was last read, at least. */
  readonly rest: number;
  /** Position in this replica's log that the peer said it has stored. For `status()` only: what is sent goes by `held`. */
  readonly stored: number;
  /** Position in the peer's log that is stored here, and what the peer was told of it. */
  readonly taken: number;
  readonly toldTaken: number;
  /** Rows of this peer were stored whose stretch has not reached the end of its log. */
  readonly partial: boolean;
  readonly giving: Giving | undefined;
  readonly taking: Taking | undefined;
  /** The peer's newest digest, until either side's frontier moves. */
  readonly peerDigest: readonly TableDigest[] | undefined;
  /** The own digest that the peer was sent. */
  readonly sentDigest: readonly TableDigest[] | undefined;
  /** Because digests differed the whole log is offered again, once per link, whatever the peer says that it holds. */
  readonly repair: "none" | "running" | "done";
}

export type LinkState = GreetingLink | StreamingLink;

export interface CoreState {
  readonly own: SiteId;
  readonly delays: Delays;
  /** No version of this replica up to this one is given to a write any more; some were lost (invariant 6). */
  readonly reservedTo: number;
  readonly schema: SchemaStamp;
  /** What this replica holds, as of the newest fact from the database. */
  readonly frontier: Frontier;
  readonly links: ReadonlyMap<LinkId, LinkState>;
  /** What will be held once everything that was ordered to be applied is. */
  readonly arriving: Frontier;
  /** What was lacked when the relay timer ran out last, although peers hold it. */
  readonly overdue: Frontier;
  /** A snapshot came already, taken or refused: from now on changes only. */
  readonly hadSnapshot: boolean;
  readonly kept: KeptImage | undefined;
  /** Digest of the whole database; undefined as soon as anything changes. */
  readonly digest: readonly TableDigest[] | undefined;
}

/** A stretch of the own log as the database read it, in one go. */
export interface LogStretch {
  readonly groups: readonly ChangeGroup[];
  /** Local version up to which the log was read. */
  readonly to: number;
  readonly quarantineTo: number;
  /** Changes beyond `to`, as far as they were counted; also those that the peer may hold. */
  readonly rest: number;
  /** Nothing lay beyond `to` at the time. */
  readonly complete: boolean;
  /** The whole frontier at the time. */
  readonly frontier: Frontier;
}

export type TimerName = "relay" | "patience" | "progress" | "digest" | "images";

/** Facts. Those from the database must come in the order in which the database brought them about (invariant 3). */
export type Input =
  | {
      readonly type: "opened";
      readonly link: LinkId;
      readonly peer: SiteId;
      readonly peerEpoch: Epoch;
      /** The frontier as stored now. */
      readonly frontier: Frontier;
      /** How far the peer's log was read, if ever. */
      readonly cursor: Cursor | undefined;
    }
  | {
      readonly type: "received";
      readonly link: LinkId;
      readonly message: Message;
      /** For `hello`: the position in the own log that its cursor stands for; 0 when it stands for none. */
      readonly resumeAt?: number;
      /** The frontier in it names own writes that were lost here; nothing up to this version was. */
      readonly lostAfter?: number;
    }
  | { readonly type: "committed" }
  /** Answers `read-frontier`. */
  | { readonly type: "frontier-read"; readonly frontier: Frontier }
  | {
      readonly type: "read";
      readonly link: LinkId;
      /** As in the order to read. */
      readonly pass: number;
      readonly stretch: LogStretch;
      /** Of an image instead of the stretch's groups, of which there are none then: the first part that is due. */
      readonly part?: ImagePart;
    }
  /** Answers `read-image`; without a part when the image is gone. */
  | { readonly type: "image-read"; readonly link: LinkId; readonly pass: number; readonly part: ImagePart | undefined }
  /** What was ordered by `take-snapshot` was not taken, and nothing changed by it. */
  | { readonly type: "snapshot-refused"; readonly link: LinkId }
  | {
      readonly type: "applied";
      readonly link: LinkId;
      /** The whole frontier after it. */
      readonly frontier: Frontier;
      /** Whether the own log or quarantine grew. */
      readonly grew: boolean;
      /** As in the order to apply. */
      readonly position: number;
      readonly complete: boolean;
      /** Of tables or columns that are not synced here. */
      readonly unknown?: boolean;
    }
  | { readonly type: "schema-read"; readonly schema: SchemaStamp }
  | { readonly type: "digested"; readonly frontier: Frontier; readonly tables: readonly TableDigest[] }
  | { readonly type: "elapsed"; readonly timer: TimerName }
  /** A part of a message came; the rest is on its way. */
  | { readonly type: "arriving"; readonly link: LinkId }
  | { readonly type: "congested"; readonly link: LinkId }
  | { readonly type: "writable"; readonly link: LinkId }
  | { readonly type: "lost"; readonly link: LinkId };

/** Orders. */
export type Effect =
  | { readonly type: "send"; readonly link: LinkId; readonly message: Message }
  | {
      readonly type: "read-changes";
      readonly link: LinkId;
      readonly pass: number;
      readonly after: number;
      readonly quarantineAfter: number;
      /** Groups that this covers are left out. */
      readonly known: Frontier;
      /** Whether it may be answered by an image of everything. */
      readonly mayBeImage: boolean;
      /** Of an image that is to be gone on with if it is still there. */
      readonly resume?: ImagePlace;
    }
  /** To be answered when what was sent before is on its way. */
  | ({ readonly type: "read-image"; readonly link: LinkId; readonly pass: number } & ImagePlace)
  /** Keeps the part. With the last one the image is taken, which is answered. */
  | {
      readonly type: "take-snapshot";
      readonly link: LinkId;
      readonly peer: SiteId;
      readonly part: ImagePart;
      readonly cursor: Cursor;
    }
  /** Of the images that were made here, and of those that came in parts from peers, only these are needed any more. */
  | { readonly type: "keep-images"; readonly given: readonly number[]; readonly from: readonly SiteId[] }
  | {
      readonly type: "apply-changes";
      readonly link: LinkId;
      readonly peer: SiteId;
      readonly groups: readonly ChangeGroup[];
      readonly cursor: Cursor;
      /** The peer's log was read to its end. */
      readonly complete: boolean;
      /** Held once the groups are: stored with them. Empty unless `complete`. */
      readonly claims: Frontier;
    }
  | { readonly type: "read-digest" }
  | { readonly type: "read-frontier" }
  /** Starts the timer, or lets it run when it does already; `digest` and `images` start anew. */
  | { readonly type: "set-timer"; readonly timer: TimerName; readonly afterMs: number }
  | { readonly type: "report-digest"; readonly peer: SiteId; readonly agrees: boolean }
  /** It was another one before, or the link is new. */
  | { readonly type: "report-schema"; readonly peer: SiteId; readonly relation: SchemaRelation }
  /** Another replica writes under this one's id: take a new one, and begin anew with it. */
  | { readonly type: "renew-identity" }
  | { readonly type: "disconnect"; readonly link: LinkId; readonly code: DisconnectCode };

/** Why the core ends a link. */
export type DisconnectCode = "HELLO_EXPECTED" | "HELLO_TWICE" | "SNAPSHOT_UNASKED" | "SNAPSHOT_GAP";

export interface Step {
  readonly state: CoreState;
  readonly effects: readonly Effect[];
}

export const createCoreState = (own: SiteId, delays: Delays = defaultDelays, reservedTo = Infinity): CoreState => ({
  own,
  delays,
  reservedTo,
  schema: emptySchema,
  frontier: emptyFrontier,
  links: new Map(),
  arriving: emptyFrontier,
  overdue: emptyFrontier,
  hadSnapshot: false,
  kept: undefined,
  digest: undefined,
});
