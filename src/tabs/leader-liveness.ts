/**
 * Whether the leader answers. Its death is known from its lock; this is for a leader that is there and stands still.
 * 1. Must not take this tab's own sleep for the leader's: a wait that ended late says nothing and is started anew.
 */

import type { Clock } from "../common/clock.ts";

export type LeaderState = "responding" | "unresponsive";

/** Silence after which a leader that was asked counts as unresponsive, milliseconds. */
export const leaderSilenceMs = 4_000;
/** Pause between an answer and the next question, milliseconds. */
export const pingPauseMs = 2_000;
/** A timer that is later than this was held up with the whole tab, milliseconds. */
const sleptMs = 1_000;

export interface LeaderLiveness {
  readonly state: LeaderState;
  /** Something came from the leader. */
  heard(): void;
  /** Begins anew; the leader is taken to respond. */
  start(): void;
  /** Nobody is judged any more. */
  stop(): void;
}

export interface LeaderLivenessOptions {
  readonly clock: Clock;
  /** Must bring about an answer. Called again for as long as there is none. */
  readonly ask: () => void;
  readonly onChange: (state: LeaderState) => void;
}

export const createLeaderLiveness = ({ clock, ask, onChange }: LeaderLivenessOptions): LeaderLiveness => {
  let state: LeaderState = "responding";
  let isRunning = false;
  let isAsking = false;
  let cancelTimer = (): void => {};

  const become = (next: LeaderState): void => {
    if (state === next) return;
    state = next;
    onChange(next);
  };

  const wait = (delayMs: number, run: () => void): void => {
    cancelTimer();
    cancelTimer = clock.setTimer(delayMs, run);
  };

  const askNow = (): void => {
    isAsking = true;
    const dueMs = clock.nowMs() + leaderSilenceMs;
    wait(leaderSilenceMs, () => {
      // Keeps 1.
      if (clock.nowMs() - dueMs <= sleptMs) become("unresponsive");
      askNow();
    });
    ask();
  };

  const rest = (): void => {
    isAsking = false;
    wait(pingPauseMs, askNow);
  };

  return {
    get state() {
      return state;
    },
    heard: () => {
      if (!isRunning) return;
      become("responding");
      if (isAsking) rest();
    },
    start: () => {
      isRunning = true;
      become("responding");
      askNow();
    },
    stop: () => {
      isRunning = false;
      cancelTimer();
      become("responding");
    },
  };
};
