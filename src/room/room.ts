/**
 * One joined room: who is in it, and what is told of it. Meets members through Signaling, and has room-links.ts
 * link with them; every authenticated link goes to `onLink`. Never sees a row. Rules:
 * 1. A peer is `joined` from its first announcement until it is neither a member nor linked; both ends are told once.
 * 2. At most one attempt and one link per peer; a newer offer or a newer epoch replaces what there was.
 * 3. In a room of more than `maxLinks` replicas everyone keeps links to its neighbours in several rings, at the cost of any
 *    other link: so the links of the room hold together whoever else finds no place. See neighbours.ts.
 * 4. Of the attempts at links no more than eight are under way at a time, whatever others ask for.
 * 5. A lost meeting point changes nothing for links. A member that leaves it is probed before it is given up.
 */

import { createEmitter, type Unsubscribe } from "../common/emitter.ts";
import type { LedgerError } from "../common/errors.ts";
import type { Epoch, MemberId, SiteId } from "../common/ids.ts";
import type { Route } from "../transport/channel.ts";
import { createIceServers } from "./ice-servers.ts";
import { createRelayDesk } from "./relay-desk.ts";
import { createRoomLinks, type LinkOptions } from "./room-links.ts";
import { createRoomMail, type Announcement, type DropReason } from "./room-mail.ts";
import { createPeer, type Peer } from "./room-peer.ts";

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
  /** A linked peer's bytes take another way than before. */
  route: readonly [peer: SiteId, route: Route];
  /** In the room; `again` when it was before. */
  joined: readonly [again: boolean];
  lost: readonly [];
  reconnecting: readonly [attempt: number];
  /** The meeting point could not be reached or refused; it is tried again. */
  failed: readonly [error: LedgerError];
  error: readonly [error: LedgerError];
  /** Another live replica has this one's id; told once. Of the two, the one that `yields` is to take a new id. */
  clash: readonly [yields: boolean];
  /** `drops` grew; not told of each. */
  dropped: readonly [reason: DropReason];
}

export interface Room {
  readonly connected: boolean;
  /** Mail that was thrown away. */
  readonly drops: Readonly<Record<DropReason, number>>;
  peers(): readonly RoomPeer[];
  on<K extends keyof RoomEvents>(event: K, listener: (...args: RoomEvents[K]) => void): Unsubscribe;
  /** Says goodbye and leaves; `peer-leave` follows for every peer. Idempotent. */
  close(): void;
}

export interface RoomOptions extends LinkOptions {
  readonly url: string;
  /** Undefined: those that the meeting point suggests. */
  readonly iceServers?: readonly RTCIceServer[] | undefined;
}

/** For the last words of relayed links. */
const lingerMs = 500;

/** Enters the room; connects in the background. */
export const joinRoom = (options: RoomOptions): Room => {
  const { keys, self, network, random, logger } = options;
  const peers = new Map<SiteId, Peer>();
  /** Members who have not said yet who they are. */
  const asked = new Set<MemberId>();
  let closed = false;
  let hasJoined = false;
  let clashReported = false;
  const emitter = createEmitter<RoomEvents>((error) => logger.error("a room listener threw", { error: String(error) }));
  const signaling = network.join(options.url, keys.roomId);
  const mail = createRoomMail({ signaling, keys, self, random, logger });
  const iceServers = createIceServers({
    own: options.iceServers,
    signaling,
    report: (error) => emitter.emit("error", error),
  });
  const desk = createRelayDesk(signaling, logger);
  const links = createRoomLinks({
    ...options,
    peers,
    mail,
    desk,
    signaling,
    iceServers,
    tell: emitter.emit,
  });

  signaling.on("joined", (_, members) => {
    const again = hasJoined;
    hasJoined = true;
    emitter.emit("joined", again);
    asked.clear();
    for (const member of members) {
      asked.add(member);
      mail.announce(member, true);
    }
    // Who did not come back with the meeting point is known by not answering; linked peers stay either way.
    for (const peer of peers.values())
      if (peer.member !== undefined && !members.includes(peer.member)) memberLeft(peer);
  });
  signaling.on("lost", () => emitter.emit("lost"));
  signaling.on("reconnecting", (attempt) => emitter.emit("reconnecting", attempt));
  signaling.on("failed", (error) => emitter.emit("failed", error));
  signaling.on("member-left", (member) => {
    for (const peer of peers.values()) {
      if (peer.formerMember === member) peer.formerMember = undefined;
      if (peer.member === member) memberLeft(peer);
    }
  });
  mail.on("announced", (from, announcement) => announced(from, announcement));
  mail.on("signal", (from, conn, way, description) => {
    const peer = peerOf(from);
    if (peer !== undefined) links.signalled(peer, conn, way, description);
  });
  mail.on("dropped", (reason) => emitter.emit("dropped", reason));
  mail.on("declined", (from, conn) => {
    const peer = peerOf(from);
    if (peer !== undefined) links.declined(peer, conn);
  });

  const peerOf = (member: MemberId): Peer | undefined => [...peers.values()].find((peer) => peer.member === member);

  const announced = (from: MemberId, { siteId, epoch, asks }: Announcement): void => {
    // A member is one replica: whoever names ever new ones must not fill the memory.
    for (const other of peers.values()) if (other.member === from && other.siteId !== siteId) memberLeft(other);
    // A clone is answered as well, so that both sides hear of it.
    if (asks) mail.announce(from, false);
    const isAnswer = asked.delete(from);
    if (siteId === self.siteId) return reportClash(epoch);

    let peer = peers.get(siteId);
    if (peer === undefined) {
      peer = createPeer(siteId, epoch, from);
      peers.set(siteId, peer);
      emitter.emit("peer-join", siteId);
      return links.met(peer);
    }
    const isAnew = peer.epoch !== epoch;
    if (isAnew && peer.member !== from) peer.formerMember = peer.member;
    peer.epoch = epoch;
    peer.member = from;
    peer.isAsking ||= !asks && !isAnswer;
    if (isAnew) links.supersede(peer);
    else links.probe(peer);
    if (isAnew || options.clock.nowMs() >= peer.retryAtMs) links.tryToLink(peer);
  };

  const reportClash = (epoch: Epoch): void => {
    if (epoch === self.epoch || clashReported) return;
    clashReported = true;
    emitter.emit("clash", self.epoch > epoch);
  };

  const memberLeft = (peer: Peer): void => {
    peer.member = undefined;
    if (peer.link !== undefined) return links.left(peer);
    links.forget(peer);
    emitter.emit("peer-leave", peer.siteId);
  };

  return {
    get connected() {
      return signaling.connected;
    },
    get drops() {
      return mail.drops;
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
      links.close();
      mail.close();
      if (desk.isIdle) return signaling.close();
      // What was relayed last, goodbyes above all, still has to be sealed and sent.
      emitter.clear();
      const cancelLinger = options.clock.setTimer(lingerMs, () => signaling.close());
      void desk.idle().then(() => {
        cancelLinger();
        signaling.close();
      });
    },
  };
};
