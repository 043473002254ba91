/**
 * The receiving half of a link: puts fragments together, checks the peer's use of the window, and reports what has
 * been consumed. Does not send and does not close: it returns the fault.
 *
 * Invariants:
 * 1. At most `windowBytes` are kept here: received and not yet reported consumed, the frame being assembled included.
 * 2. Whatever has been consumed is reported at once when it is a quarter of the window, or when nothing is left to be
 *    consumed here: so a sender that waits for room, even for all of it, is told.
 */

import type { LinkLimits } from "./link.ts";
import { windowCost } from "./link-messages.ts";
import type { FrameMessageType, LinkFault } from "./link-messages.ts";

export interface FrameInbox {
  /** Takes the body of one frame message; `bytes` is kept. */
  receive(type: FrameMessageType, bytes: Uint8Array<ArrayBuffer>): LinkFault | undefined;
}

export interface FrameInboxEvents {
  /** A whole frame. `consumed` may be called at any time and counts once. */
  readonly onFrame: (frame: Uint8Array<ArrayBuffer>, consumed: () => void) => void;
  /** `total` bytes, modulo 2^32, have been consumed since the link opened. */
  readonly onConsumed: (total: number) => void;
}

export const createFrameInbox = (limits: LinkLimits, { onFrame, onConsumed }: FrameInboxEvents): FrameInbox => {
  const reportAtBytes = limits.windowBytes / 4;

  const fragments: Uint8Array<ArrayBuffer>[] = [];
  let fragmentsBytes = 0;
  let fragmentsCost = 0;
  let unconsumedFrames = 0;
  let unreportedBytes = 0;
  let keptBytes = 0;
  let consumedTotal = 0;

  const frameConsumer = (cost: number): (() => void) => {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      unconsumedFrames -= 1;
      unreportedBytes += cost;
      if (unconsumedFrames > 0 && unreportedBytes < reportAtBytes) return;
      keptBytes -= unreportedBytes;
      consumedTotal = (consumedTotal + unreportedBytes) >>> 0;
      unreportedBytes = 0;
      onConsumed(consumedTotal);
    };
  };

  const faultOf = (type: FrameMessageType, bytes: number, cost: number): LinkFault | undefined => {
    const assembling = fragments.length > 0;
    if (type === "frame" ? assembling : type === "last" && !assembling) return "LINK_FRAGMENT_SEQUENCE";
    if (fragmentsBytes + bytes > limits.maxFrameBytes) return "LINK_FRAME_TOO_LARGE";
    if (keptBytes + cost > limits.windowBytes) return "LINK_WINDOW_OVERRUN";
    return undefined;
  };

  const assemble = (): Uint8Array<ArrayBuffer> => {
    const frame = new Uint8Array(fragmentsBytes);
    let offset = 0;
    for (const fragment of fragments) {
      frame.set(fragment, offset);
      offset += fragment.length;
    }
    return frame;
  };

  return {
    receive: (type, bytes) => {
      const cost = windowCost(type, bytes.length);
      const fault = faultOf(type, bytes.length, cost);
      if (fault !== undefined) return fault;

      keptBytes += cost;
      if (type === "frame") {
        unconsumedFrames += 1;
        onFrame(bytes, frameConsumer(cost));
        return undefined;
      }
      fragments.push(bytes);
      fragmentsBytes += bytes.length;
      fragmentsCost += cost;
      if (type === "fragment") return undefined;

      const frame = assemble();
      const consumed = frameConsumer(fragmentsCost);
      fragments.length = 0;
      fragmentsBytes = 0;
      fragmentsCost = 0;
      unconsumedFrames += 1;
      onFrame(frame, consumed);
      return undefined;
    },
  };
};
