/**
 * A {@link Channel} that outlives the route beneath it: it moves from one to another without losing or doubling a message,
 * and whoever is above it notices nothing but another `route`. Both ends count messages; on a new route each says how
 * many it has received, and the other sends again what is missing. Which route to take, and whether to wait for one, is
 * the owner's business; of two ends only the one that made the attempt calls `move`, the other answers with `accept`.
 *
 * Must hold:
 * M1  what was sent is kept until the other end has said that it received it;
 * M2  after saying how much was received, nothing more is taken from the old route unless the move has failed;
 * M3  on a new route, what the other end lacks goes first and in order;
 * M4  what is kept is bounded: an end that does not say what it received is given up.
 */

import type { Clock } from "../common/clock.ts";
import { createSilentLogger, type Logger } from "../common/logger.ts";
import type { Channel, ChannelEvents } from "./channel.ts";
import { createHoldingEmitter } from "./holding-emitter.ts";
import { createKeptMessages } from "./kept-messages.ts";
import type { Route } from "./route.ts";
import { decodeAttach, decodeReceived, encodeAttach, encodeReceived, type Attach } from "./route-messages.ts";

type Message = Uint8Array<ArrayBuffer>;

export interface MovableEvents extends ChannelEvents {
  /** There is no route any more; messages wait for `move` or `accept`. */
  detached: readonly [reason: string];
  /** On another route. */
  moved: readonly [];
}

/** `refused`: the other end knows no such channel; the route is good for a new one. `lost`: the route broke. */
export type MoveOutcome = "moved" | "refused" | "lost";

export interface MovableChannel extends Omit<Channel, "on"> {
  readonly name: string;
  readonly isDetached: boolean;
  /** Whether `move` may be called. */
  readonly isMovable: boolean;
  on<K extends keyof MovableEvents>(event: K, listener: (...args: MovableEvents[K]) => void): () => void;
  /** Asks the other end to go on over `route`. The present one is left when it agrees, and kept when not. */
  move(route: Route): Promise<MoveOutcome>;
  /** Goes on over `route`, on which the other end has sent `attach`. */
  accept(route: Route, attach: Attach): void;
  /** Gives the present route up: it may stand, but does not carry. */
  leave(reason: string): void;
}

export interface MovableChannelOptions {
  readonly name: string;
  /**
   * How it begins on its first route: `asks` when the other end has yet to say that it begins as well, `answers` when it
   * has asked, `agreed` when both have said so.
   */
  readonly begins: "asks" | "answers" | "agreed";
  /** Asked when a route is lost: whether another is to be hoped for. Default: never; losing the route closes the channel. */
  readonly canWait?: () => boolean;
  readonly clock: Clock;
  readonly logger?: Logger;
}

type State =
  | { readonly phase: "attached"; readonly route: Route; readonly isAnswered: boolean }
  | Moving
  | { readonly phase: "detached"; readonly lastRoute: Route }
  | { readonly phase: "closed"; readonly lastRoute: Route };

interface Moving {
  readonly phase: "moving";
  /** Undefined when it was lost before or meanwhile. */
  from: Route | undefined;
  readonly to: Route;
  readonly lastRoute: Route;
  /** From the old route, since we said how much was received. */
  readonly held: Message[];
  readonly cancelTimer: () => void;
  readonly settle: (outcome: MoveOutcome) => void;
}

/** How much is received before it is said, at the latest. */
const sayAfterBytes = 64 * 1024;
const sayAfterMessages = 256;

/** Several times the window of a link. */
const maxKeptBytes = 4 * 1024 * 1024;

const answerTimeoutMs = 5_000;

/** Takes the route over. */
export const createMovableChannel = (first: Route, options: MovableChannelOptions): MovableChannel => {
  const { name, begins, canWait = () => false, clock, logger = createSilentLogger() } = options;
  const { maxMessageBytes } = first.channel;

  let state: State = { phase: "attached", route: first, isAnswered: begins !== "asks" };
  const kept = createKeptMessages();
  /** Why it is to be closed once a move has been decided. */
  let closing: string | undefined;
  let received = 0;
  let unsaidMessages = 0;
  let unsaidBytes = 0;
  const events = createHoldingEmitter<MovableEvents, "message">("message", (error, event) =>
    logger.error("a channel's listener threw", { event, error: String(error) }),
  );

  const lastRoute = (): Route => (state.phase === "attached" ? state.route : state.lastRoute);

  const close = (reason: string): void => {
    if (state.phase !== "moving") return finish(reason);
    // What was sent last, the reason above all, leaves when it is known on which route.
    closing ??= reason;
    events.end(closing);
  };

  const finish = (reason: string): void => {
    const before = state;
    if (before.phase === "closed") return;
    state = { phase: "closed", lastRoute: lastRoute() };
    kept.clear();
    if (before.phase === "attached") before.route.channel.close(reason);
    if (before.phase === "moving") {
      before.cancelTimer();
      before.from?.channel.close(reason);
      before.to.channel.close(reason);
      before.settle("lost");
    }
    events.end(reason);
  };

  const put = (route: Route, messages: readonly Message[]): void => {
    for (const message of messages) route.channel.send(message);
  };

  const send = (message: Message): void => {
    if (state.phase === "closed" || closing !== undefined) return;
    kept.add(message, state.phase === "attached"); // M1
    if (kept.bytes > maxKeptBytes) return finish("ROUTE_UNCONFIRMED"); // M4
    if (state.phase === "attached") state.route.channel.send(message);
  };

  const take = (route: Route, message: Message): void => {
    const said = decodeReceived(message);
    if (said !== undefined) {
      if (!said.ok || !kept.confirm(said.value)) finish("ROUTE_MALFORMED");
      return;
    }
    received = (received + 1) >>> 0;
    unsaidMessages += 1;
    unsaidBytes += message.length;
    if (unsaidMessages >= sayAfterMessages || unsaidBytes >= sayAfterBytes) {
      unsaidMessages = 0;
      unsaidBytes = 0;
      route.channel.send(encodeReceived(received));
    }
    events.offer(message);
  };

  const arrive = (route: Route, message: Message): void => {
    if (state.phase === "moving") {
      if (route === state.to) return decide(state, message);
      if (route === state.from) state.held.push(message); // M2
      return;
    }
    if (state.phase !== "attached" || route !== state.route) return;
    if (state.isAnswered) return take(route, message);
    const answer = decodeAttach(message);
    if (!answer.ok || answer.value.name !== name || answer.value.received !== 0) return finish("ROUTE_MALFORMED");
    state = { phase: "attached", route, isAnswered: true };
  };

  /** Takes what comes of `route` for as long as that is a route of this channel. */
  const listen = (route: Route): void =>
    route.deliverTo({
      message: (message) => arrive(route, message),
      drain: () => {
        if (state.phase === "attached" && route === state.route) events.emit("drain");
      },
      close: (reason) => {
        if (state.phase === "attached" && route === state.route) return lose(route, reason);
        if (state.phase !== "moving") return;
        if (route === state.from) state.from = undefined;
        if (route === state.to) stay(state, reason);
      },
    });

  const lose = (route: Route, reason: string): void => {
    if (!canWait()) return finish(reason);
    state = { phase: "detached", lastRoute: route };
    logger.info("a route was lost", { route: route.channel.route, reason });
    events.emit("detached", reason);
  };

  const attach = (route: Route): void => {
    state = { phase: "attached", route, isAnswered: true };
    put(route, kept.sendAll()); // M3
    events.emit("moved");
    // Whoever waits for room waited for that of the old route.
    if (lastRoute() === route) events.emit("drain");
  };

  /** The other end's answer on the route that was offered to it. */
  const decide = (moving: Moving, message: Message): void => {
    const answer = decodeAttach(message);
    if (!answer.ok || (answer.value.name === name && !kept.confirm(answer.value.received))) {
      moving.to.channel.close("ROUTE_MALFORMED");
      return stay(moving, "ROUTE_MALFORMED");
    }
    if (answer.value.name !== name) {
      moving.to.hold();
      return stay(moving, "ROUTE_REFUSED", "refused");
    }
    moving.cancelTimer();
    moving.from?.channel.close("MOVED");
    attach(moving.to);
    moving.settle("moved");
    if (closing !== undefined) finish(closing);
  };

  /** The move came to nothing: on with the old route where it was left, if it is still there. */
  const stay = (moving: Moving, reason: string, outcome: MoveOutcome = "lost"): void => {
    if (state !== moving) return;
    moving.cancelTimer();
    const { from, held } = moving;
    if (from !== undefined) {
      state = { phase: "attached", route: from, isAnswered: true };
      put(from, kept.sendRest());
      // What is taken may lead to another move, which then holds the rest.
      for (const message of held) arrive(from, message);
    } else if (outcome === "lost") lose(moving.lastRoute, reason);
    else state = { phase: "detached", lastRoute: moving.lastRoute };
    moving.settle(outcome);
    if (closing !== undefined) finish(closing);
  };

  if (begins !== "agreed") first.channel.send(encodeAttach({ name, received: 0 }));
  listen(first);

  return {
    name,
    maxMessageBytes,
    get route() {
      return lastRoute().channel.route;
    },
    get fingerprints() {
      return lastRoute().channel.fingerprints;
    },
    get bufferedBytes() {
      return state.phase === "attached" ? state.route.channel.bufferedBytes : kept.unsentBytes;
    },
    get isDetached() {
      return state.phase === "detached";
    },
    get isMovable() {
      return state.phase === "detached" || (state.phase === "attached" && state.isAnswered);
    },
    send,
    on: events.on,
    close,
    move: (to) =>
      new Promise((settle) => {
        if (state.phase === "closed" || state.phase === "moving") return settle("lost");
        const moving: Moving = {
          phase: "moving",
          from: state.phase === "attached" ? state.route : undefined,
          to,
          lastRoute: lastRoute(),
          held: [],
          cancelTimer: clock.setTimer(answerTimeoutMs, () => {
            to.channel.close("ROUTE_TIMEOUT");
            stay(moving, "ROUTE_TIMEOUT");
          }),
          settle,
        };
        state = moving;
        to.channel.send(encodeAttach({ name, received }));
        listen(to);
      }),
    accept: (to, { received: theirs }) => {
      if (state.phase !== "attached" && state.phase !== "detached") return to.channel.close("ROUTE_MALFORMED");
      const from = state.phase === "attached" ? state.route : undefined;
      if (!kept.confirm(theirs)) {
        to.channel.close("ROUTE_MALFORMED");
        return finish("ROUTE_MALFORMED");
      }
      // Before the old route's end is told, which would be taken for the channel's.
      state = { phase: "detached", lastRoute: lastRoute() };
      from?.channel.close("MOVED");
      to.channel.send(encodeAttach({ name, received }));
      attach(to);
      listen(to);
    },
    leave: (reason) => {
      if (state.phase !== "attached") return;
      const { route } = state;
      state = { phase: "detached", lastRoute: route };
      route.channel.close(reason);
      lose(route, reason);
    },
  };
};
