/** The worker's side of the limits. */

import type { LimitCall } from "./worker-system.ts";

export const answerCalls = (perform: (call: LimitCall) => unknown): void => {
  self.addEventListener("message", ({ data: { id, message } }: MessageEvent<{ id: number; message: LimitCall }>) => {
    void (async () => {
      try {
        self.postMessage({ id, value: await perform(message) });
      } catch (error) {
        self.postMessage({ id, error: String(error) });
      }
    })();
  });
};
