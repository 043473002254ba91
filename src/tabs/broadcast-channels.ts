/** TabChannels over BroadcastChannel. */

import type { TabChannels } from "./tab-channel.ts";

export const createBroadcastChannels = (): TabChannels => ({
  open: (name) => {
    const channel = new BroadcastChannel(name);
    let isOpen = true;
    return {
      post: (message) => {
        if (isOpen) channel.postMessage(message);
      },
      onMessage: (listener) => {
        channel.onmessage = (event: MessageEvent<unknown>) => {
          if (isOpen) listener(event.data);
        };
      },
      close: () => {
        isOpen = false;
        channel.close();
      },
    };
  },
});
