/** Frames that pass when a test says so. */

import type { NextFrame } from "../../src/live/frames.ts";

export interface ManualFrames {
  readonly nextFrame: NextFrame;
  /** How many calls wait for the next frame. */
  readonly waiting: number;
  /** Lets one frame pass, and then whatever it set off. */
  pass(): Promise<void>;
}

export const createManualFrames = (): ManualFrames => {
  const waiting = new Set<() => void>();
  return {
    nextFrame: (run) => {
      const entry = (): void => run();
      waiting.add(entry);
      return () => waiting.delete(entry);
    },
    get waiting() {
      return waiting.size;
    },
    pass: async () => {
      const due = [...waiting];
      waiting.clear();
      for (const run of due) run();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};
