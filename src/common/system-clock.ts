/** The {@link Clock} of the platform. */

import type { Clock } from "./clock.ts";

export const createSystemClock = (): Clock => ({
  nowMs: () => Date.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
});
