/**
 * Port and adapter: when the page is put away, and when it comes back. It may be put into the back/forward cache, or be
 * frozen where it is, hidden, to save power; a frozen page that is discarded next is not told of that.
 */

import type { Unsubscribe } from "../common/emitter.ts";

export interface PageLifecycle {
  /** @param listener - told whether the page may come back; must do its work at once, the page is frozen next */
  onHide(listener: (mayReturn: boolean) => void): Unsubscribe;
  onShow(listener: () => void): Unsubscribe;
}

const listen = (target: EventTarget, type: string, run: (event: Event) => void): Unsubscribe => {
  target.addEventListener(type, run);
  return () => target.removeEventListener(type, run);
};

/** A page on its way to the back/forward cache and back is told of it twice. */
export const createPageLifecycle = (): PageLifecycle => ({
  onHide: (listener) => {
    const stopHiding = listen(window, "pagehide", (event) => listener((event as PageTransitionEvent).persisted));
    const stopFreezing = listen(document, "freeze", () => listener(true));
    return () => {
      stopHiding();
      stopFreezing();
    };
  },
  onShow: (listener) => {
    const stopShowing = listen(window, "pageshow", listener);
    const stopResuming = listen(document, "resume", listener);
    return () => {
      stopShowing();
      stopResuming();
    };
  },
});
