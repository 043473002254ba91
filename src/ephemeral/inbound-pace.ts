/**
 * Holds back what comes in too fast. A link's window bounds what is held; since only what was let through is reported
 * as consumed, a peer that sends more than its share is slowed down and nothing of an honest one is lost.
 */

import type { Clock } from "../common/clock.ts";

/** Bytes a link may bring per second, and at once after a silence. */
export const inboundBytesPerSecond = 128 * 1024;
export const inboundBurstBytes = 256 * 1024;

/** What the smallest piece counts: 512 pieces a second at most. */
const leastCost = 256;

export interface InboundPace {
  /** Runs `run` when there is room for `bytes`, in order. */
  admit(bytes: number, run: () => void): void;
  close(): void;
}

export const createInboundPace = (clock: Clock): InboundPace => {
  let credit = inboundBurstBytes;
  let creditAtMs = clock.nowMs();
  let cancel: (() => void) | undefined;
  const waiting: { readonly cost: number; readonly run: () => void }[] = [];

  const work = (): void => {
    const nowMs = clock.nowMs();
    // The clock may have been set back.
    const earned = (Math.max(0, nowMs - creditAtMs) * inboundBytesPerSecond) / 1_000;
    credit = Math.min(inboundBurstBytes, credit + earned);
    creditAtMs = nowMs;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (credit < next.cost) {
        const delayMs = Math.ceil(((next.cost - credit) * 1_000) / inboundBytesPerSecond);
        cancel = clock.setTimer(delayMs, () => {
          cancel = undefined;
          work();
        });
        return;
      }
      credit -= next.cost;
      waiting.shift();
      next.run();
    }
  };

  return {
    admit: (bytes, run) => {
      waiting.push({ cost: Math.max(bytes, leastCost), run });
      if (cancel === undefined && waiting.length === 1) work();
    },
    close: () => {
      waiting.length = 0;
      cancel?.();
      cancel = undefined;
    },
  };
};
