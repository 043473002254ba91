/** What a room knows of one peer. */

import type { Epoch, MemberId, SiteId } from "../common/ids.ts";
import type { PeerLink } from "../transport/link.ts";
import type { MovableChannel } from "../transport/movable-channel.ts";
import type { LinkAttempt } from "./link-attempt.ts";

export interface Peer {
  readonly siteId: SiteId;
  epoch: Epoch;
  /** Undefined while the peer is linked but has left the meeting point. */
  member: MemberId | undefined;
  /** The member that stood for this peer before: still there when a database was copied. */
  formerMember: MemberId | undefined;
  link: PeerLink | undefined;
  /** What the link goes over, from one route to the next. */
  channel: MovableChannel | undefined;
  /** At a direct route. */
  attempt: LinkAttempt | undefined;
  relayAttempt: LinkAttempt | undefined;
  /** Attempts and links that failed since the last link that held. */
  failures: number;
  linkedAtMs: number;
  /** The app did not accept it when it was asked last. */
  isRefused: boolean;
  /** It asked for a link, which it cannot make itself. */
  isAsking: boolean;
  /** Where it stands in the rings; filled in when it is looked up first. */
  ringKeys: readonly string[] | undefined;
  cancelRetry: () => void;
  /** Links that we asked the peer for since the last one. */
  asks: number;
  /** Ends the wait after which the peer is asked for a link; undefined when none runs. */
  cancelAsk: (() => void) | undefined;
  /** Ends the wait after which a link that is not wanted any more is closed; undefined when none runs. */
  cancelTrim: (() => void) | undefined;
  /** No attempt of ours before, unless the peer is new: what it announces must not outrun the delay. */
  retryAtMs: number;
  /** Calls off the next attempt to relay, when one is planned. */
  cancelRelay: (() => void) | undefined;
  /** Keeps a link that has no route from being given up. */
  cancelGrace: () => void;
}

export const createPeer = (siteId: SiteId, epoch: Epoch, member: MemberId): Peer => ({
  siteId,
  epoch,
  member,
  formerMember: undefined,
  link: undefined,
  channel: undefined,
  attempt: undefined,
  relayAttempt: undefined,
  failures: 0,
  linkedAtMs: 0,
  isRefused: false,
  isAsking: false,
  ringKeys: undefined,
  cancelRetry: () => {},
  asks: 0,
  cancelAsk: undefined,
  cancelTrim: undefined,
  retryAtMs: 0,
  cancelRelay: undefined,
  cancelGrace: () => {},
});
