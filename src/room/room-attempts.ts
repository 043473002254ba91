/** The attempts of one room: at most one by each way and peer, each named by its initiator. */

import type { Clock } from "../common/clock.ts";
import type { Epoch, MemberId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { openChannelLater, type OpenChannel } from "../later-channel.ts";
import type { ChannelAttempt, Network } from "../network.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import type { ConnectionId } from "../security/sealed-envelope.ts";
import type { IceServers } from "./ice-servers.ts";
import { startLinkAttempt, type AttemptFailure, type LinkAttempt, type ReadyRoute } from "./link-attempt.ts";
import type { RelayDesk } from "./relay-desk.ts";
import type { RoomMail, Way } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";

/** Of each way; rule 4 of the room. Each direct one holds an RTCPeerConnection, and offers cost their sender next to nothing. */
const maxPendingAttempts = 8;

/** For both ends' keys of a relayed attempt: two trips through the server. */
const relayTimeoutMs = 10_000;

export interface RoomAttemptsOptions {
  readonly peers: ReadonlyMap<SiteId, Peer>;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly keys: RoomKeys;
  readonly network: Network;
  readonly desk: RelayDesk;
  readonly mail: RoomMail;
  readonly iceServers: Pick<IceServers, "current" | "refused">;
  readonly linkTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Not told of attempts that were dropped, or whose peer is gone. */
  readonly onReady: (peer: Peer, way: Way, ready: ReadyRoute) => void;
  readonly onFailed: (peer: Peer, way: Way, failure: AttemptFailure) => void;
}

export interface RoomAttempts {
  of(peer: Peer, way: Way): LinkAttempt | undefined;
  /** No more may be begun this way. */
  isFull(way: Way): boolean;
  start(peer: Peer, conn: ConnectionId, role: LinkAttempt["role"], way: Way): void;
  drop(peer: Peer, way: Way): void;
}

export const createRoomAttempts = (options: RoomAttemptsOptions): RoomAttempts => {
  const { peers, network, desk, mail, iceServers, linkTimeoutMs, onReady, onFailed } = options;

  const of = (peer: Peer, way: Way): LinkAttempt | undefined => (way === "relay" ? peer.relayAttempt : peer.attempt);

  const set = (peer: Peer, way: Way, attempt: LinkAttempt | undefined): void => {
    if (way === "relay") peer.relayAttempt = attempt;
    else peer.attempt = attempt;
  };

  const openDirect = (role: LinkAttempt["role"], onSignal: (description: string) => void): ChannelAttempt => {
    const used = iceServers.current;
    return network.openChannel({
      initiator: role === "initiator",
      iceServers: used,
      timeoutMs: linkTimeoutMs,
      onSignal,
      onTurnRefused: (errorCode) => iceServers.refused(used, errorCode),
    });
  };

  /** Loaded beside the start: most rooms never relay. */
  const openRelayed = (
    member: MemberId,
    conn: ConnectionId,
    role: LinkAttempt["role"],
    onSignal: (description: string) => void,
  ): ChannelAttempt => {
    // Before the code is there: what comes meanwhile is kept for it.
    const carrier = desk.open(member, conn);
    const load = async (): Promise<OpenChannel> => {
      const { openRelayedChannel } = await import("./relayed-attempt.ts");
      return ({ timeoutMs }) => openRelayedChannel({ ...options, conn, role, carrier, timeoutMs, onSignal });
    };
    const attempt = openChannelLater(load(), {
      initiator: role === "initiator",
      iceServers: [],
      timeoutMs: relayTimeoutMs,
      onSignal,
    });
    attempt.opened.catch(() => carrier.close());
    return attempt;
  };

  return {
    of,
    isFull: (way) => [...peers.values()].filter((peer) => of(peer, way) !== undefined).length >= maxPendingAttempts,
    start: (peer, conn, role, way) => {
      const { member } = peer;
      if (member === undefined) return;
      const attempt = startLinkAttempt({
        ...options,
        conn,
        role,
        peerId: peer.siteId,
        open: (onSignal) => (way === "direct" ? openDirect(role, onSignal) : openRelayed(member, conn, role, onSignal)),
        onSignal: (description) => {
          if (of(peer, way) !== attempt || peer.member === undefined) return;
          mail.signal(peer.member, conn, way, description);
        },
      });
      set(peer, way, attempt);
      void attempt.outcome.then((outcome) => {
        const isCurrent = of(peer, way) === attempt && peers.get(peer.siteId) === peer;
        if (isCurrent) set(peer, way, undefined);
        else if (outcome.ok) outcome.value.route.channel.close("SUPERSEDED");
        if (!isCurrent) return;
        if (outcome.ok) onReady(peer, way, outcome.value);
        else onFailed(peer, way, outcome.error);
      });
    },
    drop: (peer, way) => {
      const attempt = of(peer, way);
      set(peer, way, undefined);
      attempt?.abandon();
    },
  };
};
