/**
 * A channel whose events go to one taker at a time, and wait while there is none: what a movable channel moves between.
 */

import type { Clock } from "../common/clock.ts";
import type { Channel } from "./channel.ts";
import { decodeAttach, type Attach } from "./route-messages.ts";

type Message = Uint8Array<ArrayBuffer>;

export interface RouteTaker {
  message(message: Message): void;
  drain(): void;
  /** Last, once. */
  close(reason: string): void;
}

export interface Route {
  readonly channel: Channel;
  /** Hands over what has waited, at once, and all that comes from now on. */
  deliverTo(taker: RouteTaker): void;
  /** From now on everything waits for the next taker. */
  hold(): void;
}

/** Takes the channel over. */
export const openRoute = (channel: Channel): Route => {
  const waiting: Message[] = [];
  let taker: RouteTaker | undefined;
  let closed: { readonly reason: string } | undefined;

  channel.on("message", (message) => {
    if (taker === undefined || waiting.length > 0) waiting.push(message);
    else taker.message(message);
  });
  channel.on("drain", () => taker?.drain());
  channel.on("close", (reason) => {
    closed = { reason };
    taker?.close(reason);
  });

  return {
    channel,
    deliverTo: (next) => {
      taker = next;
      // The taker may hand over to another while it is given these.
      for (let [message] = waiting; message !== undefined && taker === next; [message] = waiting) {
        waiting.shift();
        next.message(message);
      }
      if (taker === next && closed !== undefined) next.close(closed.reason);
    },
    hold: () => {
      taker = undefined;
    },
  };
};

/** Resolves with the route's first message, undefined when that is no attach or does not come in time; then it is closed. */
export const awaitAttach = (route: Route, clock: Clock, timeoutMs: number): Promise<Attach | undefined> =>
  new Promise((resolve) => {
    const finish = (attach: Attach | undefined, reason: string): void => {
      cancelTimer();
      route.hold();
      if (attach === undefined) route.channel.close(reason);
      resolve(attach);
    };
    const cancelTimer = clock.setTimer(timeoutMs, () => finish(undefined, "ROUTE_TIMEOUT"));
    route.deliverTo({
      message: (message) => {
        const attach = decodeAttach(message);
        finish(attach.ok ? attach.value : undefined, "ROUTE_MALFORMED");
      },
      drain: () => {},
      close: (reason) => finish(undefined, reason),
    });
  });
