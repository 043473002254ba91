/**
 * The sending half of a link: a queue of frames, cut into messages as the window and the channel's buffer allow.
 * Knows nothing of pings and closing.
 *
 * Invariants:
 * 1. What is sent and not reported consumed never exceeds `windowBytes`.
 * 2. Nothing is handed to the channel from the moment it buffers `highWaterBytes` until it is down to `lowWaterBytes`.
 * 3. Frames leave in the order given, each as one `frame` or as `fragment`… `last` with nothing else between.
 */

import { highWaterBytes, lowWaterBytes } from "./channel.ts";
import type { Channel } from "./channel.ts";
import type { LinkLimits } from "./link.ts";
import { encodeFrameMessage, windowCost } from "./link-messages.ts";
import type { FrameMessageType, LinkFault } from "./link-messages.ts";

export interface FrameOutbox {
  /** @returns false when frames now wait; `onWritable` tells when none does */
  send(frame: Uint8Array<ArrayBuffer>): boolean;
  /** The other side has consumed `total` bytes, modulo 2^32, since the link opened. */
  consumed(total: number): LinkFault | undefined;
  /** Sends what may be sent; to be called when the channel has drained. */
  pump(): void;
  /** Drops what waits. */
  clear(): void;
  readonly pendingBytes: number;
}

export interface FrameOutboxEvents {
  /** The channel has all of the oldest frame, of so many bytes. */
  readonly onTaken: (bytes: number) => void;
  /** The queue is empty after a `send` that returned false; never called from within `send`. */
  readonly onWritable: () => void;
}

export const createFrameOutbox = (
  channel: Channel,
  limits: LinkLimits,
  { onTaken, onWritable }: FrameOutboxEvents,
): FrameOutbox => {
  const bodyBytes = Math.min(limits.fragmentBytes, channel.maxMessageBytes) - 1;

  const queue: Uint8Array<ArrayBuffer>[] = [];
  let sentOfFirst = 0;
  let queuedBytes = 0;
  let unconsumedBytes = 0;
  let consumedTotal = 0;
  let stalled = false;
  let senderWaits = false;

  const channelTakesMore = (): boolean => {
    stalled = channel.bufferedBytes > (stalled ? lowWaterBytes : highWaterBytes - 1);
    return !stalled;
  };

  const pump = (): void => {
    for (let frame = queue[0]; frame !== undefined; frame = queue[0]) {
      const end = Math.min(sentOfFirst + bodyBytes, frame.length);
      const isEnd = end === frame.length;
      const type: FrameMessageType = isEnd ? (sentOfFirst === 0 ? "frame" : "last") : "fragment";
      const cost = windowCost(type, end - sentOfFirst);
      if (unconsumedBytes + cost > limits.windowBytes || !channelTakesMore()) return;

      // State first: `send` may close the channel and with it this outbox.
      const body = frame.subarray(sentOfFirst, end);
      unconsumedBytes += cost;
      queuedBytes -= body.length;
      sentOfFirst = isEnd ? 0 : end;
      if (isEnd) queue.shift();
      channel.send(encodeFrameMessage(type, body));
      if (isEnd) onTaken(frame.length);
    }
    if (!senderWaits) return;
    senderWaits = false;
    onWritable();
  };

  return {
    send: (frame) => {
      const others = queue.length;
      queue.push(frame);
      queuedBytes += frame.length;
      // With others waiting nothing can go that could not before; and `onWritable` must not run inside its caller.
      if (others === 0) pump();
      senderWaits = queue.length > 0;
      return !senderWaits;
    },
    consumed: (total) => {
      const newly = (total - consumedTotal) >>> 0;
      if (newly > unconsumedBytes) return "LINK_CONSUMED_TOO_MUCH";
      consumedTotal = total;
      unconsumedBytes -= newly;
      pump();
      return undefined;
    },
    pump,
    clear: () => {
      queue.length = 0;
      sentOfFirst = 0;
      queuedBytes = 0;
      unconsumedBytes = 0;
      senderWaits = false;
    },
    get pendingBytes() {
      return queuedBytes + unconsumedBytes;
    },
  };
};
