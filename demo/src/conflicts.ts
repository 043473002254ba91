/**
 * What was written here and lost when two people had changed the same thing while they were apart. Ledger keeps both values
 * until this page says that somebody has chosen.
 */

import type { Conflict, Ledger } from "ledger";
import type { NoteField, NoteRow, NotesStore } from "./notes-store.ts";

/** Two versions of one field of a note. The other one is in the note. */
export interface NoteConflict {
  readonly noteId: string;
  readonly field: NoteField;
  readonly mine: string;
  /** Who wrote the version that is in the note. */
  readonly who: string;
}

/** A note that somebody deleted while it was being edited here. */
export interface LostNote {
  readonly noteId: string;
  readonly title: string | undefined;
  readonly body: string | undefined;
  readonly who: string;
}

export interface Conflicts {
  /** Oldest first. */
  of(noteId: string): readonly NoteConflict[];
  lost(): readonly LostNote[];
  keepMine(conflict: NoteConflict): Promise<void>;
  keepTheirs(conflict: NoteConflict): Promise<void>;
  letGo(note: LostNote): Promise<void>;
  onChange(listener: () => void): void;
}

const isField = (column: string): column is NoteField => column === "title" || column === "body";

const isText = (conflict: Conflict): conflict is Conflict & { readonly mine: string } =>
  conflict.table === "notes" && isField(conflict.column) && typeof conflict.mine === "string";

const noteIdOf = ({ key }: Conflict): string => String(key["id"]);

/** The notes must be read already. @param onError - told when something fails that nobody waits for */
export const openConflicts = async (
  ledger: Ledger,
  store: NotesStore,
  onError: (error: unknown) => void,
): Promise<Conflicts> => {
  const listeners: (() => void)[] = [];
  let known: readonly (Conflict & { readonly mine: string })[] = [];
  const shownByConflict = new WeakMap<Conflict, NoteConflict>();

  const forget = async (settled: readonly Conflict[]): Promise<void> => {
    known = known.filter((conflict) => !settled.includes(conflict));
    for (const listener of listeners) listener();
    await ledger.history.dismiss(...settled);
  };

  /** Whether there is nothing to choose: the note says already what was written here, or is back, or gone for good. */
  const isSettled = (conflict: Conflict, note: Pick<NoteRow, NoteField> | undefined): boolean =>
    conflict.isDeleted
      ? note !== undefined
      : note === undefined || note[conflict.column as NoteField] === conflict.mine;

  /** What the screen shows may be older than the conflict: before anything is forgotten, the table is asked. */
  const tidy = async (): Promise<void> => {
    for (const conflict of known) {
      const id = noteIdOf(conflict);
      if (!isSettled(conflict, store.get(id))) continue;
      const stored = await ledger.get<Pick<NoteRow, NoteField>>("SELECT title, body FROM notes WHERE id = ?", [id]);
      if (isSettled(conflict, stored)) await forget([conflict]);
    }
  };

  const read = async (): Promise<void> => {
    const all = await ledger.history.conflicts();
    // The times of editing lose as well, and nobody misses them.
    const others = all.filter((conflict) => !isText(conflict));
    known = all.filter(isText);
    for (const listener of listeners) listener();
    if (others.length > 0) await ledger.history.dismiss(...others);
  };

  const show = (conflict: Conflict & { readonly mine: string }): NoteConflict => {
    const shown = shownByConflict.get(conflict) ?? {
      noteId: noteIdOf(conflict),
      field: conflict.column as NoteField,
      mine: conflict.mine,
      who: conflict.who,
    };
    shownByConflict.set(conflict, shown);
    return shown;
  };

  const settle = ({ noteId, field, mine }: NoteConflict): Promise<void> =>
    forget(
      known.filter((conflict) => noteIdOf(conflict) === noteId && conflict.column === field && conflict.mine === mine),
    );

  ledger.on("conflict", () => void read().catch(onError));
  store.onUpdate(() => void tidy().catch(onError));
  await read();
  await tidy();

  return {
    of: (noteId) => known.filter((conflict) => noteIdOf(conflict) === noteId && !conflict.isDeleted).map(show),
    lost: () => {
      const ids = new Set(known.filter(({ isDeleted }) => isDeleted).map(noteIdOf));
      return [...ids].map((noteId) => {
        const own = known.filter((conflict) => conflict.isDeleted && noteIdOf(conflict) === noteId);
        const textOf = (field: NoteField): string | undefined => own.findLast(({ column }) => column === field)?.mine;
        return { noteId, title: textOf("title"), body: textOf("body"), who: own[0]?.who ?? "" };
      });
    },
    keepMine: async (conflict) => {
      await store.write(conflict.noteId, conflict.field, conflict.mine);
      await settle(conflict);
    },
    keepTheirs: settle,
    letGo: ({ noteId }) => forget(known.filter((conflict) => conflict.isDeleted && noteIdOf(conflict) === noteId)),
    onChange: (listener) => void listeners.push(listener),
  };
};
