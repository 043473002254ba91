/**
 * The notes: one SQL table, and an always fresh copy of it for the screen.
 * Title and body are columns of their own, and every write touches one of them: when two people edit the same note,
 * one its title and the other its text, both edits survive.
 */

import { type Ledger, type SqlParams, uuidv7 } from "ledger";

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

/** What a fresh reading of the table brought. */
export interface NotesUpdate {
  readonly notes: readonly Note[];
  readonly previous: readonly Note[];
  /** Node ids of the people whose changes are in it; empty when all of it was made here. */
  readonly from: ReadonlySet<string>;
  /** Notes written here since the last reading. */
  readonly writtenHere: ReadonlySet<string>;
}

export interface NotesStore {
  /** Last edited first. */
  all(): readonly Note[];
  get(id: string): Note | undefined;
  /** There at once, so that nobody waits for the disk before typing; stored right after. */
  create(): Note;
  /** @returns false when the note is gone */
  write(id: string, field: NoteField, text: string): Promise<boolean>;
  /** @returns the note as it was, for bringing it back; undefined when it was gone already */
  remove(id: string): Promise<Note | undefined>;
  /** Brings a deleted note back under its old id. */
  restore(note: Note): Promise<void>;
  onUpdate(listener: (update: NotesUpdate) => void): void;
}

interface NoteRow {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly created_at: number;
  readonly updated_at: number;
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

const rowToNote = (row: NoteRow): Note => ({
  id: row.id,
  title: row.title,
  body: row.body,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});

/**
 * Makes the table, has it synced and reads it once. The ledger must be open.
 * @param onError - told when a reading fails that nobody waits for
 */
export const openNotesStore = async (ledger: Ledger, onError: (error: unknown) => void): Promise<NotesStore> => {
  const listeners: ((update: NotesUpdate) => void)[] = [];
  let notes: readonly Note[] = [];
  let notesById: ReadonlyMap<string, Note> = new Map();
  /** Made here and on their way into the table. */
  const unbornById = new Map<string, Note>();
  let from = new Set<string>();
  let writtenHere = new Set<string>();
  let reading: Promise<void> | undefined;
  let stale = false;

  const show = (next: readonly Note[], news: Pick<NotesUpdate, "from" | "writtenHere">): void => {
    const previous = notes;
    notes = next;
    notesById = new Map(notes.map((note) => [note.id, note]));
    for (const listener of listeners) listener({ notes, previous, ...news });
  };

  const readOnce = async (): Promise<void> => {
    // Taken before reading: what is committed later may not be in it and belongs to the next one.
    const news = { from, writtenHere };
    from = new Set();
    writtenHere = new Set();
    const stored = (await ledger.query<NoteRow>(selectAll)).map(rowToNote);
    const ids = new Set(stored.map((note) => note.id));
    show([...[...unbornById.values()].filter((note) => !ids.has(note.id)), ...stored], news);
  };

  const readWhileStale = async (): Promise<void> => {
    try {
      while (stale) {
        stale = false;
        await readOnce();
      }
    } catch (error) {
      onError(error);
    } finally {
      reading = undefined;
    }
  };

  /** Done when what is stored now is shown; many changes at once cost one or two readings. */
  const refresh = (): Promise<void> => {
    stale = true;
    reading ??= readWhileStale();
    return reading;
  };

  /** Runs a statement that changes this note, and marks it so that nobody else gets the credit. */
  const change = async (id: string, sql: string, params: SqlParams): Promise<number> => {
    writtenHere.add(id);
    const { rowsAffected } = await ledger.exec(sql, params);
    writtenHere.add(id);
    return rowsAffected;
  };

  const insertNote = async (note: Note): Promise<void> => {
    await change(note.id, insert, [note.id, note.title, note.body, note.createdAt, note.updatedAt]);
    await refresh();
  };

  await ledger.exec(schema);
  await ledger.enableSync("notes");
  ledger.on("change", ({ tables, origin, peerId }) => {
    if (!tables.includes("notes")) return;
    if (origin === "remote" && peerId !== undefined) from.add(peerId);
    void refresh();
  });
  await readOnce();

  return {
    all: () => notes,
    get: (id) => notesById.get(id),
    create: () => {
      const nowMs = Date.now();
      const note: Note = { id: uuidv7(nowMs), title: "", body: "", createdAt: nowMs, updatedAt: nowMs };
      unbornById.set(note.id, note);
      show([note, ...notes], { from: new Set(), writtenHere: new Set([note.id]) });
      insertNote(note)
        .catch(onError)
        .finally(() => unbornById.delete(note.id));
      return note;
    },
    write: async (id, field, text) => {
      const rowsAffected = await change(id, update[field], [text, Date.now(), id]);
      void refresh();
      return rowsAffected > 0;
    },
    remove: async (id) => {
      const row = await ledger.get<NoteRow>(selectOne, [id]);
      await change(id, "DELETE FROM notes WHERE id = ?", [id]);
      await refresh();
      return row === undefined ? undefined : rowToNote(row);
    },
    restore: insertNote,
    onUpdate: (listener) => void listeners.push(listener),
  };
};
