/**
 * A clock for simulations of many replicas: time moves to the next timer as soon as nothing else can happen. Timers that
 * fall due together run together, and then pending promises and I/O callbacks get their turn.
 */

import type { Clock } from "../../src/common/clock.ts";

export interface SimulatedClock extends Clock {
  /** Moves time on until `isDone`, which is looked at between timers. Rejects when time would pass `limitMs` from now. */
  runUntil(isDone: () => boolean, limitMs: number): Promise<void>;
  /** Moves time on by `ms`. */
  run(ms: number): Promise<void>;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

const isBefore = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

/** @param settle - lets everything run that waits for no time. Default: one turn of the event loop. */
export const createSimulatedClock = (
  settle: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve)),
): SimulatedClock => {
  const heap: Timer[] = [];
  let nowMs = 1_800_000_000_000;
  let order = 0;

  const at = (index: number): Timer => heap[index] as Timer;

  const push = (timer: Timer): void => {
    let index = heap.push(timer) - 1;
    for (let up = (index - 1) >> 1; index > 0 && isBefore(timer, at(up)); up = (index - 1) >> 1) {
      heap[index] = at(up);
      index = up;
    }
    heap[index] = timer;
  };

  const pop = (): Timer => {
    const first = at(0);
    const last = heap.pop() as Timer;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let down = 2 * index + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(at(down + 1), at(down))) down += 1;
      if (!isBefore(at(down), last)) break;
      heap[index] = at(down);
      index = down;
    }
    heap[index] = last;
    return first;
  };

  /** Runs what falls due next, up to `limitMs`; false when nothing does. */
  const runNext = (limitMs: number): boolean => {
    while (heap[0]?.isCancelled === true) pop();
    const dueMs = heap[0]?.dueMs;
    if (dueMs === undefined || dueMs > limitMs) return false;
    nowMs = Math.max(nowMs, dueMs);
    while (heap[0] !== undefined && heap[0].dueMs <= nowMs) {
      const timer = pop();
      if (!timer.isCancelled) timer.run();
    }
    return true;
  };

  return {
    nowMs: () => nowMs,
    setTimer: (delayMs, run) => {
      const timer: Timer = { dueMs: nowMs + Math.max(0, delayMs), order: (order += 1), run, isCancelled: false };
      push(timer);
      return () => {
        timer.isCancelled = true;
      };
    },
    runUntil: async (isDone, limitMs) => {
      const endMs = nowMs + limitMs;
      await settle();
      while (!isDone()) {
        if (!runNext(endMs)) throw new Error(`not done after ${limitMs} ms`);
        await settle();
      }
    },
    run: async (ms) => {
      const endMs = nowMs + ms;
      await settle();
      while (runNext(endMs)) await settle();
      nowMs = endMs;
    },
  };
};
