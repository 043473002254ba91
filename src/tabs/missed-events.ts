/**
 * The events that lead from one snapshot to another. A tab that joins late, or whose leader changes, has missed them;
 * with them every tab hears of each connection and each peer as if it had been there all the time.
 */

import type { PeerStatus } from "../api.ts";
import type { HostEvent, HostSnapshot } from "../host.ts";

type Seen = Pick<HostSnapshot, "signaling" | "peers">;

/** What a tab knows before it has seen anything. */
export const nothingSeen: Seen = { signaling: "off", peers: [] };

export const missedEvents = (before: Seen, after: Seen): readonly HostEvent[] => {
  const events: HostEvent[] = [];
  const routeByPeer = new Map(before.peers.map((peer) => [peer.peerId, peer.route]));
  const stateByPeer = (seen: Seen): ReadonlyMap<PeerStatus["peerId"], PeerStatus["state"]> =>
    new Map(seen.peers.map((peer) => [peer.peerId, peer.state]));
  const [old, present] = [stateByPeer(before), stateByPeer(after)];

  for (const [peerId, state] of old) {
    const isStill = present.get(peerId);
    if (isStill === undefined || (state === "ready" && isStill === "joined")) {
      events.push({ name: "peer-leave", args: [peerId] });
    }
  }
  const [wasConnected, isConnected] = [before.signaling === "connected", after.signaling === "connected"];
  if (wasConnected && !isConnected) events.push({ name: "disconnected", args: [] });
  if (!wasConnected && isConnected) events.push({ name: "connected", args: [] });
  for (const [peerId, state] of present) {
    const was = old.get(peerId);
    if (was === undefined || (was === "ready" && state === "joined"))
      events.push({ name: "peer-join", args: [peerId] });
    if (was !== "ready" && state === "ready") events.push({ name: "peer-ready", args: [peerId] });
  }
  for (const { peerId, route } of after.peers) {
    const wasRoute = routeByPeer.get(peerId);
    if (route !== undefined && wasRoute !== undefined && route !== wasRoute) {
      events.push({ name: "route", args: [peerId, route] });
    }
  }
  return events;
};
