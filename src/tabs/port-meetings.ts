/** PortMeetings by a broker; see port-broker.ts. */

import type { Meeting } from "./port-broker.ts";
import type { DirectPort, PortMeetings } from "./tab-channel.ts";

/**
 * @param connect - a new connection to the broker, which may never answer; undefined where there is none. Connecting anew each
 *   time finds another broker when the one before is gone, which nothing tells
 */
export const createPortMeetings = (connect: () => MessagePort | undefined): PortMeetings => ({
  meet: (name, onPort) => {
    const broker = connect();
    if (broker === undefined) return () => {};
    broker.onmessage = ({ ports: [port] }: MessageEvent<unknown>) => {
      broker.close();
      if (port !== undefined) onPort(createDirectPort(port));
    };
    broker.postMessage({ meet: name } satisfies Meeting);
    return () => broker.close();
  },
});

const createDirectPort = (port: MessagePort): DirectPort => {
  let isOpen = true;
  return {
    post: (message) => {
      if (isOpen) port.postMessage(message);
    },
    onMessage: (listener) => {
      port.onmessage = (event: MessageEvent<unknown>) => {
        if (isOpen) listener(event.data);
      };
    },
    onClose: (listener) => {
      // In browsers since 2024.
      port.addEventListener("close", () => {
        if (isOpen) listener();
      });
    },
    close: () => {
      isOpen = false;
      port.close();
    },
  };
};
