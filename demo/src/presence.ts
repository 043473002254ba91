/**
 * Who has which note open, and who is typing in it. Told to the room while it lasts and never stored. What others tell is
 * checked: it may come from another version of this page.
 */

import type { Ledger } from "ledger";

/** Somebody else, in one of their windows. */
export interface Visitor {
  readonly nodeId: string;
  readonly noteId: string | undefined;
  readonly isTyping: boolean;
}

export interface Presence {
  /** This window shows another note, or none. */
  setOpen(noteId: string | undefined): void;
  /** Somebody typed here just now. */
  typed(): void;
  /** Everybody else, one entry for each person: the window that does most. */
  others(): readonly Visitor[];
  onChange(listener: () => void): void;
}

/** Somebody who has not typed for so long has stopped, milliseconds. */
const typingMs = 3_000;

const readState = (nodeId: string, state: unknown): Visitor => {
  const { note, typing } = (typeof state === "object" && state !== null ? state : {}) as Record<string, unknown>;
  const noteId = typeof note === "string" ? note : undefined;
  return { nodeId, noteId, isTyping: noteId !== undefined && typing === true };
};

const weightOf = (visitor: Visitor): number => (visitor.isTyping ? 2 : visitor.noteId === undefined ? 0 : 1);

export const createPresence = (ledger: Ledger): Presence => {
  const listeners: (() => void)[] = [];
  let noteId: string | undefined;
  let others: readonly Visitor[] = [];
  let typingTimer: ReturnType<typeof setTimeout> | undefined;

  const tell = (): void => ledger.presence.set({ note: noteId ?? null, typing: typingTimer !== undefined });
  const stopTyping = (): void => {
    clearTimeout(typingTimer);
    typingTimer = undefined;
  };

  const look = (): void => {
    const byPerson = new Map<string, Visitor>();
    for (const { peerId, state } of ledger.presence.peers) {
      // Other tabs of this same person are no visitors.
      if (peerId === ledger.getNodeId()) continue;
      const visitor = readState(peerId, state);
      const known = byPerson.get(peerId);
      if (known === undefined || weightOf(visitor) > weightOf(known)) byPerson.set(peerId, visitor);
    }
    others = [...byPerson.values()].sort((a, b) => a.nodeId.localeCompare(b.nodeId));
    for (const listener of listeners) listener();
  };

  ledger.on("presence", look);
  tell();

  return {
    setOpen: (next) => {
      if (next === noteId) return;
      noteId = next;
      stopTyping();
      tell();
    },
    typed: () => {
      const isNews = typingTimer === undefined;
      clearTimeout(typingTimer);
      typingTimer = setTimeout(() => {
        stopTyping();
        tell();
      }, typingMs);
      if (isNews) tell();
    },
    others: () => others,
    onChange: (listener) => void listeners.push(listener),
  };
};
