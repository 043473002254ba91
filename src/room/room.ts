/**
 * One joined room: who is in it, whom this replica links with, and the links. Meets members through Signaling, opens
 * channels through Network, and hands every authenticated link to `onLink`. Never sees a row.
 *
 * Of two peers the one with the smaller id makes the attempts, so that both never do at once. Rules:
 * 1. A peer is `joined` from its first announcement until it is neither a member nor linked; both ends are told once.
 * 2. At most one attempt and one link per peer; a newer offer or a newer epoch replaces what there was.
 * 3. In a room of more than `maxLinks` peers everyone keeps links to its two neighbours in the ring of ids, at the cost of
 *    any other link: so the links of the room hold together whoever else finds no place.
 * 4. A lost meeting point changes nothing for links. A member that leaves it is probed before it is given up.
 */

import type { Clock } from "../common/clock.ts";
import { createEmitter, type Unsubscribe } from "../common/emitter.ts";
import { LedgerError } from "../common/errors.ts";
import type { Epoch, LinkId, MemberId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import type { Network } from "../network.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import { createConnectionId, type ConnectionId } from "../security/sealed-envelope.ts";
import { defaultRetryPolicy, reconnectDelayMs } from "../signaling/retry-policy.ts";
import type { SuggestedIceServer } from "../signaling/signaling.ts";
import type { Route } from "../transport/channel.ts";
import type { Link } from "../transport/link.ts";
import { startLinkAttempt, type AttemptFailure, type LinkAttempt } from "./link-attempt.ts";
import { createRoomMail, type Announcement } from "./room-mail.ts";

/** How long a peer that seems to be gone has to answer. */
const probeTimeoutMs = 2_000;

/** A link that held this long starts the delays between attempts over. */
const stableLinkMs = 10_000;

export interface RoomPeer {
  readonly peerId: SiteId;
  readonly state: "joined" | "ready";
  readonly route?: Route;
  readonly roundTripMs?: number;
}

export interface RoomEvents {
  "peer-join": readonly [peer: SiteId];
  "peer-ready": readonly [peer: SiteId];
  "peer-leave": readonly [peer: SiteId];
  /** In the room; `again` when it was before. */
  joined: readonly [again: boolean];
  lost: readonly [];
  reconnecting: readonly [attempt: number];
  /** The meeting point could not be reached or refused; it is tried again. */
  failed: readonly [error: LedgerError];
  error: readonly [error: LedgerError];
}

export interface Room {
  readonly connected: boolean;
  peers(): readonly RoomPeer[];
  on<K extends keyof RoomEvents>(event: K, listener: (...args: RoomEvents[K]) => void): Unsubscribe;
  /** Says goodbye and leaves; `peer-leave` follows for every peer. Idempotent. */
  close(): void;
}

export interface RoomOptions {
  readonly url: string;
  readonly keys: RoomKeys;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly network: Network;
  readonly acceptPeer: (peer: SiteId) => boolean;
  readonly maxLinks: number;
  /** Undefined: those that the meeting point suggests. */
  readonly iceServers?: readonly RTCIceServer[] | undefined;
  readonly linkTimeoutMs: number;
  readonly nextLinkId: () => LinkId;
  readonly onLink: (link: Link) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Peer {
  readonly siteId: SiteId;
  epoch: Epoch;
  /** Undefined while the peer is linked but has left the meeting point. */
  member: MemberId | undefined;
  link: Link | undefined;
  attempt: LinkAttempt | undefined;
  /** Attempts and links that failed since the last link that held. */
  failures: number;
  linkedAtMs: number;
  cancelRetry: () => void;
  /** No attempt of ours before, unless the peer is new: what it announces must not outrun the delay. */
  retryAtMs: number;
}

/** Enters the room; connects in the background. */
export const joinRoom = (options: RoomOptions): Room => {
  const { keys, self, network, acceptPeer, maxLinks, clock, random, logger } = options;
  const peers = new Map<SiteId, Peer>();
  let closed = false;
  let hasJoined = false;
  let clashReported = false;
  let isMakingPlace = false;
  let suggestedIceServers: readonly RTCIceServer[] = [];
  const emitter = createEmitter<RoomEvents>((error) => logger.error("a room listener threw", { error: String(error) }));
  const signaling = network.join(options.url, keys.roomId);
  const mail = createRoomMail({ signaling, keys, self, random, logger });

  const isInitiator = (peer: Peer): boolean => self.siteId < peer.siteId;
  const openCount = (): number => [...peers.values()].filter((peer) => peer.link ?? peer.attempt).length;

  /** For attempts from now on; links that stand keep theirs. */
  const suggest = (servers: readonly SuggestedIceServer[]): void => {
    suggestedIceServers = servers.map(({ urls, ...credentials }) => ({ urls: [...urls], ...credentials }));
  };
  signaling.on("ice-servers", suggest);
  signaling.on("joined", (_, members, iceServers = []) => {
    suggest(iceServers);
    const again = hasJoined;
    hasJoined = true;
    emitter.emit("joined", again);
    for (const member of members) mail.announce(member, true);
    // Who did not come back with the meeting point is known by not answering; linked peers stay either way.
    for (const peer of peers.values())
      if (peer.member !== undefined && !members.includes(peer.member)) memberLeft(peer);
  });
  signaling.on("lost", () => emitter.emit("lost"));
  signaling.on("reconnecting", (attempt) => emitter.emit("reconnecting", attempt));
  signaling.on("failed", (error) => emitter.emit("failed", error));
  signaling.on("member-left", (member) => {
    for (const peer of peers.values()) if (peer.member === member) memberLeft(peer);
  });
  mail.on("announced", (from, announcement) => announced(from, announcement));
  mail.on("signal", (from, conn, description) => signalled(from, conn, description));
  mail.on("declined", (from, conn) => {
    const peer = peerOf(from);
    if (peer?.attempt?.conn !== conn) return;
    dropAttempt(peer);
    // Not wanted or no place: both may change.
    peer.failures += 1;
    retryLater(peer);
    givePlace(peer);
  });

  const peerOf = (member: MemberId): Peer | undefined => [...peers.values()].find((peer) => peer.member === member);

  const announced = (from: MemberId, { siteId, epoch, asks }: Announcement): void => {
    // A clone is answered as well, so that both sides hear of it.
    if (asks) mail.announce(from, false);
    if (siteId === self.siteId) return reportClash(epoch);

    let peer = peers.get(siteId);
    if (peer === undefined) {
      peer = {
        siteId,
        epoch,
        member: from,
        link: undefined,
        attempt: undefined,
        failures: 0,
        linkedAtMs: 0,
        cancelRetry: () => {},
        retryAtMs: 0,
      };
      peers.set(siteId, peer);
      emitter.emit("peer-join", siteId);
      return tryToLink(peer);
    }
    const isAnew = peer.epoch !== epoch;
    peer.epoch = epoch;
    peer.member = from;
    if (isAnew) {
      peer.failures = 0;
      dropAttempt(peer);
      peer.link?.close("SUPERSEDED");
    } else if (peer.link !== undefined) {
      void probe(peer);
    }
    if (isAnew || clock.nowMs() >= peer.retryAtMs) tryToLink(peer);
  };

  const reportClash = (epoch: Epoch): void => {
    if (epoch === self.epoch || clashReported) return;
    clashReported = true;
    emitter.emit(
      "error",
      new LedgerError(
        "LEDGER_IDENTITY_CLASH",
        "another live replica of this room has this replica's id, as after copying a database; they do not sync with each other",
      ),
    );
  };

  const tryToLink = (peer: Peer): void => {
    if (closed || !isInitiator(peer) || peer.link !== undefined || peer.attempt !== undefined) return;
    if (peer.member === undefined || !signaling.connected || !isAccepted(peer) || !makePlace(peer)) return;
    startAttempt(peer, createConnectionId(random), "initiator");
  };

  /** The next peer on either side in the ring of ids. */
  const neighbours = (): ReadonlySet<SiteId> => {
    const ring = [self.siteId, ...peers.keys()].sort();
    const at = ring.indexOf(self.siteId);
    return new Set([ring.at(at - 1), ring[(at + 1) % ring.length]].filter((id) => id !== undefined));
  };

  /** Whether there is room for a link with `peer`; rule 3 makes it for a neighbour. */
  const makePlace = (peer: Peer): boolean => {
    if (openCount() < maxLinks) return true;
    const near = neighbours();
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
      emitter.emit(
        "error",
        new LedgerError("LEDGER_LISTENER_FAILED", "acceptPeer threw; the peer was not accepted", { cause: error }),
      );
      return false;
    }
  };

  const startAttempt = (peer: Peer, conn: ConnectionId, role: LinkAttempt["role"]): void => {
    peer.cancelRetry();
    const attempt = startLinkAttempt({
      ...options,
      conn,
      role,
      peerId: peer.siteId,
      linkId: options.nextLinkId(),
      iceServers: options.iceServers ?? suggestedIceServers,
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

  const signalled = (from: MemberId, conn: ConnectionId, description: string): void => {
    const peer = peerOf(from);
    if (peer === undefined || closed) return;
    if (peer.attempt?.conn === conn) return peer.attempt.signal(description);
    if (isInitiator(peer)) return; // Of an attempt of ours that is over.
    if (!isAccepted(peer)) return mail.decline(from, conn);
    if (peer.link === undefined && peer.attempt === undefined && !makePlace(peer)) return mail.decline(from, conn);
    dropAttempt(peer);
    startAttempt(peer, conn, "responder");
    peer.attempt?.signal(description);
  };

  const linked = (peer: Peer, link: Link): void => {
    if (peers.get(peer.siteId) !== peer || closed) return link.close("SUPERSEDED");
    const previous = peer.link;
    peer.link = link;
    if (previous !== undefined) {
      previous.close("SUPERSEDED");
      emitter.emit("peer-leave", peer.siteId);
      emitter.emit("peer-join", peer.siteId);
    }
    peer.linkedAtMs = clock.nowMs();
    link.on("close", (reason) => linkClosed(peer, link, reason));
    options.onLink(link);
    emitter.emit("peer-ready", peer.siteId);
  };

  const attemptFailed = (peer: Peer, failure: AttemptFailure): void => {
    if (failure.reason !== "unreachable") emitter.emit("error", failure.error);
    if (failure.reason === "unavailable") return;
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

  const linkClosed = (peer: Peer, link: Link, reason: string): void => {
    if (peer.link !== link) return;
    logger.info("link closed", { peer: peer.siteId, reason });
    peer.link = undefined;
    // A link that breaks as soon as it is made is no success: the next must wait longer.
    peer.failures = clock.nowMs() - peer.linkedAtMs < stableLinkMs ? peer.failures + 1 : 0;
    emitter.emit("peer-leave", peer.siteId);
    if (closed || peer.member === undefined || reason === "GOODBYE") {
      forget(peer);
    } else {
      // Still in the room: it is discovered anew, and linked anew when that is ours to do.
      emitter.emit("peer-join", peer.siteId);
      if (signaling.connected && !isInitiator(peer)) mail.announce(peer.member, false);
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

  const memberLeft = (peer: Peer): void => {
    peer.member = undefined;
    if (peer.link !== undefined) return void probe(peer);
    forget(peer);
    emitter.emit("peer-leave", peer.siteId);
  };

  /** Closes the peer's link unless it answers. */
  const probe = async (peer: Peer): Promise<void> => {
    const { link } = peer;
    if (link === undefined || (await link.probe(probeTimeoutMs))) return;
    link.close("SILENT");
  };

  return {
    get connected() {
      return signaling.connected;
    },
    peers: () =>
      [...peers.values()].map(({ siteId, link }) => ({
        peerId: siteId,
        state: link === undefined ? "joined" : "ready",
        ...(link === undefined ? {} : { route: link.route }),
        ...(link?.roundTripMs === undefined ? {} : { roundTripMs: link.roundTripMs }),
      })),
    on: emitter.on,
    close: () => {
      if (closed) return;
      closed = true;
      for (const peer of [...peers.values()]) {
        if (peer.link !== undefined) {
          peer.link.close("GOODBYE");
        } else {
          forget(peer);
          emitter.emit("peer-leave", peer.siteId);
        }
      }
      mail.close();
      signaling.close();
    },
  };
};
