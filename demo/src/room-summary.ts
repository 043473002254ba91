/** The state of the room in one sentence. Pure. */

import type { LedgerStatus } from "ledger";

export type RoomState = "opening" | "offline" | "searching" | "alone" | "linking" | "catching-up" | "same";

export const roomWords: Record<RoomState, string> = {
  opening: "Opening your notes…",
  offline: "Offline. Your edits wait here",
  searching: "Looking for others…",
  alone: "Just you here",
  linking: "Somebody is joining…",
  "catching-up": "Catching up…",
  same: "Everyone sees the same notes",
};

/** @param wantsOnline - what the switch says */
export const summarizeRoom = (status: LedgerStatus, wantsOnline: boolean): RoomState => {
  if (status.state !== "open") return "opening";
  if (!wantsOnline) return "offline";
  const linked = status.peers.filter((peer) => peer.state === "ready");
  if (linked.length > 0) {
    return linked.every((peer) => peer.digest === "same" && peer.pending?.changes === 0) ? "same" : "catching-up";
  }
  if (status.peers.length > 0) return "linking";
  return status.signaling === "connected" ? "alone" : "searching";
};
