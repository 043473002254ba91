/** What two replicas say to each other over a link. docs/protocol.md is the specification; codec.ts the bytes. */

import type { Epoch } from "../common/ids.ts";
import type { ChangeGroup } from "./change.ts";
import type { Frontier } from "./frontier.ts";
import type { SchemaStamp } from "./schema-stamp.ts";

/** A place in the receiver's log: everything up to `position`, as written during `epoch` or before, was received. */
export interface Cursor {
  readonly epoch: Epoch;
  readonly position: number;
}

/** First message of both sides. */
export interface Hello {
  readonly type: "hello";
  /** Everything the sender holds. */
  readonly frontier: Frontier;
  readonly schema: SchemaStamp;
  /** How far the sender has read the receiver's log; absent when it never has. */
  readonly cursor?: Cursor;
}

/** The sender's schema is another one than it said before. */
export interface SchemaMessage {
  readonly type: "schema";
  readonly schema: SchemaStamp;
}

/** A stretch of the sender's log, less what the receiver is known to hold. */
export interface Changes {
  readonly type: "changes";
  /** The stretch ends at this position of the sender's log. */
  readonly to: number;
  /** The end of the log was reached: the receiver now holds everything that the sender holds. */
  readonly complete: boolean;
  /** The next message goes on where this one stops, and nothing of it may be stored before. Never with `complete`. */
  readonly part?: true;
  /** What the sender holds beyond what it said before on this link, as of the moment the stretch was read. */
  readonly frontier: Frontier;
  readonly groups: readonly ChangeGroup[];
}

/** What the sender holds beyond what it said before on this link. Answers `changes`, and offers them to third peers. */
export interface Progress {
  readonly type: "progress";
  /** How far the sender has stored the receiver's log since the link opened; 0 when nothing of it. */
  readonly taken: number;
  readonly frontier: Frontier;
}

/** Says what a progress says, and that the sender wants everything that the receiver holds and it does not. */
export interface Want {
  readonly type: "want";
  /** The sender holds nothing at all: a snapshot would do. */
  readonly isEmpty: boolean;
  /** Of an image that the receiver began to send over an earlier link: the part that comes next. Only with `isEmpty`. */
  readonly resume?: ImagePlace;
  readonly frontier: Frontier;
}

export interface ImagePlace {
  /** Images that the sender made since it opened its database are numbered from 1. */
  readonly image: number;
  /** Bytes before this place. */
  readonly offset: number;
}

/** Bytes of an image, which is a SQLite database; docs/protocol.md says what is in it. */
export interface ImagePart extends ImagePlace {
  /** Bytes of the whole image. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/**
 * Part of an image of everything that the sender's log held up to `to`, in place of the first stretches of it. Only for who
 * said that it holds nothing. Parts come in order. After the last one nothing more is sent until the receiver says that it
 * took the image (`progress`), or that it wants changes (`rewind`).
 */
export interface SnapshotMessage {
  readonly type: "snapshot";
  readonly to: number;
  /** As of `changes`. */
  readonly frontier: Frontier;
  readonly part: ImagePart;
}

/**
 * What was said of the sender's holdings before is replaced by `frontier`, which may be lower, and the receiver's log is
 * wanted from its beginning. For a replica that finds that it lost the end of its own log.
 */
export interface Rewind {
  readonly type: "rewind";
  readonly frontier: Frontier;
}

/** Order-free hash of one table's changes. */
export interface TableDigest {
  readonly table: string;
  /** 64 bits as 16 hex digits. */
  readonly hash: string;
  readonly changes: number;
}

/** Sent when both sides hold the same by their frontiers: do they really? */
export interface Digest {
  readonly type: "digest";
  readonly tables: readonly TableDigest[];
}

export type Message = Hello | Changes | Progress | Want | SnapshotMessage | Digest | Rewind | SchemaMessage;

/** Version of this protocol; in the link handshake, so that both sides can say why they do not understand each other. */
export const protocolVersion = 3;
