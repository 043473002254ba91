/** What a room knows of one peer. */

import type { Epoch, MemberId, SiteId } from "../common/ids.ts";
import type { PeerLink } from "../transport/link.ts";
import type { LinkAttempt } from "./link-attempt.ts";

export interface Peer {
  readonly siteId: SiteId;
  epoch: Epoch;
  /** Undefined while the peer is linked but has left the meeting point. */
  member: MemberId | undefined;
  link: PeerLink | undefined;
  attempt: LinkAttempt | undefined;
  /** Attempts and links that failed since the last link that held. */
  failures: number;
  linkedAtMs: number;
  cancelRetry: () => void;
  /** No attempt of ours before, unless the peer is new: what it announces must not outrun the delay. */
  retryAtMs: number;
}

export const createPeer = (siteId: SiteId, epoch: Epoch, member: MemberId): Peer => ({
  siteId,
  epoch,
  member,
  link: undefined,
  attempt: undefined,
  failures: 0,
  linkedAtMs: 0,
  cancelRetry: () => {},
  retryAtMs: 0,
});
