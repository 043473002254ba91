/**
 * Presence and broadcasts as one tab's app sees them: throttles and checks what it says, keeps the list of the others.
 * Who is linked, and how what is said reaches the room, is the hub's.
 */

import type { Clock } from "./common/clock.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import { LedgerError } from "./common/errors.ts";
import { bytesToHex, type SiteId } from "./common/ids.ts";
import type { Random } from "./common/random.ts";
import { utf8 } from "./common/utf8.ts";
import type { EphemeralNews, EphemeralRequest } from "./ephemeral/ephemeral-request.ts";
import { noteLimits, type PresenceId } from "./ephemeral/note.ts";

/** Another tab in the room: of a peer, or of this replica. */
export interface PresencePeer {
  /** Of the tab, 16 hex digits: the same for as long as its Ledger is open. */
  readonly id: string;
  /** Of the replica that the tab uses; several tabs share one. */
  readonly peerId: SiteId;
  /** What the tab set last. Not of this version of the app, perhaps: check what you rely on. */
  readonly state: unknown;
}

export interface Presence {
  /**
   * Shows `state` to everyone in the room from now on, instead of what was set before; null or undefined shows nothing
   * any more. Sent every 50 ms at most, and never stored.
   * @param state - a value that JSON can carry, of 4,096 bytes as JSON text at most
   * @throws LedgerError LEDGER_MESSAGE_INVALID, LEDGER_NOT_INITIALIZED, LEDGER_CLOSED
   */
  set(state: unknown): void;
  /** Everyone else in the room who has set a state. A new array whenever something in it changes, and only then. */
  readonly peers: readonly PresencePeer[];
}

/** Who sent a broadcast: a tab, as {@link PresencePeer} names it. */
export type BroadcastSender = Pick<PresencePeer, "id" | "peerId">;

export type BroadcastListener = (payload: unknown, sender: BroadcastSender) => void;

/** Least time between two states of one tab, milliseconds. */
export const presenceThrottleMs = 50;

/** Broadcasts of one tab: this many at once, and so many per second over time. */
export const broadcastBurst = 100;
export const broadcastsPerSecond = 50;

export interface PresenceClient {
  readonly presence: Presence;
  /** The host is there, or another opening of the database stands behind it, which knows nothing of this tab. */
  start(send: (request: EphemeralRequest) => Promise<void>): void;
  stop(): void;
  heard(news: EphemeralNews): void;
  /** @throws LedgerError LEDGER_MESSAGE_INVALID, LEDGER_RATE_LIMITED */
  broadcast(topic: string, payload: unknown): Promise<void>;
  onBroadcast(topic: string, listener: BroadcastListener): Unsubscribe;
}

export interface PresenceClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Throws when the database is not open. */
  readonly checkOpen: (call: string) => void;
  readonly onChange: (peers: readonly PresencePeer[]) => void;
  readonly onListenerError: (error: unknown) => void;
}

export const createPresenceClient = (options: PresenceClientOptions): PresenceClient => {
  const { clock } = options;
  const id = bytesToHex(options.random.bytes(8)) as PresenceId;
  const others = new Map<string, PresencePeer>();
  const topics = createEmitter<Record<string, readonly [unknown, BroadcastSender]>>(options.onListenerError);
  let peers: readonly PresencePeer[] = [];
  let send: ((request: EphemeralRequest) => Promise<void>) | undefined;
  let state: string | undefined;
  let sentAtMs = -Infinity;
  let cancelSending: (() => void) | undefined;
  let number = 0;
  let credit = broadcastBurst;
  let creditAtMs = clock.nowMs();

  const sendState = (isNew: boolean): void => {
    cancelSending?.();
    cancelSending = undefined;
    sentAtMs = clock.nowMs();
    // Lost with a leader that went: start() comes again.
    send?.({ type: "presence", id, state, isNew }).catch(() => {});
  };

  const setState = (text: string | undefined): void => {
    if (text === state) return;
    state = text;
    const waitMs = sentAtMs + presenceThrottleMs - clock.nowMs();
    // The clock may have been set back.
    if (waitMs <= 0 || waitMs > presenceThrottleMs) sendState(false);
    else cancelSending ??= clock.setTimer(waitMs, () => sendState(false));
  };

  const heardPresence = (news: Extract<EphemeralNews, { type: "presence" }>): void => {
    const before = new Map(others);
    if (news.whole) others.clear();
    for (const goneId of news.gone) others.delete(goneId);
    for (const { id: otherId, siteId, state: text } of news.present) {
      if (otherId === id) continue;
      const known = before.get(otherId);
      const parsed: unknown = JSON.parse(text); // The hub has read it before.
      const isSame = known?.peerId === siteId && JSON.stringify(known.state) === JSON.stringify(parsed);
      others.set(otherId, isSame ? known : { id: otherId, peerId: siteId, state: parsed });
    }
    const isSame = others.size === before.size && [...others].every(([key, peer]) => before.get(key) === peer);
    if (isSame) return;
    peers = [...others.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    options.onChange(peers);
  };

  const takeCredit = (): void => {
    const nowMs = clock.nowMs();
    const earned = (Math.max(0, nowMs - creditAtMs) * broadcastsPerSecond) / 1_000;
    credit = Math.min(broadcastBurst, credit + earned);
    creditAtMs = nowMs;
    if (credit < 1) {
      const message = `a tab may broadcast ${broadcastsPerSecond} messages a second; collect what changes faster`;
      throw new LedgerError("LEDGER_RATE_LIMITED", message);
    }
    credit -= 1;
  };

  return {
    presence: {
      set: (next) => {
        options.checkOpen("presence.set");
        setState(next === null || next === undefined ? undefined : toJson(next, noteLimits.stateBytes, "a state"));
      },
      get peers() {
        return peers;
      },
    },
    start: (sendOn) => {
      send = sendOn;
      sendState(true);
    },
    stop: () => {
      send = undefined;
      cancelSending?.();
      heardPresence({ type: "presence", whole: true, present: [], gone: [] });
    },
    heard: (news) => {
      if (news.type === "presence") return heardPresence(news);
      if (news.id === id) return;
      const payload: unknown = typeof news.payload === "string" ? JSON.parse(news.payload) : news.payload;
      topics.emit(topicKey(news.topic), payload, { id: news.id, peerId: news.siteId });
    },
    broadcast: async (topic, payload) => {
      options.checkOpen("broadcast");
      checkTopic(topic);
      const body =
        payload instanceof Uint8Array ? checkedBytes(payload) : toJson(payload, noteLimits.payloadBytes, "a payload");
      takeCredit();
      number += 1;
      await send?.({ type: "broadcast", id, number, topic, payload: body });
    },
    onBroadcast: (topic, listener) => {
      checkTopic(topic);
      return topics.on(topicKey(topic), listener);
    },
  };
};

/** A name of the app's must not meet one that every object has. */
const topicKey = (topic: string): string => `topic ${topic}`;

const invalid = (message: string, cause?: unknown): LedgerError =>
  new LedgerError("LEDGER_MESSAGE_INVALID", message, ...(cause === undefined ? [] : [{ cause }]));

const checkTopic = (topic: unknown): void => {
  const fits = typeof topic === "string" && topic !== "" && utf8.encode(topic).length <= noteLimits.topicBytes;
  if (!fits) throw invalid(`a topic is a text of 1 to ${noteLimits.topicBytes} bytes`);
};

const checkedBytes = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length > noteLimits.payloadBytes) throw tooLarge("a payload", bytes.length, noteLimits.payloadBytes);
  return bytes.slice();
};

const tooLarge = (what: string, bytes: number, maxBytes: number): LedgerError =>
  invalid(`${what} may have ${maxBytes} bytes, this one has ${bytes}; store what is large and send its id`);

const toJson = (value: unknown, maxBytes: number, what: string): string => {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw invalid(`${what} must be a value that JSON can carry`, cause);
  }
  if (text === undefined) throw invalid(`${what} must be a value that JSON can carry`);
  const bytes = utf8.encode(text).length;
  if (bytes > maxBytes) throw tooLarge(what, bytes, maxBytes);
  return text;
};
