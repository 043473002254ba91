/** Port and adapter: when the page is put away, and when it comes back from the back/forward cache. */

import type { Unsubscribe } from "../common/emitter.ts";

export interface PageLifecycle {
  /** @param listener - told whether the page may come back; must do its work at once, the page is frozen next */
  onHide(listener: (mayReturn: boolean) => void): Unsubscribe;
  onShow(listener: () => void): Unsubscribe;
}

const listen = (type: "pagehide" | "pageshow", run: (event: PageTransitionEvent) => void): Unsubscribe => {
  addEventListener(type, run);
  return () => removeEventListener(type, run);
};

export const createPageLifecycle = (): PageLifecycle => ({
  onHide: (listener) => listen("pagehide", (event) => listener(event.persisted)),
  onShow: (listener) => listen("pageshow", () => listener()),
});
