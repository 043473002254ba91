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
import type { PeerLink } from "../transport/link.ts";
import { startLinkAttempt, type AttemptFailure, type LinkAttempt } from "./link-attempt.ts";
import { createRoomChoice } from "./room-choice.ts";
import type { RoomMail } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";
import { createRoomWaits } from "./room-waits.ts";

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
  /** The peer is new in the room. */
  met(peer: Peer): void;
  /** Begins an attempt when one is due, ours to make, wanted and there is a place; asks for one that is not ours. */
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
  const { self, maxLinks, clock, random, logger, peers, mail, hasMeetingPoint, tell } = options;
  let closed = false;
  let isMakingPlace = false;
  const choice = createRoomChoice({ ...options, self: self.siteId, onError: (error) => tell("error", error) });

  const isInitiator = (peer: Peer): boolean => self.siteId < peer.siteId;
  const { retryLater, askLater, trimLater } = createRoomWaits({
    ...options,
    choice,
    isInitiator,
    canMeet: () => !closed && hasMeetingPoint(),
    tryToLink: (peer) => tryToLink(peer),
  });
  const openCount = (): number => [...peers.values()].filter((peer) => peer.link ?? peer.attempt).length;

  const hasMaxAttempts = (): boolean =>
    [...peers.values()].filter((peer) => peer.attempt !== undefined).length >= maxPendingAttempts;

  const tryToLink = (peer: Peer): void => {
    if (closed || peer.link !== undefined || peer.attempt !== undefined) return;
    if (peer.member === undefined || !hasMeetingPoint()) return;
    // Who was refused is asked about again: the app may have changed its mind.
    if (!choice.isWanted(peer) && !peer.isAsking && !peer.isRefused) return;
    if (!choice.isAccepted(peer)) return;
    if (!isInitiator(peer)) return askLater(peer);
    if (hasMaxAttempts() || !makePlace(peer)) return;
    startAttempt(peer, createConnectionId(random), "initiator");
  };

  /** Whether there is room for a link with `peer`; rule 3 of the room makes it for a neighbour. */
  const makePlace = (peer: Peer): boolean => {
    if (openCount() < maxLinks) return true;
    if (!choice.isWanted(peer)) return false;
    const spares = [...peers.values()].filter((other) => other !== peer && !choice.isWanted(other));
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
    peer.asks = 0;
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
      peer.isAsking = false;
      if (hasMeetingPoint() && !isInitiator(peer) && choice.isWanted(peer)) mail.announce(peer.member, false);
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

  const dropAttempt = (peer: Peer): void => {
    const { attempt } = peer;
    peer.attempt = undefined;
    attempt?.abandon();
  };

  const forget = (peer: Peer): void => {
    peer.cancelRetry();
    peer.cancelAsk?.();
    peer.cancelTrim?.();
    dropAttempt(peer);
    peers.delete(peer.siteId);
    choice.changed();
  };

  const probe = async ({ link }: Peer): Promise<void> => {
    if (link === undefined || (await link.probe(probeTimeoutMs))) return;
    link.close("SILENT");
  };

  return {
    met: (peer) => {
      choice.changed();
      for (const other of peers.values()) trimLater(other);
      tryToLink(peer);
    },
    tryToLink,
    signalled: (peer, conn, description) => {
      if (closed) return;
      if (peer.attempt?.conn === conn) return peer.attempt.signal(description);
      if (isInitiator(peer)) return; // Of an attempt of ours that is over.
      if (peer.member === undefined) return;
      if (!choice.isAccepted(peer)) return mail.decline(peer.member, conn);
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
