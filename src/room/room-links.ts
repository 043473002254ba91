/**
 * The attempts and links of one room: when one is begun, whose place it takes, what follows when it fails. Who is in the
 * room is room.ts's business. Of two peers the one with the smaller id makes the attempts, so that both never do at once.
 */

import type { Clock } from "../common/clock.ts";
import type { LedgerError } from "../common/errors.ts";
import type { Epoch, LinkId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import type { Network } from "../network.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import { createConnectionId, type ConnectionId } from "../security/sealed-envelope.ts";
import type { Signaling } from "../signaling/signaling.ts";
import type { Route } from "../transport/channel.ts";
import type { PeerLink } from "../transport/link.ts";
import type { MovableChannel } from "../transport/movable-channel.ts";
import type { IceServers } from "./ice-servers.ts";
import type { AttemptFailure } from "./link-attempt.ts";
import type { RelayDesk } from "./relay-desk.ts";
import { createRoomAttempts } from "./room-attempts.ts";
import { createRoomChoice } from "./room-choice.ts";
import type { RoomMail, Way } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";
import { createRoomRelay } from "./room-relay.ts";
import { createRoomRoutes, wantsDirectRoute } from "./room-routes.ts";
import { createRoomWaits } from "./room-waits.ts";

/** How long a peer that seems to be gone has to answer. */
const probeTimeoutMs = 2_000;

/** A link that held this long starts the delays between attempts over. */
const stableLinkMs = 10_000;

/** Of a room's options, those that are about links. */
export interface LinkOptions {
  readonly keys: RoomKeys;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly network: Network;
  readonly acceptPeer: (peer: SiteId) => boolean;
  readonly maxLinks: number;
  readonly linkTimeoutMs: number;
  /** How late a direct route may be before a relayed one is tried; undefined never to relay. */
  readonly relayAfterMs: number | undefined;
  readonly nextLinkId: () => LinkId;
  readonly onLink: (link: PeerLink) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface RoomLinksOptions extends LinkOptions {
  /** The room's own map: read here, and a peer that says goodbye is taken out. */
  readonly peers: Map<SiteId, Peer>;
  readonly mail: RoomMail;
  readonly desk: RelayDesk;
  readonly signaling: Signaling;
  readonly iceServers: Pick<IceServers, "current" | "refused">;
  readonly tell: {
    (event: "peer-join" | "peer-ready" | "peer-leave", peer: SiteId): void;
    (event: "route", peer: SiteId, route: Route): void;
    (event: "error", error: LedgerError): void;
  };
}

export interface RoomLinks {
  /** The peer is new in the room. */
  met(peer: Peer): void;
  /** Begins an attempt when one is due, ours to make, wanted and there is a place; asks for one that is not ours. */
  tryToLink(peer: Peer): void;
  signalled(peer: Peer, conn: ConnectionId, way: Way, description: string): void;
  declined(peer: Peer, conn: ConnectionId): void;
  /** The peer is another opening of its database than before: what stands is void. */
  supersede(peer: Peer): void;
  /** Closes the peer's link unless it answers. */
  probe(peer: Peer): void;
  /** The peer is not at the meeting point any more. */
  left(peer: Peer): void;
  forget(peer: Peer): void;
  /** Says goodbye to everyone; nothing begins any more. */
  close(): void;
}

export const createRoomLinks = (options: RoomLinksOptions): RoomLinks => {
  const { self, maxLinks, clock, random, logger, peers, mail, signaling, tell } = options;
  let closed = false;
  let isMakingPlace = false;
  /** As the last attempt found: a platform without WebRTC need not be asked again for a link that stands. */
  let isDirectPossible = true;
  const choice = createRoomChoice({ ...options, self: self.siteId, onError: (error) => tell("error", error) });

  const isInitiator = (peer: Peer): boolean => self.siteId < peer.siteId;
  const { retryLater, askLater, trimLater } = createRoomWaits({
    ...options,
    choice,
    isInitiator,
    canMeet: () => !closed && signaling.connected,
    tryToLink: (peer) => tryToLink(peer),
  });
  const attempts = createRoomAttempts({
    ...options,
    onReady: (peer, way, ready) => (closed ? ready.route.channel.close("SUPERSEDED") : routes.ready(peer, way, ready)),
    onFailed: (peer, way, failure) => (closed ? undefined : attemptFailed(peer, way, failure)),
  });
  const isOpen = (peer: Peer): boolean => (peer.link ?? peer.attempt ?? peer.relayAttempt) !== undefined;
  const openCount = (): number => [...peers.values()].filter(isOpen).length;
  const hasPlace = (peer: Peer, way: Way): boolean => !attempts.isFull(way) && (isOpen(peer) || makePlace(peer));

  const tryToLink = (peer: Peer): void => {
    if (peer.link !== undefined) return tryToImprove(peer);
    if (closed || peer.attempt !== undefined || peer.member === undefined || !signaling.connected) return;
    // Who was refused is asked about again: the app may have changed its mind.
    if (!choice.isWanted(peer) && !peer.isAsking && !peer.isRefused) return;
    if (!choice.isAccepted(peer)) return;
    if (!isInitiator(peer)) return askLater(peer);
    if (hasPlace(peer, "direct")) startDirect(peer);
  };

  /** At a direct route for a link that has none. */
  const tryToImprove = (peer: Peer): void => {
    if (closed || !isInitiator(peer) || peer.attempt !== undefined) return;
    if (peer.channel?.isMovable === false) return retryLater(peer);
    if (!wantsDirectRoute(peer) || peer.member === undefined || !signaling.connected) return;
    if (choice.isAccepted(peer) && hasPlace(peer, "direct")) startDirect(peer);
  };

  const startDirect = (peer: Peer): void => {
    peer.cancelRetry();
    attempts.start(peer, createConnectionId(random), "initiator", "direct");
    relay.directBegan(peer);
  };

  const relay = createRoomRelay({
    ...options,
    isInitiator,
    begin: (peer) => {
      if (closed || !choice.isAccepted(peer) || !hasPlace(peer, "relay")) return;
      attempts.start(peer, createConnectionId(random), "initiator", "relay");
    },
  });

  const routes = createRoomRoutes({
    ...options,
    isInitiator,
    canWait: () => !closed && relay.canCome,
    onLink: (peer, link, channel) => linked(peer, link, channel),
    onMoved: (peer) => {
      if (peer.channel === undefined) return;
      peer.linkedAtMs = clock.nowMs();
      tell("route", peer.siteId, peer.channel.route);
      settleOn(peer, peer.channel);
    },
    onDetached: (peer) => {
      if (peer.member === undefined) return void probe(peer);
      if (signaling.connected && !isInitiator(peer)) mail.announce(peer.member, false);
      relay.directIsGone(peer);
      retryLater(peer);
    },
    onFailed: (peer, way) => failedOnce(peer, way),
  });

  /** A relayed link goes on looking for a direct route; one that is direct has no use for another. */
  const settleOn = (peer: Peer, channel: MovableChannel): void => {
    if (channel.route !== "relay") return dropRelay(peer);
    if (peer.attempt === undefined && isDirectPossible) retryLater(peer);
  };

  /** Whether there is room for a link with `peer`; rule 3 of the room makes it for a neighbour. */
  const makePlace = (peer: Peer): boolean => {
    if (openCount() < maxLinks) return true;
    if (!choice.isWanted(peer)) return false;
    const spares = [...peers.values()].filter((other) => other !== peer && !choice.isWanted(other));
    const spare =
      spares.find((other) => other.link === undefined && isOpen(other)) ??
      spares.find((other) => other.link !== undefined);
    if (spare === undefined) return false;
    isMakingPlace = true;
    dropAttempts(spare);
    spare.link?.close("NO_PLACE");
    isMakingPlace = false;
    retryLater(spare);
    return openCount() < maxLinks;
  };

  const linked = (peer: Peer, link: PeerLink, channel: MovableChannel): void => {
    const previous = peer.link;
    peer.link = link;
    peer.channel = channel;
    peer.cancelGrace();
    if (previous !== undefined) {
      previous.close("SUPERSEDED");
      tell("peer-leave", peer.siteId);
      tell("peer-join", peer.siteId);
    }
    peer.linkedAtMs = clock.nowMs();
    peer.asks = 0;
    link.on("close", (reason) => linkClosed(peer, link, reason));
    options.onLink(link);
    tell("peer-ready", peer.siteId);
    settleOn(peer, channel);
    givePlace(peer); // Keeps no link, but one attempt less.
  };

  const attemptFailed = (peer: Peer, way: Way, failure: AttemptFailure): void => {
    if (failure.reason !== "unreachable") tell("error", failure.error);
    if (way === "direct") isDirectPossible = failure.reason !== "unavailable";
    if (failure.reason === "unavailable") relay.directIsGone(peer);
    else failedOnce(peer, way);
  };

  const failedOnce = (peer: Peer, way: Way): void => {
    peer.failures += 1;
    if (way === "relay") relay.failed(peer);
    else retryLater(peer);
    givePlace(peer);
  };

  const linkClosed = (peer: Peer, link: PeerLink, reason: string): void => {
    if (peer.link !== link) return;
    logger.info("link closed", { peer: peer.siteId, reason });
    peer.link = undefined;
    peer.channel = undefined;
    peer.cancelGrace();
    // A link that breaks as soon as it is made is no success: the next must wait longer.
    peer.failures = clock.nowMs() - peer.linkedAtMs < stableLinkMs ? peer.failures + 1 : 0;
    tell("peer-leave", peer.siteId);
    if (closed || peer.member === undefined || reason === "GOODBYE") {
      forget(peer);
    } else {
      // Still in the room: it is discovered anew, and linked anew when that is ours to do.
      tell("peer-join", peer.siteId);
      peer.isAsking = false;
      if (signaling.connected && !isInitiator(peer) && choice.isWanted(peer)) mail.announce(peer.member, false);
      retryLater(peer);
      if (!isInitiator(peer)) askLater(peer);
    }
    givePlace(peer);
  };

  /** A place has become free for others than `peer`; not while it is being made for one of them. */
  const givePlace = (peer: Peer): void => {
    choice.changed();
    if (isMakingPlace) return;
    for (const other of peers.values()) trimLater(other);
    // Who was turned down or out of reach a moment ago waits: two such peers would be tried in turn for ever.
    for (const other of peers.values()) if (other !== peer && clock.nowMs() >= other.retryAtMs) tryToLink(other);
  };

  const dropRelay = (peer: Peer): void => {
    peer.cancelRelay?.();
    peer.cancelRelay = undefined;
    attempts.drop(peer, "relay");
  };

  const dropAttempts = (peer: Peer): void => {
    attempts.drop(peer, "direct");
    dropRelay(peer);
  };

  const forget = (peer: Peer): void => {
    peer.cancelRetry();
    peer.cancelAsk?.();
    peer.cancelTrim?.();
    peer.cancelGrace();
    dropAttempts(peer);
    peers.delete(peer.siteId);
    choice.changed();
    // Of two copies one has left, perhaps to come back under an id of its own.
    if (peer.formerMember !== undefined && !closed) mail.announce(peer.formerMember, true);
  };

  const probe = async (peer: Peer): Promise<void> => {
    const { link, channel, member } = peer;
    // It cannot answer, but it can be reached.
    if (channel?.isDetached === true && member !== undefined) return relay.directIsGone(peer);
    if (link === undefined || (await link.probe(probeTimeoutMs))) return;
    if (peer.link === link) routes.silent(peer);
  };

  return {
    met: (peer) => {
      choice.changed();
      for (const other of peers.values()) trimLater(other);
      tryToLink(peer);
    },
    tryToLink,
    signalled: (peer, conn, way, description) => {
      if (closed) return;
      const attempt = attempts.of(peer, way);
      if (attempt?.conn === conn) return attempt.signal(description);
      if (isInitiator(peer)) return; // Of an attempt of ours that is over.
      if (peer.member === undefined) return;
      const isPossible = way === "direct" || relay.isOpen;
      // A newer offer takes the place of the older.
      if (!isPossible || !choice.isAccepted(peer) || (attempt === undefined && !hasPlace(peer, way))) {
        return mail.decline(peer.member, conn);
      }
      attempts.drop(peer, way);
      attempts.start(peer, conn, "responder", way);
      attempts.of(peer, way)?.signal(description);
    },
    declined: (peer, conn) => {
      const way = peer.relayAttempt?.conn === conn ? "relay" : "direct";
      if (attempts.of(peer, way)?.conn !== conn) return;
      attempts.drop(peer, way);
      failedOnce(peer, way); // Not wanted or no place: both may change.
    },
    supersede: (peer) => {
      peer.failures = 0;
      dropAttempts(peer);
      peer.link?.close("SUPERSEDED");
    },
    probe: (peer) => void probe(peer),
    left: (peer) => {
      dropRelay(peer);
      void probe(peer);
    },
    forget: (peer) => {
      forget(peer);
      givePlace(peer); // Others may stand beside us in the rings now.
    },
    close: () => {
      if (closed) return;
      closed = true;
      for (const peer of [...peers.values()]) {
        if (peer.link !== undefined) {
          peer.link.close("GOODBYE");
        } else {
          forget(peer);
          tell("peer-leave", peer.siteId);
        }
      }
    },
  };
};
