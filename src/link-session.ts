/**
 * One link as the replicator uses it: messages in and out, each way in order although some take longer to deflate or
 * inflate than others, and an account of what is under way. Decides nothing.
 */

import type { Clock } from "./common/clock.ts";
import type { Logger } from "./common/logger.ts";
import { createFrameJoiner, isCutFrame, messageToFrames } from "./message-frames.ts";
import { decodeMessage } from "./replication/codec.ts";
import { defaultReplicationLimits, type ReplicationLimits } from "./replication/limits.ts";
import { createPartsJoiner, encodeInParts } from "./replication/message-parts.ts";
import type { Changes, Message } from "./replication/message.ts";
import { highWaterBytes } from "./transport/channel.ts";
import type { Link } from "./transport/link.ts";

/** What a peer is not known to hold yet. */
export interface Pending {
  readonly changes: number;
  readonly bytes: number;
}

export interface LinkSession {
  readonly link: Link;
  /** Milliseconds since the epoch of the last message that changed what either side knows. */
  readonly lastSyncAt: number | undefined;
  /** What came by now changed what is known. */
  noteSync(): void;
  /** Encodes and sends, after what was sent before. */
  send(message: Message): void;
  /** Resolves when everything sent so far was given to the link. */
  whenSent(): Promise<void>;
  /** Frames wait, in order, until `ready` settles. */
  holdUntil(ready: Promise<void>): void;
  /**
   * What was sent beyond position `stored` of the own log, and `rest` changes that were not read yet, whose bytes are
   * taken to be as those before.
   */
  pending(stored: number, rest: number): Pending;
  /** Reads and sends nothing more; leaves the link as it is. Idempotent. */
  dispose(): void;
}

export interface LinkSessionOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves when the database has come to the place behind what was asked of it so far. */
  readonly whenIdle: () => Promise<unknown>;
  readonly onMessage: (message: Message) => void;
  /** A part of a message came, with more to follow. */
  readonly onArriving: () => void;
  /** The peer broke a rule. */
  readonly onFault: (code: string) => void;
  readonly onFailure: (error: unknown) => void;
  /** Frames wait for room: nothing more should be sent until the link's `writable`. */
  readonly onFull: () => void;
  /** Of what is sent and taken. */
  readonly limits?: ReplicationLimits;
}

/** Of a change that nothing is known of, about. */
const usualChangeBytes = 32;

/**
 * A link that takes more than this in a millisecond has an image sooner as it is: a browser deflates about six thousand bytes in
 * that time, to two thirds, and while it deflates no more than that can be seen to leave.
 */
const fastBytesPerMs = 3_000;

interface Sent {
  readonly to: number;
  readonly changes: number;
  readonly bytes: number;
}

const countChanges = (message: Changes): number => message.groups.reduce((sum, group) => sum + group.changes.length, 0);

export const createLinkSession = (options: LinkSessionOptions): LinkSession => {
  const {
    link,
    clock,
    logger,
    whenIdle,
    onMessage,
    onArriving,
    onFault,
    onFailure,
    onFull,
    limits = defaultReplicationLimits,
  } = options;
  const parts = createPartsJoiner(limits);
  const joiner = createFrameJoiner(limits.maxMessageBytes);
  /** Turns of messages and frames that must wait for those before; undefined when there are none. */
  let outbox: Promise<void> | undefined;
  let inbox: Promise<void> | undefined;
  let isOpen = true;
  let lastSyncAt: number | undefined;
  /** Messages with changes, oldest first, that the peer has not said to have stored. */
  let underWay: Sent[] = [];
  let sentChanges = 0;
  let sentBytes = 0;
  /** What went out of the image that is being sent, since its first part was on its way. */
  let image = { bytes: 0, sinceMs: 0 };

  const noteSync = (): void => {
    lastSyncAt = clock.nowMs();
  };

  /** The first part goes as it is: while the channel takes it, the next one can be deflated. */
  const goesAsItIs = (): boolean =>
    image.bytes === 0 ||
    // However slow the link is, so much of what it took waits in the channel's buffer.
    image.bytes - link.pendingBytes - highWaterBytes > fastBytesPerMs * (clock.nowMs() - image.sinceMs);

  const sendBytes = (bytes: Uint8Array<ArrayBuffer>, isPart: boolean): void => {
    const put = (frames: readonly Uint8Array<ArrayBuffer>[]): void => {
      if (!isOpen) return;
      if (isPart) {
        if (image.bytes === 0) image.sinceMs = clock.nowMs();
        for (const { length } of frames) image.bytes += length;
      }
      let hasRoom = true;
      for (const frame of frames) hasRoom = link.send(frame);
      if (!hasRoom) onFull();
    };
    const frames = messageToFrames(bytes, !(isPart && goesAsItIs()));
    if (outbox === undefined && !(frames instanceof Promise)) return put(frames);
    const turn: Promise<void> = (outbox ?? Promise.resolve())
      .then(async () => put(await frames))
      .catch(onFailure)
      .finally(() => {
        if (outbox === turn) outbox = undefined;
      });
    outbox = turn;
  };

  const receive = (bytes: Uint8Array): void => {
    const decoded = decodeMessage(bytes, limits);
    if (!decoded.ok) return onFault(`${decoded.error.code} ${decoded.error.rule}`);
    const joined = parts.add(decoded.value, bytes.length);
    if (!joined.ok) return onFault(joined.error);
    if (joined.value === undefined) onArriving();
    else onMessage(joined.value);
  };

  const takeFrame = (frame: Uint8Array<ArrayBuffer>, consumed: () => void): void | Promise<void> => {
    if (!isOpen) return;
    const done = (joined: Awaited<ReturnType<typeof joiner.add>>): void => {
      if (!isOpen) return;
      if (!joined.ok) return onFault(joined.error);
      if (joined.value !== undefined) receive(joined.value);
      // What was merged by the time the next frame is asked for bounds what waits in memory.
      void whenIdle().then(consumed, consumed);
    };
    const joined = joiner.add(frame);
    return joined instanceof Promise ? joined.then(done) : done(joined);
  };

  /** Lets `taken` settle before the next frame is looked at. */
  const holdUntil = (taken: Promise<void>): void => {
    const turn: Promise<void> = taken.catch(onFailure).finally(() => {
      if (inbox === turn) inbox = undefined;
    });
    inbox = turn;
  };

  const stopReading = link.on("frame", (frame, consumed) => {
    if (isCutFrame(frame)) onArriving();
    if (inbox !== undefined) return holdUntil(inbox.then(() => takeFrame(frame, consumed)));
    const taken = takeFrame(frame, consumed);
    if (taken instanceof Promise) holdUntil(taken);
  });

  return {
    link,
    get lastSyncAt() {
      return lastSyncAt;
    },
    noteSync,
    send: (message) => {
      const { parts: encoded, isWhole } = encodeInParts(message, limits);
      if (!isWhole) logger.warn("a transaction is too large to arrive whole and is sent in pieces");
      if (message.type === "snapshot" && message.part.offset === 0) image = { bytes: 0, sinceMs: 0 };
      for (const part of encoded) sendBytes(part, message.type === "snapshot");
      const bytes = encoded.reduce((sum, part) => sum + part.length, 0);
      if (message.type === "progress") noteSync();
      if (message.type !== "changes") return;
      noteSync();
      const changes = countChanges(message);
      underWay.push({ to: message.to, changes, bytes });
      sentChanges += changes;
      sentBytes += bytes;
    },
    whenSent: async () => outbox,
    holdUntil,
    pending: (stored, rest) => {
      underWay = underWay.filter((sent) => sent.to > stored);
      const meanBytes = sentChanges === 0 ? usualChangeBytes : sentBytes / sentChanges;
      return underWay.reduce(
        (sum, { changes, bytes }) => ({ changes: sum.changes + changes, bytes: sum.bytes + bytes }),
        {
          changes: rest,
          bytes: Math.round(rest * meanBytes),
        },
      );
    },
    dispose: () => {
      isOpen = false;
      underWay = [];
      stopReading();
    },
  };
};
