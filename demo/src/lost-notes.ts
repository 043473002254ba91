/** Notices of notes that somebody deleted while they were edited here: each can be brought back or let go. */

import type { Announcer } from "./announcer.ts";
import type { Conflicts, LostNote } from "./conflicts.ts";
import type { Notices } from "./notices.ts";
import type { NotesStore } from "./notes-store.ts";
import { personOf } from "./person.ts";

export interface LostNotesOptions {
  readonly store: NotesStore;
  readonly conflicts: Conflicts;
  readonly announcer: Announcer;
  readonly notices: Notices;
  /** A note is there again. */
  readonly onBack: (noteId: string) => void;
}

/** More of a name is cut off, characters. */
const mostCharacters = 60;

export const showLostNotes = ({ store, conflicts, announcer, notices, onBack }: LostNotesOptions): void => {
  let shown: ReadonlySet<string> = new Set();

  const bringBack = async (lost: LostNote): Promise<void> => {
    const nowMs = Date.now();
    // What was not edited here is as it was, if the deletion was seen by this page.
    const before = announcer.deletion(lost.noteId)?.note;
    await store.restore({
      id: lost.noteId,
      title: lost.title ?? before?.title ?? "",
      body: lost.body ?? before?.body ?? "",
      createdAt: before?.createdAt ?? nowMs,
      updatedAt: nowMs,
    });
    await conflicts.letGo(lost);
    onBack(lost.noteId);
  };

  const showOne = (lost: LostNote): void => {
    const title = (lost.title ?? announcer.deletion(lost.noteId)?.note.title ?? lost.body ?? "").trim();
    const name = title === "" ? "a note" : `“${title.slice(0, mostCharacters)}”`;
    notices.show(keyOf(lost), `${personOf(lost.who).name} deleted ${name} while you were changing it.`, {
      label: "Bring back my version",
      run: () => void bringBack(lost).catch(notices.showError),
      closeLabel: "Let it go",
      onClose: () => void conflicts.letGo(lost).catch(notices.showError),
    });
  };

  const show = (): void => {
    const lost = conflicts.lost();
    const keys = new Set(lost.map(keyOf));
    for (const key of shown) if (!keys.has(key)) notices.hide(key);
    shown = keys;
    for (const note of lost) showOne(note);
  };

  conflicts.onChange(show);
  show();
};

const keyOf = ({ noteId }: LostNote): string => `lost-${noteId}`;
