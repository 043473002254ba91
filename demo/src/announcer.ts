/** Says what others did, for the eyes (entries light up) and for screen readers (a polite live region). */

import type { Ledger, RowChange } from "ledger";
import { find, setText } from "./dom.ts";
import { type Note, type NoteRow, rowToNote } from "./notes-store.ts";
import { personOf } from "./person.ts";
import { titleOf } from "./search.ts";

/** Edits by others to one note are told once in this time, milliseconds: people type many times a second. */
const repeatAfterMs = 15_000;

type NoteChange = Exclude<RowChange<NoteRow>, { readonly type: "missed" }>;

export interface Deletion {
  readonly note: Note;
  readonly who: string;
}

export interface Announcer {
  say(text: string): void;
  /** The note as it was, if somebody else deleted it while this page was open, and who did. */
  deletion(noteId: string): Deletion | undefined;
  /** Others made or changed these notes, in one commit. */
  onTouched(listener: (ids: readonly string[]) => void): void;
}

const titleIn = (change: NoteChange): string => titleOf(rowToNote(change.row));

const isEdit = (change: NoteChange): boolean =>
  change.type === "update" && (change.new.title !== undefined || change.new.body !== undefined);

/** Hears of what others do from the row changes of the table. */
export const openAnnouncer = async (ledger: Ledger): Promise<Announcer> => {
  const region = find("announcer", HTMLElement);
  const listeners: ((ids: readonly string[]) => void)[] = [];
  const toldAtById = new Map<string, number>();
  const deletions = new Map<string, Deletion>();
  let commit: NoteChange[] = [];

  const say = (text: string): void => setText(region, text);

  const sayOnce = (id: string, text: string): void => {
    const nowMs = Date.now();
    if (nowMs - (toldAtById.get(id) ?? 0) < repeatAfterMs) return;
    toldAtById.set(id, nowMs);
    say(text);
  };

  const tell = (changes: readonly NoteChange[]): void => {
    const names = [...new Set(changes.map(({ who }) => who))].map((who) => personOf(who).name);
    const who = new Intl.ListFormat("en").format(names);
    const arrived = changes.filter(({ type }) => type === "insert");
    const [gone] = changes.filter(({ type }) => type === "delete");
    const edited = changes.filter(isEdit);
    const [first] = arrived;
    const [edit] = edited;
    if (arrived.length > 1) say(`${arrived.length} notes from ${who} arrived.`);
    else if (first !== undefined) sayOnce(first.row.id, `A note from ${who} arrived.`);
    else if (gone !== undefined) say(`${who} deleted “${titleIn(gone)}”.`);
    else if (edit !== undefined) sayOnce(edit.row.id, `${who} is editing “${titleIn(edit)}”.`);
    const touched = [...arrived, ...edited].map(({ row }) => row.id);
    if (touched.length > 0) for (const listener of listeners) listener(touched);
  };

  await ledger.watch<NoteRow>("notes", { filter: ({ origin }) => origin === "remote" }, (change) => {
    if (change.type === "missed") return;
    if (change.type === "delete") deletions.set(change.row.id, { note: rowToNote(change.row), who: change.who });
    else deletions.delete(change.row.id);
    // The rows of a commit are told one by one, in one go.
    if (commit.push(change) > 1) return;
    queueMicrotask(() => {
      tell(commit);
      commit = [];
    });
  });

  return {
    say,
    deletion: (noteId) => deletions.get(noteId),
    onTouched: (listener) => void listeners.push(listener),
  };
};
