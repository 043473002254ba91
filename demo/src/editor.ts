/** The open note: its fields, when it was edited, and what to do when somebody deletes it meanwhile. */

import { find, setText } from "./dom.ts";
import type { Note, NoteField, NotesStore } from "./notes-store.ts";
import { personOf } from "./person.ts";
import { showTime } from "./relative-time.ts";
import { createSyncedField } from "./synced-field.ts";

export interface Editor {
  /** Shows a note; `undefined` shows the welcome instead. */
  open(note: Note | undefined): void;
  openId(): string | undefined;
  focusTitle(): void;
  focusBody(): void;
  focusField(field: NoteField): void;
  /** Saves now what was typed. */
  flush(): void;
}

export interface EditorOptions {
  readonly store: NotesStore;
  /** Who deleted a note, when it was somebody else. */
  readonly deletedBy: (id: string) => string | undefined;
  /** Another note is open, or none. */
  readonly onOpen: (id: string | undefined) => void;
  readonly onType: () => void;
  readonly onDelete: (id: string) => void;
  readonly onError: (error: unknown) => void;
}

export const createEditor = (options: EditorOptions): Editor => {
  const { store, deletedBy, onOpen, onType, onDelete, onError } = options;
  const welcome = find("welcome", HTMLElement);
  const article = find("editor", HTMLElement);
  const title = find("title", HTMLInputElement);
  const body = find("body", HTMLTextAreaElement);
  const editedAt = find("edited-at", HTMLTimeElement);
  const saved = find("saved", HTMLElement);
  const gone = find("gone", HTMLElement);
  const meta = find("editor-meta", HTMLElement);
  const remove = find("delete-note", HTMLButtonElement);
  const goneText = find("gone-text", HTMLElement);

  let opened: Note | undefined;
  let isGone = false;

  const saveTo =
    (field: NoteField) =>
    async (text: string): Promise<void> => {
      const note = opened;
      if (note === undefined || isGone) return;
      try {
        if (!(await store.write(note.id, field, text)) && opened?.id === note.id) showGone(deletedBy(note.id));
      } catch (error) {
        onError(error);
      }
    };

  const showMeta = (): void => {
    if (opened === undefined) return;
    const current = store.get(opened.id) ?? opened;
    showTime(editedAt, current.updatedAt, Date.now());
    setText(saved, fields.title.isDirty() || fields.body.isDirty() ? "Saving…" : "Saved in this browser");
  };

  const fields = {
    title: createSyncedField(title, saveTo("title"), () => showMeta()),
    body: createSyncedField(body, saveTo("body"), () => showMeta()),
  };

  const flush = (): void => {
    fields.title.flush();
    fields.body.flush();
  };

  const setGone = (next: boolean): void => {
    isGone = next;
    gone.hidden = !next;
    remove.hidden = next;
    meta.hidden = next;
    title.readOnly = next;
    body.readOnly = next;
  };

  const showGone = (by: string | undefined): void => {
    if (isGone) return;
    setText(goneText, by === undefined ? "This note was deleted." : `${personOf(by).name} deleted this note.`);
    setGone(true);
  };

  const open = (note: Note | undefined): void => {
    if (note !== undefined && note.id === opened?.id) return;
    flush();
    opened = note;
    onOpen(note?.id);
    setGone(false);
    welcome.hidden = note !== undefined;
    article.hidden = note === undefined;
    if (note === undefined) return;
    fields.title.open(note.title);
    fields.body.open(note.body);
    showMeta();
  };

  const takeIn = (): void => {
    if (opened === undefined) return;
    const note = store.get(opened.id);
    if (note === undefined) return showGone(deletedBy(opened.id));
    if (isGone) setGone(false);
    opened = note;
    fields.title.receive(note.title);
    fields.body.receive(note.body);
    showMeta();
  };

  const bringBack = async (): Promise<void> => {
    if (opened === undefined) return;
    try {
      await store.restore({ ...opened, title: title.value, body: body.value, updatedAt: Date.now() });
      setGone(false);
      body.focus();
    } catch (error) {
      onError(error);
    }
  };

  store.onUpdate(takeIn);
  setInterval(showMeta, 20_000);
  find("bring-back", HTMLButtonElement).addEventListener("click", () => void bringBack());
  for (const field of [title, body]) field.addEventListener("input", onType);
  remove.addEventListener("click", () => {
    if (opened !== undefined) onDelete(opened.id);
  });
  title.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    body.focus();
  });

  return {
    open,
    openId: () => opened?.id,
    focusTitle: () => title.focus(),
    focusBody: () => body.focus(),
    focusField: (field) => (field === "title" ? title : body).focus(),
    flush,
  };
};
