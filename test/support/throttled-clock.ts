/** A clock as a page has it that has been hidden for a while: its timers run at whole minutes only. */

import type { Clock } from "../../src/common/clock.ts";

const minuteMs = 60_000;

/** @see https://developer.chrome.com/blog/timer-throttling-in-chrome-88 */
export const createThrottledClock = (clock: Clock): Clock => ({
  nowMs: () => clock.nowMs(),
  setTimer: (delayMs, run) => {
    const nowMs = clock.nowMs();
    return clock.setTimer(Math.ceil((nowMs + delayMs) / minuteMs) * minuteMs - nowMs, run);
  },
});
