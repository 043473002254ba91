/**
 * Reads a channel message by message, then gives it back whole: what arrived meanwhile, the close event included, waits
 * for the next owner's listeners. So a handshake ends at exactly the right message and none is lost.
 */

import { createEmitter } from "../common/emitter.ts";
import type { Logger } from "../common/logger.ts";
import type { Channel, ChannelEvents } from "../transport/channel.ts";

type Message = Uint8Array<ArrayBuffer>;

export interface ChannelInbox {
  /** The next message in order; undefined once the channel has closed or `stop` was called, even if messages wait. */
  next(): Promise<Message | undefined>;
  /** Why there will be no next message. */
  readonly stopped: string | undefined;
  /** Drops what waits and all that comes. */
  stop(reason: string): void;
  /**
   * The rest of the channel, as a channel. It delivers from the turn after the first `on`: attach all listeners in
   * one go.
   */
  release(): Channel;
}

/**
 * @param onArrival - sees every message before it is kept; a reason returned refuses the message and stops the reading,
 * or closes the channel when it was released
 */
export const openChannelInbox = (
  channel: Channel,
  logger: Logger,
  onArrival: (message: Message) => string | undefined,
): ChannelInbox => {
  const events = createEmitter<ChannelEvents>((error, event) =>
    logger.error("a channel listener threw", { event, error: String(error) }),
  );
  const waiting: Message[] = [];
  let closed: { readonly reason: string } | undefined;
  let stopped: string | undefined;
  let mode: "reading" | "holding" | "flowing" = "reading";
  let wakeReader: () => void = () => {};

  const stop = (reason: string): void => {
    if (mode !== "reading" || stopped !== undefined) return;
    stopped = reason;
    waiting.length = 0;
    wakeReader();
  };

  channel.on("message", (message) => {
    if (mode === "flowing") return events.emit("message", message);
    if (stopped !== undefined) return;
    const objection = onArrival(message);
    if (objection !== undefined) return mode === "reading" ? stop(objection) : channel.close(objection);
    waiting.push(message);
    wakeReader();
  });
  channel.on("close", (reason) => {
    if (mode === "flowing") return events.emit("close", reason);
    closed = { reason };
    // Also when messages wait: nobody is there to answer them.
    stop("CLOSED");
  });

  const flow = (): void => {
    // A listener may make more arrive while the old ones are handed out.
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      events.emit("message", message);
    }
    mode = "flowing";
    if (closed !== undefined) events.emit("close", closed.reason);
  };

  return {
    get stopped() {
      return stopped;
    },
    stop,
    next: async () => {
      while (waiting.length === 0 && stopped === undefined) {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
      return stopped === undefined ? waiting.shift() : undefined;
    },
    release: () => {
      mode = "holding";
      let asked = false;
      return {
        route: channel.route,
        maxMessageBytes: channel.maxMessageBytes,
        fingerprints: channel.fingerprints,
        get bufferedBytes() {
          return channel.bufferedBytes;
        },
        send: (message) => channel.send(message),
        close: (reason) => channel.close(reason),
        on: (event, listener) => {
          if (!asked) queueMicrotask(flow);
          asked = true;
          return event === "drain" ? channel.on(event, listener) : events.on(event, listener);
        },
      };
    },
  };
};
