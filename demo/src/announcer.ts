/** Says what others did, for the eyes (entries light up) and for screen readers (a polite live region). */

import { find, setText } from "./dom.ts";
import type { Note, NotesUpdate } from "./notes-store.ts";
import { personOf } from "./person.ts";
import { titleOf } from "./search.ts";

/** Edits by others to one note are told once in this time, milliseconds: people type many times a second. */
const repeatAfterMs = 15_000;

export interface Announcer {
  say(text: string): void;
  /** @returns ids of the notes that others made or changed */
  tell(update: NotesUpdate): readonly string[];
}

const namesOf = (update: NotesUpdate): string =>
  new Intl.ListFormat("en").format([...update.from].map((nodeId) => personOf(nodeId).name));

const differs = (a: Note, b: Note): boolean => a.title !== b.title || a.body !== b.body;

export const createAnnouncer = (): Announcer => {
  const region = find("announcer", HTMLElement);
  const toldAtById = new Map<string, number>();

  const say = (text: string): void => setText(region, text);

  const sayOnce = (id: string, text: string): void => {
    const nowMs = Date.now();
    if (nowMs - (toldAtById.get(id) ?? 0) < repeatAfterMs) return;
    toldAtById.set(id, nowMs);
    say(text);
  };

  const tell = (update: NotesUpdate): readonly string[] => {
    if (update.from.size === 0) return [];
    const before = new Map(update.previous.map((note) => [note.id, note]));
    const foreign = update.notes.filter((note) => !update.writtenHere.has(note.id));
    const arrived = foreign.filter((note) => !before.has(note.id));
    const changed = foreign.filter((note) => {
      const old = before.get(note.id);
      return old !== undefined && differs(old, note);
    });
    const here = new Set(update.notes.map((note) => note.id));
    const gone = update.previous.filter((note) => !here.has(note.id) && !update.writtenHere.has(note.id));

    const who = namesOf(update);
    const [first] = arrived;
    if (arrived.length > 1) say(`${arrived.length} notes from ${who} arrived.`);
    else if (first !== undefined) sayOnce(first.id, `A note from ${who} arrived.`);
    else if (gone[0] !== undefined) say(`${who} deleted “${titleOf(gone[0])}”.`);
    else if (changed[0] !== undefined) sayOnce(changed[0].id, `${who} is editing “${titleOf(changed[0])}”.`);
    return [...arrived, ...changed].map((note) => note.id);
  };

  return { say, tell };
};
