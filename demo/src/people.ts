/** Who is in the room: you, and everybody this window is linked with, with what is on its way to them. */

import type { LedgerStatus, PeerStatus } from "ledger";
import { find, make, setText } from "./dom.ts";
import { makeAvatar, personOf } from "./person.ts";
import type { Visitor } from "./presence.ts";

export interface People {
  show(status: LedgerStatus, wantsOnline: boolean): void;
  /** What the others are doing. @param titleOf - of a note, undefined when it is not here */
  showVisitors(visitors: readonly Visitor[], titleOf: (noteId: string) => string | undefined): void;
}

const routeWords = {
  webrtc: "Linked directly",
  relay: "Linked through the meeting point, sealed",
  memory: "Linked inside this window",
} as const;

const describeLink = (peer: PeerStatus): string => {
  if (peer.state === "joined") return "Joining…";
  const route = routeWords[peer.route ?? "webrtc"];
  return peer.roundTripMs === undefined ? route : `${route} · ${Math.max(1, Math.round(peer.roundTripMs))} ms`;
};

const describeNotes = (peer: PeerStatus): string => {
  if (peer.state === "joined") return "";
  if (peer.pending?.changes !== 0) return "Your edits are on their way";
  if (peer.digest === "same") return "Has the same notes as you";
  return peer.digest === "different" ? "Has different notes. Comparing again…" : "Comparing notes…";
};

const emptyWords = (status: LedgerStatus, wantsOnline: boolean): string => {
  if (!wantsOnline) return "You are offline. Go online to see who is here.";
  if (status.signaling === "connected") return "Nobody else yet. Send the invitation, or open a second window.";
  return status.signaling === "reconnecting"
    ? "The meeting point does not answer. Your notes are safe here; the page keeps trying."
    : "Looking for others…";
};

const describeVisit = (visitor: Visitor, titleOf: (noteId: string) => string | undefined): string => {
  const title = visitor.noteId === undefined ? undefined : titleOf(visitor.noteId);
  if (title === undefined) return "";
  return visitor.isTyping ? `Typing in “${title}”` : `Looking at “${title}”`;
};

export const createPeople = (): People => {
  const youName = find("you-name", HTMLElement);
  const youAvatar = find("you-avatar", HTMLElement);
  const youStorage = find("you-storage", HTMLElement);
  const list = find("people", HTMLUListElement);
  const empty = find("people-empty", HTMLElement);
  const stack = find("avatars", HTMLElement);

  /** What each is doing, in words. */
  let visits: ReadonlyMap<string, string> = new Map();
  let peers: readonly PeerStatus[] = [];

  const makeEntry = (peer: PeerStatus): HTMLLIElement => {
    const person = personOf(peer.peerId);
    const notes = describeNotes(peer);
    const visit = visits.get(peer.peerId) ?? "";
    const words = make("span", "person-words", make("span", "person-name", person.name));
    if (visit !== "") words.append(make("span", "person-visit", visit));
    words.append(make("span", "person-link", describeLink(peer)));
    if (notes !== "") words.append(make("span", "person-notes", notes));
    const item = make("li", "person", makeAvatar(person), words);
    item.dataset["state"] = peer.state === "joined" ? "joining" : peer.pending?.changes === 0 ? peer.digest : "pending";
    return item;
  };

  const showYou = (status: LedgerStatus): void => {
    if (status.nodeId === undefined) return;
    const you = personOf(status.nodeId);
    setText(youName, you.name);
    youAvatar.replaceChildren(makeAvatar(you));
    document.title = `${you.name} · Ledger Notes`;
    const kept =
      status.storage === "memory" ? "Your notes last until this tab closes." : "Your notes are saved in this browser.";
    setText(youStorage, kept);
  };

  return {
    show: (status, wantsOnline) => {
      showYou(status);
      peers = status.peers.toSorted((a, b) => a.peerId.localeCompare(b.peerId));
      list.replaceChildren(...peers.map(makeEntry));
      list.hidden = peers.length === 0;
      empty.hidden = peers.length > 0;
      setText(empty, emptyWords(status, wantsOnline));
      const everyone = status.nodeId === undefined ? [] : [status.nodeId, ...peers.map((peer) => peer.peerId)];
      stack.replaceChildren(...everyone.slice(0, 3).map((nodeId) => makeAvatar(personOf(nodeId))));
    },
    showVisitors: (visitors, titleOf) => {
      visits = new Map(visitors.map((visitor) => [visitor.nodeId, describeVisit(visitor, titleOf)]));
      list.replaceChildren(...peers.map(makeEntry));
    },
  };
};
