/**
 * Signaling over a WebSocket to the server of signaling-server/. Keeps trying for ever: full jitter between attempts,
 * slowly after a refusal, at once when the browser comes back online. Finds peers; does not seal payloads.
 */

import { bytesToBase64url } from "../common/base64url.ts";
import type { Clock } from "../common/clock.ts";
import { createEmitter, type Unsubscribe } from "../common/emitter.ts";
import { LedgerError } from "../common/errors.ts";
import type { MemberId, RoomId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { defaultRetryPolicy, reconnectDelayMs, refusedDelayMs, type RetryPolicy } from "./retry-policy.ts";
import {
  openSignalingConnection,
  type Bearer,
  type SignalingConnection,
  type SignalingSocketConstructor,
} from "./signaling-connection.ts";
import { maxPayloadBytes, type Signaling, type SignalingEvents } from "./signaling.ts";

export interface WebSocketSignalingOptions {
  /** `ws://` or `wss://`; on pages served over https only `wss://` works, save for localhost. */
  readonly url: string;
  readonly roomId: RoomId;
  /** For servers that ask for one. Default: none is sent. */
  readonly bearer?: Bearer | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy?: Partial<RetryPolicy>;
  /** Default: the global one; Node 20 has none. */
  readonly webSocket?: SignalingSocketConstructor;
  /** Calls `wake` whenever the network is back. Default: the page's `online` event, where there is one. */
  readonly watchOnline?: (wake: () => void) => Unsubscribe;
}

/**
 * States: `connecting` and `joined` own a connection, `waiting` owns a timer, `closed` owns nothing.
 */
type State =
  | { readonly phase: "connecting"; readonly connection: SignalingConnection }
  | { readonly phase: "joined"; readonly connection: SignalingConnection; readonly sinceMs: number }
  | { readonly phase: "waiting"; readonly cancelTimer: () => void }
  | { readonly phase: "closed" };

/**
 * Starts connecting at once; listeners attached in the same turn miss nothing.
 * @throws LedgerError `LEDGER_OPTION_INVALID` when the URL is no WebSocket URL or there is no WebSocket class
 */
export const openWebSocketSignaling = (options: WebSocketSignalingOptions): Signaling => {
  const { clock, random, logger, roomId } = options;
  const url = checkedUrl(options.url);
  const webSocket = checkedWebSocket(options.webSocket);
  const policy: RetryPolicy = { ...defaultRetryPolicy, ...options.policy };
  const events = createEmitter<SignalingEvents>((error, event) =>
    logger.error("a signaling listener threw", { event, error: String(error) }),
  );

  let state: State = { phase: "waiting", cancelTimer: () => {} };
  /** As told to the app; starts over with every `joined`. */
  let attempt = 0;
  /** What the delay grows with; starts over only after a membership that lasted. */
  let failures = 0;

  const connect = (): void => {
    if (state.phase !== "waiting") return;
    state.cancelTimer();
    const self = bytesToBase64url(random.bytes(16)) as MemberId;
    const connection = openSignalingConnection({
      url,
      roomId,
      self,
      webSocket,
      clock,
      connectTimeoutMs: policy.connectTimeoutMs,
      bearer: options.bearer,
      onJoined: (members, iceServers) => {
        attempt = 0;
        state = { phase: "joined", connection, sinceMs: clock.nowMs() };
        logger.debug("joined the room", { members: members.length });
        if (iceServers === undefined) events.emit("joined", self, members);
        else events.emit("joined", self, members, iceServers);
      },
      onFrame: (frame) => {
        switch (frame.type) {
          case "message":
            return events.emit("message", frame.from, frame.payload);
          case "relay":
            return events.emit("relayed", frame.from, frame.payload);
          case "relay-credit":
          case "relay-over":
            return events.emit(frame.type);
          case "ice-servers":
            return events.emit("ice-servers", frame.iceServers);
          case "member-joined":
          case "member-left":
            return events.emit(frame.type, frame.member);
        }
      },
      onEnd: ended,
    });
    state = { phase: "connecting", connection };
  };

  const ended = (error: LedgerError): void => {
    const wasRefused = error.code === "LEDGER_SIGNALING_REFUSED";
    logger.debug("signaling ended", { code: error.code, reason: error.message });
    const before = state;
    if (before.phase === "joined" && clock.nowMs() - before.sinceMs >= policy.stableMs) failures = 0;
    const delayMs = wasRefused
      ? refusedDelayMs(policy, random.unit())
      : reconnectDelayMs(policy, failures, random.unit());
    failures += 1;
    retryIn(delayMs);

    // State first, then events: a listener may call close() or send().
    if (before.phase === "joined") events.emit("lost");
    if (before.phase !== "joined" || wasRefused) events.emit("failed", error);
    announceRetry(delayMs);
  };

  const retryIn = (delayMs: number): void => {
    attempt += 1;
    state = { phase: "waiting", cancelTimer: clock.setTimer(delayMs, connect) };
  };

  const announceRetry = (delayMs: number): void => {
    // A listener may have closed us meanwhile, and no event follows a close.
    if (state.phase !== "closed") events.emit("reconnecting", attempt, delayMs);
  };

  const wake = (): void => {
    if (state.phase === "waiting") return connect();
    if (state.phase !== "joined") return;
    // The socket belongs to the network of before: it is dead, or will be, long before the browser says so.
    state.connection.close();
    failures = 0;
    retryIn(0);
    events.emit("lost");
    announceRetry(0);
  };

  const stopWatching = (options.watchOnline ?? watchPageOnline)(wake);
  queueMicrotask(connect);

  return {
    get connected() {
      return state.phase === "joined";
    },
    send: (to, payload) => {
      if (payload.length > maxPayloadBytes) throw new RangeError(`a payload has at most ${maxPayloadBytes} bytes`);
      if (state.phase === "joined") state.connection.send(to, payload);
    },
    get relays() {
      return state.phase === "joined" && state.connection.relayCredit !== undefined;
    },
    relay: (to, payload) => {
      if (payload.length > maxPayloadBytes) throw new RangeError(`a payload has at most ${maxPayloadBytes} bytes`);
      return state.phase === "joined" && state.connection.relay(to, payload);
    },
    renewIceServers: () => {
      if (state.phase === "joined") state.connection.renewIceServers();
    },
    on: (event, listener) => events.on(event, listener),
    close: () => {
      if (state.phase === "closed") return;
      stopWatching();
      events.clear();
      if (state.phase === "waiting") state.cancelTimer();
      else state.connection.close();
      state = { phase: "closed" };
    },
  };
};

/** Workers have the event as well; Node has neither. */
const watchPageOnline = (wake: () => void): Unsubscribe => {
  if (typeof globalThis.addEventListener !== "function") return () => {};
  const listener = (): void => wake();
  globalThis.addEventListener("online", listener);
  return () => globalThis.removeEventListener("online", listener);
};

const checkedUrl = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^wss?:$/.test(parsed.protocol) || parsed.hash !== "") {
    throw new LedgerError("LEDGER_OPTION_INVALID", "the signaling URL must be absolute and start with ws:// or wss://");
  }
  return parsed.href;
};

const checkedWebSocket = (injected: SignalingSocketConstructor | undefined): SignalingSocketConstructor => {
  const webSocket = injected ?? (globalThis.WebSocket as SignalingSocketConstructor | undefined);
  if (webSocket === undefined) {
    throw new LedgerError("LEDGER_OPTION_INVALID", "there is no WebSocket here; pass the class of the ws package");
  }
  return webSocket;
};
