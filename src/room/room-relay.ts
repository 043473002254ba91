/**
 * When a peer is linked through the meeting point: after a direct route did not come up in time, at once when one that
 * stood is gone. Only the peer that makes the attempts decides; the other answers.
 */

import type { Clock } from "../common/clock.ts";
import { defaultRetryPolicy, reconnectDelayMs } from "../signaling/retry-policy.ts";
import type { Random } from "../common/random.ts";
import type { Signaling } from "../signaling/signaling.ts";
import { wantsRelayedRoute } from "./room-routes.ts";
import type { Peer } from "./room-peer.ts";

export interface RoomRelayOptions {
  readonly signaling: Signaling;
  /** Milliseconds until a direct route is late; undefined never to relay. */
  readonly relayAfterMs: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly isInitiator: (peer: Peer) => boolean;
  /** Begins an attempt if the peer is wanted and there is a place. */
  readonly begin: (peer: Peer) => void;
}

export interface RoomRelay {
  /** Whether an offer can be answered. */
  readonly isOpen: boolean;
  /** Whether links without a route can hope for a relayed one: their peers, or this one, may be back in a moment. */
  readonly canCome: boolean;
  /** A direct attempt has begun. */
  directBegan(peer: Peer): void;
  /** There will be no direct route, or there is none any more. */
  directIsGone(peer: Peer): void;
  /** A relayed attempt came to nothing. */
  failed(peer: Peer): void;
}

export const createRoomRelay = (options: RoomRelayOptions): RoomRelay => {
  const { signaling, relayAfterMs, clock, random, isInitiator, begin } = options;
  /** As of the last time in the room: what can be hoped for while the meeting point is away. */
  let relayed = false;
  signaling.on("joined", () => {
    relayed = signaling.relays;
  });
  signaling.on("relay-over", () => {
    relayed = false;
  });

  const isOpen = (): boolean => relayAfterMs !== undefined && signaling.relays;

  const cancel = (peer: Peer): void => {
    peer.cancelRelay?.();
    peer.cancelRelay = undefined;
  };

  const tryNow = (peer: Peer): void => {
    cancel(peer);
    if (!isOpen() || !isInitiator(peer) || peer.member === undefined) return;
    if (wantsRelayedRoute(peer) && peer.relayAttempt === undefined) begin(peer);
  };

  const tryLater = (peer: Peer, delayMs: number): void => {
    cancel(peer);
    if (isOpen() && isInitiator(peer)) peer.cancelRelay = clock.setTimer(delayMs, () => tryNow(peer));
  };

  return {
    get isOpen() {
      return isOpen();
    },
    get canCome() {
      return relayAfterMs !== undefined && (signaling.connected ? signaling.relays : relayed);
    },
    directBegan: (peer) => {
      // The first of several attempts counts: they may fail one after the other, and soon.
      const isPlanned = peer.relayAttempt !== undefined || peer.cancelRelay !== undefined;
      if (peer.link === undefined && !isPlanned) tryLater(peer, relayAfterMs ?? 0);
    },
    directIsGone: tryNow,
    failed: (peer) => tryLater(peer, reconnectDelayMs(defaultRetryPolicy, peer.failures, random.unit())),
  };
};
