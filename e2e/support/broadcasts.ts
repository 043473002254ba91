/** Tells by which way tabs talk: counts what a page posts on BroadcastChannels. */

import type { BrowserContext, Page } from "@playwright/test";

declare global {
  interface Window {
    /** Messages that the page has posted on a BroadcastChannel. */
    broadcasts: number;
  }
}

/** In pages that are loaded from now on. */
export const countBroadcasts = (pages: BrowserContext | Page): Promise<unknown> =>
  pages.addInitScript(() => {
    const { postMessage } = BroadcastChannel.prototype;
    window.broadcasts = 0;
    BroadcastChannel.prototype.postMessage = function (message) {
      window.broadcasts += 1;
      postMessage.call(this, message);
    };
  });
