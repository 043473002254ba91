/** Below an open note of which there are two versions: both of them, and a button for each. */

import type { Conflicts, NoteConflict } from "./conflicts.ts";
import { find, make, setText } from "./dom.ts";
import type { NotesStore } from "./notes-store.ts";
import { makeAvatar, personOf } from "./person.ts";
import { compareVersions } from "./text-merge.ts";

export interface ConflictCard {
  /** Shows what there is to choose in this note, or nothing. */
  show(noteId: string | undefined): void;
}

export interface ConflictCardOptions {
  readonly store: NotesStore;
  readonly conflicts: Conflicts;
  readonly say: (text: string) => void;
  /** The last choice was made: where the focus goes. */
  readonly onDone: (conflict: NoteConflict) => void;
  readonly onError: (error: unknown) => void;
}

/** `text` with what `other` does not have marked. */
const showVersion = (target: HTMLElement, text: string, other: string): void => {
  const parts = compareVersions(text, other);
  target.replaceChildren(...parts.map((part) => (part.isShared ? part.text : make("mark", "", part.text))));
  target.classList.toggle("is-blank", text === "");
  if (text === "") setText(target, "Nothing");
};

export const createConflictCard = ({ store, conflicts, say, onDone, onError }: ConflictCardOptions): ConflictCard => {
  const card = find("conflict", HTMLElement);
  const heading = find("conflict-heading", HTMLElement);
  const mine = find("conflict-mine", HTMLElement);
  const theirs = find("conflict-theirs", HTMLElement);
  const who = find("conflict-who", HTMLElement);
  const keepMine = find("keep-mine", HTMLButtonElement);
  const keepTheirs = find("keep-theirs", HTMLButtonElement);
  let noteId: string | undefined;
  let shown: NoteConflict | undefined;

  const render = (): void => {
    const open = noteId === undefined ? [] : conflicts.of(noteId);
    const note = noteId === undefined ? undefined : store.get(noteId);
    const before = shown;
    shown = note === undefined ? undefined : open[0];
    card.hidden = shown === undefined;
    if (shown === undefined || note === undefined) return;
    const what = shown.field === "title" ? "title" : "text";
    const person = personOf(shown.who);
    setText(heading, `Two versions of the ${what}${open.length > 1 ? `, and ${open.length - 1} more to choose` : ""}`);
    who.replaceChildren(makeAvatar(person), `${person.name} wrote`);
    const current = note[shown.field];
    showVersion(mine, shown.mine, current);
    showVersion(theirs, current, shown.mine);
    if (shown !== before) say(`There are two versions of the ${what} of this note: yours, and one of ${person.name}.`);
  };

  const choose = (settle: (conflict: NoteConflict) => Promise<void>) => async (): Promise<void> => {
    const chosen = shown;
    if (chosen === undefined) return;
    keepMine.disabled = keepTheirs.disabled = true;
    try {
      await settle(chosen);
    } catch (error) {
      onError(error);
    } finally {
      keepMine.disabled = keepTheirs.disabled = false;
    }
    if (card.hidden) onDone(chosen);
    else keepMine.focus();
  };

  keepMine.addEventListener("click", () => void choose(conflicts.keepMine)());
  keepTheirs.addEventListener("click", () => void choose(conflicts.keepTheirs)());
  conflicts.onChange(render);
  store.onUpdate(render);

  return {
    show: (id) => {
      noteId = id;
      render();
    },
  };
};
