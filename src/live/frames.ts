/** When to look what has to run again: once per animation frame, so that many commits in a row cost one run. */

import type { Clock } from "../common/clock.ts";

/** Calls `run` once, later. @returns calls it off */
export type NextFrame = (run: () => void) => () => void;

/** What a page has; all of it is missing in Node and in workers. */
export interface FrameSource {
  readonly requestAnimationFrame?: (run: () => void) => number;
  readonly cancelAnimationFrame?: (frame: number) => void;
}

/** A page that nobody sees gets no animation frames; this late it goes on without, milliseconds. */
export const unseenFrameMs = 100;

export const createFrames =
  (clock: Clock, { requestAnimationFrame, cancelAnimationFrame }: FrameSource): NextFrame =>
  (run) => {
    if (requestAnimationFrame === undefined) return clock.setTimer(0, run);
    const cancel = (): void => {
      cancelAnimationFrame?.(frame);
      stopTimer();
    };
    const runOnce = (): void => {
      cancel();
      run();
    };
    const frame = requestAnimationFrame(runOnce);
    const stopTimer = clock.setTimer(unseenFrameMs, runOnce);
    return cancel;
  };
