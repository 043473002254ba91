/**
 * The notes: one SQL table, and a live query of it for the screen.
 * Title and body are columns of their own, and every write touches one of them: when two people edit the same note,
 * one its title and the other its text, both edits survive.
 */

import { type Ledger, uuidv7 } from "ledger";

export interface Note {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  /** Milliseconds since the epoch, by the clock of whoever wrote. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The columns a person types into. */
export type NoteField = "title" | "body";

/** A row of the table. */
export interface NoteRow {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface NotesStore {
  /** Last edited first. A note that is as before is the same object. */
  all(): readonly Note[];
  get(id: string): Note | undefined;
  /** There at once, so that nobody waits for the disk before typing; stored right after. */
  create(): Note;
  /** @returns false when the note is gone */
  write(id: string, field: NoteField, text: string): Promise<boolean>;
  /** @returns the note as it was, for bringing it back; undefined when it was gone already */
  remove(id: string): Promise<Note | undefined>;
  /** Brings a deleted note back under its old id; on the screen at once. */
  restore(note: Note): Promise<void>;
  /** Something in `all()` has changed. */
  onUpdate(listener: () => void): void;
}

const schema = `CREATE TABLE IF NOT EXISTS notes (
  id TEXT PRIMARY KEY NOT NULL,
  title TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL DEFAULT 0
)`;
const select = "SELECT id, title, body, created_at, updated_at FROM notes";
const selectAll = `${select} ORDER BY updated_at DESC, id DESC`;
const selectOne = `${select} WHERE id = ?`;
const insert = "INSERT INTO notes (id, title, body, created_at, updated_at) VALUES (?, ?, ?, ?, ?)";
const update: Record<NoteField, string> = {
  title: "UPDATE notes SET title = ?, updated_at = ? WHERE id = ?",
  body: "UPDATE notes SET body = ?, updated_at = ? WHERE id = ?",
};

export const rowToNote = (row: NoteRow): Note => ({
  id: row.id,
  title: row.title,
  body: row.body,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});

/**
 * Makes the table, has it synced and reads it once. The ledger must be open.
 * @param onError - told when something fails that nobody waits for
 */
export const openNotesStore = async (ledger: Ledger, onError: (error: unknown) => void): Promise<NotesStore> => {
  const listeners: (() => void)[] = [];
  /** The live query keeps the rows that are as before, and so are their notes kept. */
  const notesByRow = new WeakMap<NoteRow, Note>();
  let rows: readonly NoteRow[] = [];
  let notes: readonly Note[] = [];
  let notesById: ReadonlyMap<string, Note> = new Map();
  /** Made here and not read from the table yet. */
  const unbornById = new Map<string, Note>();

  const noteOf = (row: NoteRow): Note => {
    const note = notesByRow.get(row) ?? rowToNote(row);
    notesByRow.set(row, note);
    return note;
  };

  const show = (): void => {
    for (const { id } of rows) unbornById.delete(id);
    notes = [...unbornById.values(), ...rows.map(noteOf)];
    notesById = new Map(notes.map((note) => [note.id, note]));
    for (const listener of listeners) listener();
  };

  const insertNote = async (note: Note): Promise<void> => {
    unbornById.set(note.id, note);
    show();
    try {
      await ledger.exec(insert, [note.id, note.title, note.body, note.createdAt, note.updatedAt]);
    } catch (error) {
      unbornById.delete(note.id);
      show();
      throw error;
    }
  };

  await ledger.exec(schema);
  await ledger.enableSync("notes");
  await new Promise<void>((resolve, reject) => {
    ledger.live<NoteRow>(selectAll, [], { key: "id" }).subscribe({
      next: (next) => {
        rows = next;
        show();
        resolve();
      },
      error: (error) => {
        onError(error);
        reject(error);
      },
    });
  });

  return {
    all: () => notes,
    get: (id) => notesById.get(id),
    create: () => {
      const nowMs = Date.now();
      const note: Note = { id: uuidv7(nowMs), title: "", body: "", createdAt: nowMs, updatedAt: nowMs };
      insertNote(note).catch(onError);
      return note;
    },
    write: async (id, field, text) => (await ledger.exec(update[field], [text, Date.now(), id])).rowsAffected > 0,
    remove: async (id) => {
      const row = await ledger.get<NoteRow>(selectOne, [id]);
      unbornById.delete(id);
      await ledger.exec("DELETE FROM notes WHERE id = ?", [id]);
      return row === undefined ? undefined : rowToNote(row);
    },
    restore: insertNote,
    onUpdate: (listener) => void listeners.push(listener),
  };
};
