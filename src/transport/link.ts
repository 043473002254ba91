/**
 * Port: an open, authenticated path to one peer that carries frames of any size up to `maxFrameBytes`, in order,
 * each once, with flow control: at most `windowBytes` sent and not yet consumed by the other side.
 */

import type { Unsubscribe } from "../common/emitter.ts";
import type { Epoch, LinkId, SiteId } from "../common/ids.ts";
import type { Route } from "./channel.ts";

export interface LinkPeer {
  readonly siteId: SiteId;
  readonly epoch: Epoch;
}

export interface LinkEvents {
  /**
   * A whole frame, owned by the listener. Call `consumed` once it has been dealt with: only that gives the sender room
   * for more.
   */
  frame: readonly [frame: Uint8Array<ArrayBuffer>, consumed: () => void];
  /** A frame of so many bytes has left the queue, in the order of `send`, and perhaps from within it. */
  taken: readonly [bytes: number];
  /** Everything queued by `send` has been taken: send more. */
  writable: readonly [];
  /** Gone; last event, once, also after `close()`. */
  close: readonly [reason: string];
}

export interface Link {
  readonly id: LinkId;
  readonly peer: LinkPeer;
  /** May change while the link stands. */
  readonly route: Route;
  /** Bytes queued here plus bytes sent and not yet consumed there. */
  readonly pendingBytes: number;
  /** Last measured round trip, milliseconds; undefined until measured. */
  readonly roundTripMs: number | undefined;
  /**
   * Queues one frame. False when frames now wait for room: stop until `writable`. The frame given is taken in any case.
   * @throws RangeError when the frame is larger than `maxFrameBytes`
   */
  send(frame: Uint8Array<ArrayBuffer>): boolean;
  /** Resolves true when the other side answers within `timeoutMs`, false otherwise. */
  probe(timeoutMs: number): Promise<boolean>;
  on<K extends keyof LinkEvents>(event: K, listener: (...args: LinkEvents[K]) => void): Unsubscribe;
  /** Tells the peer the code, flushes nothing. Idempotent. */
  close(reason: string): void;
}

/**
 * The second lane of a link, for small messages that must not wait behind frames: each overtakes whatever frames are
 * queued, and has a window of its own. Reliable and in order, as frames are.
 */
export interface NoteLane {
  /**
   * Sends one note. False when there is no room for it: nothing was sent, and `onRoom` tells when to try again.
   * @throws RangeError when the note is empty or larger than `maxNoteBytes`
   */
  send(note: Uint8Array): boolean;
  /**
   * Notes wait for the first listener, of which there is only one. Call `consumed` once a note has been dealt with: how
   * soon decides how many notes the peer can send.
   */
  onNote(listener: (note: Uint8Array<ArrayBuffer>, consumed: () => void) => void): void;
  /** There is room again after a `send` that was refused. One listener only. */
  onRoom(listener: () => void): void;
}

/** A link as the room has it, before its frames are handed to whoever reads them. */
export interface PeerLink extends Link {
  readonly notes: NoteLane;
}

/** Of notes sent and not yet consumed. */
export const noteWindowBytes = 64 * 1024;

/** Of a note. */
export const maxNoteBytes = 9 * 1024;

export interface LinkLimits {
  /** Bytes of one fragment including its header. */
  readonly fragmentBytes: number;
  /** Sent and not yet consumed. A cold WebRTC link stalls for seconds when more is in flight. */
  readonly windowBytes: number;
  /** Of a frame, reassembled. */
  readonly maxFrameBytes: number;
}

export const defaultLinkLimits: LinkLimits = {
  fragmentBytes: 16 * 1024,
  windowBytes: 1024 * 1024,
  maxFrameBytes: 1024 * 1024,
};
