/** Which peers of a room are wanted as neighbours at the moment, and whom the app accepts. Makes and ends no links. */

import { LedgerError } from "../common/errors.ts";
import type { SiteId } from "../common/ids.ts";
import { chooseNeighbours, ringKeysOf } from "./neighbours.ts";
import type { Peer } from "./room-peer.ts";

/** Attempts that fail in a row before the next in the ring is wanted as well. */
const unfitFailures = 2;

export interface RoomChoice {
  isWanted(peer: Peer): boolean;
  /** Whether the app accepts the peer; asks it each time. */
  isAccepted(peer: Peer): boolean;
  /** To be called when a peer came or went, or may have become fit or unfit. */
  changed(): void;
}

export const createRoomChoice = (options: {
  readonly self: SiteId;
  readonly maxLinks: number;
  readonly peers: ReadonlyMap<SiteId, Peer>;
  readonly acceptPeer: (peer: SiteId) => boolean;
  readonly onError: (error: LedgerError) => void;
}): RoomChoice => {
  const { self, maxLinks, peers, acceptPeer, onError } = options;
  const ownKeys = ringKeysOf(self, maxLinks);
  let wanted: ReadonlySet<SiteId> | undefined;

  const choose = (): ReadonlySet<SiteId> => {
    const candidates = [...peers.values()].map((peer) => ({
      siteId: peer.siteId,
      ringKeys: (peer.ringKeys ??= ringKeysOf(peer.siteId, maxLinks)),
      isUnfit: peer.isRefused || (peer.link === undefined && peer.failures >= unfitFailures),
    }));
    return chooseNeighbours(ownKeys, candidates, maxLinks);
  };

  const ask = (peer: Peer): boolean => {
    try {
      return acceptPeer(peer.siteId);
    } catch (cause) {
      onError(new LedgerError("LEDGER_LISTENER_FAILED", "acceptPeer threw; the peer was not accepted", { cause }));
      return false;
    }
  };

  return {
    isWanted: (peer) => (wanted ??= choose()).has(peer.siteId),
    isAccepted: (peer) => {
      const isRefused = !ask(peer);
      if (isRefused !== peer.isRefused) wanted = undefined;
      peer.isRefused = isRefused;
      return !isRefused;
    },
    changed: () => {
      wanted = undefined;
    },
  };
};
