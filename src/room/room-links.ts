/**
 * The attempts and links of one room: when one is begun, whose place it takes, what follows when it fails. Who is in the
 * room is room.ts's business. Of two peers the one with the smaller id makes the attempts, so that both never do at once.
 */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { Epoch, LinkId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import type { Network } from "../network.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import { createConnectionId, type ConnectionId } from "../security/sealed-envelope.ts";
import { defaultRetryPolicy, reconnectDelayMs } from "../signaling/retry-policy.ts";
import type { PeerLink } from "../transport/link.ts";
import { startLinkAttempt, type AttemptFailure, type LinkAttempt } from "./link-attempt.ts";
import { nearestInRing } from "./neighbours.ts";
import type { RoomMail } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";

/** How long a peer that seems to be gone has to answer. */
const probeTimeoutMs = 2_000;

/** A link that held this long starts the delays between attempts over. */
const stableLinkMs = 10_000;

/** Attempts at a time; rule 4 of the room. Each holds an RTCPeerConnection, and offers cost their sender next to nothing. */
const maxPendingAttempts = 8;

/** Of a room's options, those that are about links. */
export interface LinkOptions {
  readonly keys: RoomKeys;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly network: Network;
  readonly acceptPeer: (peer: SiteId) => boolean;
  readonly maxLinks: number;
  readonly linkTimeoutMs: number;
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
  readonly hasMeetingPoint: () => boolean;
  readonly iceServers: {
    readonly current: readonly RTCIceServer[];
    refused(used: readonly RTCIceServer[], errorCode: number): void;
  };
  readonly tell: {
    (event: "peer-join" | "peer-ready" | "peer-leave", peer: SiteId): void;
    (event: "error", error: LedgerError): void;
  };
}

export interface RoomLinks {
  /** Begins an attempt when one is due, ours to make, wanted and there is a place. */
  tryToLink(peer: Peer): void;
  signalled(peer: Peer, conn: ConnectionId, description: string): void;
  declined(peer: Peer, conn: ConnectionId): void;
  /** The peer is another opening of its database than before: what stands is void. */
  supersede(peer: Peer): void;
  /** Closes the peer's link unless it answers. */
  probe(peer: Peer): void;
  forget(peer: Peer): void;
  /** Says goodbye to everyone; nothing begins any more. */
  close(): void;
}

export const createRoomLinks = (options: RoomLinksOptions): RoomLinks => {
  const { self, acceptPeer, maxLinks, clock, random, logger, peers, mail, hasMeetingPoint, tell } = options;
  let closed = false;
  let isMakingPlace = false;

  const isInitiator = (peer: Peer): boolean => self.siteId < peer.siteId;
  const openCount = (): number => [...peers.values()].filter((peer) => peer.link ?? peer.attempt).length;

  const hasMaxAttempts = (): boolean =>
    [...peers.values()].filter((peer) => peer.attempt !== undefined).length >= maxPendingAttempts;

  const tryToLink = (peer: Peer): void => {
    if (closed || !isInitiator(peer) || peer.link !== undefined || peer.attempt !== undefined) return;
    if (peer.member === undefined || !hasMeetingPoint() || !isAccepted(peer)) return;
    if (hasMaxAttempts() || !makePlace(peer)) return;
    startAttempt(peer, createConnectionId(random), "initiator");
  };

  /** Whether there is room for a link with `peer`; rule 3 of the room makes it for a neighbour. */
  const makePlace = (peer: Peer): boolean => {
    if (openCount() < maxLinks) return true;
    const near = nearestInRing(self.siteId, [...peers.keys()]);
    if (!near.has(peer.siteId)) return false;
    const spares = [...peers.values()].filter((other) => other !== peer && !near.has(other.siteId));
    const spare =
      spares.find((other) => other.attempt !== undefined) ?? spares.find((other) => other.link !== undefined);
    if (spare === undefined) return false;
    isMakingPlace = true;
    dropAttempt(spare);
    spare.link?.close("NO_PLACE");
    isMakingPlace = false;
    retryLater(spare);
    return openCount() < maxLinks;
  };

  const isAccepted = (peer: Peer): boolean => {
    try {
      return acceptPeer(peer.siteId);
    } catch (error) {
      tell(
        "error",
        new LedgerError("LEDGER_LISTENER_FAILED", "acceptPeer threw; the peer was not accepted", { cause: error }),
      );
      return false;
    }
  };

  const startAttempt = (peer: Peer, conn: ConnectionId, role: LinkAttempt["role"]): void => {
    peer.cancelRetry();
    const iceServers = options.iceServers.current;
    const attempt = startLinkAttempt({
      ...options,
      conn,
      role,
      peerId: peer.siteId,
      linkId: options.nextLinkId(),
      iceServers,
      onTurnRefused: (errorCode) => options.iceServers.refused(iceServers, errorCode),
      timeoutMs: options.linkTimeoutMs,
      onSignal: (description) => {
        if (peer.attempt === attempt && peer.member !== undefined) mail.signal(peer.member, conn, description);
      },
    });
    peer.attempt = attempt;
    void attempt.outcome.then((outcome) => {
      const isCurrent = !closed && peer.attempt === attempt && peers.get(peer.siteId) === peer;
      if (isCurrent) peer.attempt = undefined;
      if (!outcome.ok) return isCurrent ? attemptFailed(peer, outcome.error) : undefined;
      if (!isCurrent) return outcome.value.close("SUPERSEDED");
      return linked(peer, outcome.value);
    });
  };

  const linked = (peer: Peer, link: PeerLink): void => {
    if (peers.get(peer.siteId) !== peer || closed) return link.close("SUPERSEDED");
    const previous = peer.link;
    peer.link = link;
    if (previous !== undefined) {
      previous.close("SUPERSEDED");
      tell("peer-leave", peer.siteId);
      tell("peer-join", peer.siteId);
    }
    peer.linkedAtMs = clock.nowMs();
    link.on("close", (reason) => linkClosed(peer, link, reason));
    options.onLink(link);
    tell("peer-ready", peer.siteId);
    givePlace(peer); // Keeps no link, but one attempt less.
  };

  const attemptFailed = (peer: Peer, failure: AttemptFailure): void => {
    if (failure.reason !== "unreachable") tell("error", failure.error);
    if (failure.reason === "unavailable") return;
    failedOnce(peer);
  };

  const failedOnce = (peer: Peer): void => {
    peer.failures += 1;
    retryLater(peer);
    givePlace(peer);
  };

  const retryLater = (peer: Peer): void => {
    peer.cancelRetry();
    if (!isInitiator(peer)) return;
    const delayMs = reconnectDelayMs(defaultRetryPolicy, peer.failures, random.unit());
    peer.retryAtMs = clock.nowMs() + delayMs;
    peer.cancelRetry = clock.setTimer(delayMs, () => tryToLink(peer));
  };

  const linkClosed = (peer: Peer, link: PeerLink, reason: string): void => {
    if (peer.link !== link) return;
    logger.info("link closed", { peer: peer.siteId, reason });
    peer.link = undefined;
    // A link that breaks as soon as it is made is no success: the next must wait longer.
    peer.failures = clock.nowMs() - peer.linkedAtMs < stableLinkMs ? peer.failures + 1 : 0;
    tell("peer-leave", peer.siteId);
    if (closed || peer.member === undefined || reason === "GOODBYE") {
      forget(peer);
    } else {
      // Still in the room: it is discovered anew, and linked anew when that is ours to do.
      tell("peer-join", peer.siteId);
      if (hasMeetingPoint() && !isInitiator(peer)) mail.announce(peer.member, false);
      retryLater(peer);
    }
    givePlace(peer);
  };

  /** A place has become free for others than `peer`; not while it is being made for one of them. */
  const givePlace = (peer: Peer): void => {
    if (isMakingPlace) return;
    // Who was turned down or out of reach a moment ago waits: two such peers would be tried in turn for ever.
    for (const other of peers.values()) if (other !== peer && clock.nowMs() >= other.retryAtMs) tryToLink(other);
  };

  const dropAttempt = (peer: Peer): void => {
    const { attempt } = peer;
    peer.attempt = undefined;
    attempt?.abandon();
  };

  const forget = (peer: Peer): void => {
    peer.cancelRetry();
    dropAttempt(peer);
    peers.delete(peer.siteId);
  };

  const probe = async ({ link }: Peer): Promise<void> => {
    if (link === undefined || (await link.probe(probeTimeoutMs))) return;
    link.close("SILENT");
  };

  return {
    tryToLink,
    signalled: (peer, conn, description) => {
      if (closed) return;
      if (peer.attempt?.conn === conn) return peer.attempt.signal(description);
      if (isInitiator(peer)) return; // Of an attempt of ours that is over.
      if (peer.member === undefined) return;
      if (!isAccepted(peer)) return mail.decline(peer.member, conn);
      if (peer.attempt === undefined && (hasMaxAttempts() || (peer.link === undefined && !makePlace(peer)))) {
        return mail.decline(peer.member, conn);
      }
      dropAttempt(peer);
      startAttempt(peer, conn, "responder");
      peer.attempt?.signal(description);
    },
    declined: (peer, conn) => {
      if (peer.attempt?.conn !== conn) return;
      dropAttempt(peer);
      failedOnce(peer); // Not wanted or no place: both may change.
    },
    supersede: (peer) => {
      peer.failures = 0;
      dropAttempt(peer);
      peer.link?.close("SUPERSEDED");
    },
    probe: (peer) => void probe(peer),
    forget,
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
