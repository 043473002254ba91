import { expect, test } from "vitest";
import {
  createLeaderLiveness,
  leaderSilenceMs,
  pingPauseMs,
  type LeaderState,
} from "../../src/tabs/leader-liveness.ts";
import type { Clock } from "../../src/common/clock.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createThrottledClock } from "../support/throttled-clock.ts";

const watched = (answers: boolean, slow: (clock: Clock) => Clock = (same) => same) => {
  const clock = createFakeClock();
  const changes: LeaderState[] = [];
  let asked = 0;
  const liveness = createLeaderLiveness({
    clock: slow(clock),
    ask: () => {
      asked += 1;
      if (answers) liveness.heard();
    },
    onChange: (state) => changes.push(state),
  });
  return { clock, changes, liveness, asked: () => asked };
};

test("asks a leader that answers every other second, and has nothing to tell", async () => {
  const { clock, changes, liveness, asked } = watched(true);

  liveness.start();
  await clock.advance(5 * pingPauseMs);

  expect(asked()).toBe(6);
  expect(changes).toEqual([]);
});

test("tells of a silence once, and of its end", async () => {
  const { clock, changes, liveness } = watched(false);

  liveness.start();
  await clock.advance(3 * leaderSilenceMs);
  expect(changes).toEqual(["unresponsive"]);

  liveness.heard();
  expect(changes).toEqual(["unresponsive", "responding"]);
});

test("does not take its own sleep for the leader's", async () => {
  const timers: (() => void)[] = [];
  let nowMs = 0;
  const changes: LeaderState[] = [];
  const liveness = createLeaderLiveness({
    clock: { nowMs: () => nowMs, setTimer: (_, run) => (timers.push(run), () => {}) },
    ask: () => {},
    onChange: (state) => changes.push(state),
  });
  liveness.start();

  nowMs = 60_000;
  timers.shift()?.();
  expect(changes).toEqual([]);

  nowMs += leaderSilenceMs;
  timers.shift()?.();
  expect(changes).toEqual(["unresponsive"]);
});

test("keeps quiet once stopped", async () => {
  const { clock, changes, liveness, asked } = watched(false);
  liveness.start();

  liveness.stop();
  await clock.advance(10 * leaderSilenceMs);

  expect(asked()).toBe(1);
  expect(changes).toEqual([]);
});

test("is at peace in a hidden tab, whose timers run once a minute", async () => {
  const { clock, changes, liveness, asked } = watched(true, createThrottledClock);

  liveness.start();
  await clock.advance(600_000);

  expect(asked()).toBeGreaterThan(5);
  expect(changes).toEqual([]);
});
