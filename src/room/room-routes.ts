/**
 * What becomes of a route that came up: the first of a link, or another one for a link that stands. A link moves to the
 * direct route as soon as there is one, and stays together without a route for a while when it can hope for another.
 */

import type { Clock } from "../common/clock.ts";
import type { LinkId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import { createLink } from "../transport/channel-link.ts";
import type { PeerLink } from "../transport/link.ts";
import { createMovableChannel, type MovableChannel } from "../transport/movable-channel.ts";
import type { ReadyRoute } from "./link-attempt.ts";
import type { Way } from "./room-mail.ts";
import type { Peer } from "./room-peer.ts";

/** How long a link may be without a route; a peer that left the meeting point is given up sooner, by asking. */
const graceMs = 10_000;

export interface RoomRoutesOptions {
  readonly isInitiator: (peer: Peer) => boolean;
  /** Whether a link that loses its route can hope for another. */
  readonly canWait: () => boolean;
  readonly nextLinkId: () => LinkId;
  readonly clock: Clock;
  readonly logger: Logger;
  /** There is a new link; it replaces another where there was one. */
  readonly onLink: (peer: Peer, link: PeerLink, channel: MovableChannel) => void;
  readonly onMoved: (peer: Peer) => void;
  readonly onDetached: (peer: Peer) => void;
  /** The route did not serve. */
  readonly onFailed: (peer: Peer, way: Way) => void;
}

export interface RoomRoutes {
  /** A route that our attempt brought up, or that we were asked for. */
  ready(peer: Peer, way: Way, route: ReadyRoute): void;
  /** The peer does not answer: its link looks for another route, or ends. */
  silent(peer: Peer): void;
}

/** Whether a direct route would be of use. */
export const wantsDirectRoute = ({ link, channel }: Peer): boolean =>
  link === undefined || (channel?.isMovable === true && (channel.isDetached || channel.route === "relay"));

/** Whether a relayed one would. */
export const wantsRelayedRoute = ({ link, channel }: Peer): boolean =>
  link === undefined || channel?.isDetached === true;

export const createRoomRoutes = (options: RoomRoutesOptions): RoomRoutes => {
  const { isInitiator, canWait, clock, logger, onLink, onMoved, onDetached, onFailed } = options;

  const begin = (peer: Peer, ready: ReadyRoute, begins: "asks" | "answers" | "agreed"): void => {
    const channel = createMovableChannel(ready.route, {
      name: ready.conn,
      begins,
      canWait,
      clock,
      logger,
    });
    const link = createLink(channel, {
      id: options.nextLinkId(),
      peer: { siteId: peer.siteId, epoch: ready.epoch },
      clock,
      logger,
    });
    channel.on("moved", () => {
      if (peer.channel !== channel) return;
      peer.cancelGrace();
      onMoved(peer);
    });
    channel.on("detached", () => {
      if (peer.channel !== channel) return;
      peer.cancelGrace();
      peer.cancelGrace = clock.setTimer(graceMs, () => link.close("ROUTE_LOST"));
      onDetached(peer);
    });
    onLink(peer, link, channel);
  };

  const move = async (peer: Peer, way: Way, channel: MovableChannel, ready: ReadyRoute): Promise<void> => {
    const outcome = await channel.move(ready.route);
    if (peer.channel !== channel) {
      if (outcome !== "moved") ready.route.channel.close("SUPERSEDED");
      return;
    }
    if (outcome === "refused") begin(peer, ready, "agreed");
    if (outcome === "lost") onFailed(peer, way);
  };

  return {
    ready: (peer, way, ready) => {
      const { channel } = peer;
      if (!isInitiator(peer)) {
        const { attach } = ready;
        if (channel !== undefined && attach !== undefined && attach.name === channel.name) {
          return channel.accept(ready.route, attach);
        }
        return begin(peer, ready, "answers");
      }
      if (channel === undefined) return begin(peer, ready, "asks");
      const isWanted = way === "direct" ? wantsDirectRoute(peer) : wantsRelayedRoute(peer);
      if (isWanted) return void move(peer, way, channel, ready);
      ready.route.channel.close("NOT_NEEDED");
      // The link is about to move, or begins right now: later.
      if (way === "direct") onFailed(peer, way);
    },
    silent: (peer) => {
      const { link, channel } = peer;
      if (link === undefined || channel === undefined) return;
      if (peer.member === undefined || !canWait()) return link.close("SILENT");
      // Without a route the grace runs already.
      channel.leave("SILENT");
    },
  };
};
