/** What a room does later about one peer: tries again, asks to be linked, gives up a link that nobody needs any more. */

import type { Clock } from "../common/clock.ts";
import type { SiteId } from "../common/ids.ts";
import type { Random } from "../common/random.ts";
import { defaultRetryPolicy, reconnectDelayMs } from "../signaling/retry-policy.ts";
import type { RoomChoice } from "./room-choice.ts";
import type { RoomMail } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";

/** The first wait before a peer that makes the attempts is asked for one: about as long as its fifth retry takes. */
const firstAsk = 4;

/** A link that has not been wanted for this long is closed. */
const trimAfterMs = 10_000;

export interface RoomWaits {
  /** After a failure; attempts are made by one side only. */
  retryLater(peer: Peer): void;
  /** Gives the side that makes the attempts time to do so by itself, then asks it for one, ever more seldom. */
  askLater(peer: Peer): void;
  /** Whom the rings do not name any more keeps its link until those stand that they do name. */
  trimLater(peer: Peer): void;
}

export const createRoomWaits = (options: {
  readonly peers: ReadonlyMap<SiteId, Peer>;
  readonly mail: RoomMail;
  readonly choice: RoomChoice;
  readonly clock: Clock;
  readonly random: Random;
  readonly isInitiator: (peer: Peer) => boolean;
  readonly canMeet: () => boolean;
  readonly tryToLink: (peer: Peer) => void;
}): RoomWaits => {
  const { peers, mail, choice, clock, random, isInitiator, canMeet, tryToLink } = options;

  const retryLater = (peer: Peer): void => {
    peer.cancelRetry();
    if (!isInitiator(peer)) return;
    const delayMs = reconnectDelayMs(defaultRetryPolicy, peer.failures, random.unit());
    peer.retryAtMs = clock.nowMs() + delayMs;
    peer.cancelRetry = clock.setTimer(delayMs, () => tryToLink(peer));
  };

  const askLater = (peer: Peer): void => {
    if (peer.cancelAsk !== undefined) return;
    const delayMs = reconnectDelayMs(defaultRetryPolicy, firstAsk + peer.asks, random.unit());
    peer.cancelAsk = clock.setTimer(delayMs, () => {
      peer.cancelAsk = undefined;
      if (peer.link !== undefined || peer.attempt !== undefined || peer.member === undefined) return;
      if (!canMeet() || !choice.isWanted(peer)) return;
      peer.asks += 1;
      mail.announce(peer.member, false);
      askLater(peer);
    });
  };

  const trimLater = (peer: Peer): void => {
    if (peer.cancelTrim !== undefined || !isSpare(peer)) return;
    peer.cancelTrim = clock.setTimer(trimAfterMs, () => {
      peer.cancelTrim = undefined;
      if (!isSpare(peer)) return;
      const awaits = [...peers.values()].some((other) => other.link === undefined && choice.isWanted(other));
      if (awaits) trimLater(peer);
      else peer.link?.close("NO_PLACE");
    });
  };

  /** Whether neither side needs the link, as far as the side that makes the attempts can tell. */
  const isSpare = (peer: Peer): boolean =>
    peer.link !== undefined && isInitiator(peer) && !peer.isAsking && !choice.isWanted(peer);

  return { retryLater, askLater, trimLater };
};
