/**
 * A clock that stands still until told to move. Timers run in the order they fall due; between two of them pending
 * promises and I/O callbacks get their turn, so that a chain of waits unrolls as it would in real time.
 */

import type { Clock } from "../../src/common/clock.ts";

export interface FakeClock extends Clock {
  /** Moves time on by `ms` and runs every timer that falls due on the way, also those set meanwhile. */
  advance(ms: number): Promise<void>;
  /** Delays from now, ascending, of the timers that wait. */
  pendingDelaysMs(): readonly number[];
}

export const createFakeClock = (startMs = 1_700_000_000_000): FakeClock => {
  const timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();
  let nowMs = startMs;

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  const nextDueBy = (limitMs: number) => {
    let next: { readonly dueMs: number; readonly run: () => void } | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= limitMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  };

  return {
    nowMs: () => nowMs,
    setTimer: (delayMs, run) => {
      const timer = { dueMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: async (ms) => {
      const limitMs = nowMs + ms;
      await settle();
      for (let timer = nextDueBy(limitMs); timer !== undefined; timer = nextDueBy(limitMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.dueMs);
        timer.run();
        await settle();
      }
      nowMs = limitMs;
    },
    pendingDelaysMs: () => [...timers].map((timer) => timer.dueMs - nowMs).toSorted((a, b) => a - b),
  };
};
