/**
 * The list of notes with its search, walked with the arrow keys. One entry at a time can be reached with Tab. An entry is
 * drawn anew only when its note, or who is in it, has changed.
 */

import { find, make, setText } from "./dom.ts";
import type { Note, NotesStore } from "./notes-store.ts";
import { makeVisitor } from "./person.ts";
import type { Visitor } from "./presence.ts";
import { showTime } from "./relative-time.ts";
import { excerptOf, matches, stretchesOf, titleOf, wordsOf } from "./search.ts";

export interface NotesList {
  /** Marks the open note. */
  setOpen(id: string | undefined): void;
  /** Puts the focus on a note, or on the first one. @returns false when the list is empty */
  focus(id?: string): boolean;
  /** The note after this one, else the one before: what to show when this one goes. */
  neighborOf(id: string): Note | undefined;
  focusSearch(): void;
  clearSearch(): void;
  /** Makes some entries light up for a moment. */
  glow(ids: Iterable<string>): void;
  /** Draws what `marksOf` answers. */
  showMarks(): void;
}

/** What an entry shows beside its note. */
export interface Marks {
  /** The others who have it open. */
  readonly visitors: readonly Visitor[];
  /** Whether there is something to choose in it. */
  readonly hasConflict: boolean;
}

export interface NotesListOptions {
  readonly store: NotesStore;
  readonly marksOf: (id: string) => Marks;
  /** A person chose a note; `walking` when by arrow key, so that the focus should stay in the list. */
  readonly onOpen: (note: Note, walking: boolean) => void;
  readonly onDelete: (id: string) => void;
}

interface Entry {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly title: HTMLElement;
  readonly excerpt: HTMLElement;
  readonly time: HTMLTimeElement;
  readonly marks: HTMLElement;
  readonly flag: HTMLElement;
  /** What it shows. */
  note?: Note;
  search?: string;
  marked?: string;
}

const showStretches = (target: HTMLElement, text: string, words: readonly string[]): void => {
  if (words.length === 0) return setText(target, text);
  const nodes = stretchesOf(text, words).map((part) => (part.found ? make("mark", "", part.text) : part.text));
  target.replaceChildren(...nodes);
};

export const createNotesList = ({ store, marksOf, onOpen, onDelete }: NotesListOptions): NotesList => {
  const list = find("notes", HTMLUListElement);
  const search = find("search", HTMLInputElement);
  const count = find("list-count", HTMLElement);
  const emptyRoom = find("list-empty", HTMLElement);
  const entriesById = new Map<string, Entry>();
  let shown: readonly Note[] = [];
  let openId: string | undefined;
  let tabStopId: string | undefined;

  const makeEntry = (id: string): Entry => {
    const title = make("span", "entry-title");
    const excerpt = make("span", "entry-excerpt");
    const time = make("time", "entry-time");
    const marks = make("span", "entry-marks");
    const flag = make("span", "entry-flag");
    const button = make("button", "entry", title, make("span", "entry-side", marks, time), excerpt, flag);
    button.type = "button";
    button.dataset["id"] = id;
    return { item: make("li", "", button), button, title, excerpt, time, marks, flag };
  };

  const showMarksOf = (entry: Entry, id: string): void => {
    const { visitors, hasConflict } = marksOf(id);
    const text = JSON.stringify([visitors, hasConflict]);
    if (entry.marked === text) return;
    entry.marked = text;
    entry.marks.replaceChildren(...visitors.slice(0, 3).map(makeVisitor));
    setText(entry.flag, hasConflict ? "2 versions" : "");
  };

  const showEntry = (entry: Entry, note: Note, words: readonly string[]): void => {
    showMarksOf(entry, note.id);
    showTime(entry.time, note.updatedAt, Date.now());
    if (entry.note === note && entry.search === search.value) return;
    entry.note = note;
    entry.search = search.value;
    const title = titleOf(note);
    const excerpt = excerptOf(note, words);
    showStretches(entry.title, title, words);
    const isBlank = note.body.trim() === "";
    showStretches(entry.excerpt, isBlank ? "No text yet" : excerpt, words);
    entry.button.classList.toggle("is-blank", isBlank);
  };

  const showTabStop = (): void => {
    const wanted = [tabStopId, openId].find((id) => id !== undefined && entriesById.has(id)) ?? shown[0]?.id;
    for (const [id, entry] of entriesById) entry.button.tabIndex = id === wanted ? 0 : -1;
  };

  const showCount = (words: readonly string[]): void => {
    const total = store.all().length;
    const notes = total === 1 ? "1 note" : `${total} notes`;
    if (words.length === 0) return setText(count, total === 0 ? "" : notes);
    setText(count, shown.length === 0 ? "Nothing found. Try another word." : `${shown.length} of ${notes} found`);
  };

  const render = (): void => {
    const words = wordsOf(search.value);
    const focusedId = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["id"] : undefined;
    shown = store.all().filter((note) => matches(note, words));
    const wanted = new Set(shown.map((note) => note.id));
    for (const [id, entry] of entriesById) {
      if (wanted.has(id)) continue;
      entry.item.remove();
      entriesById.delete(id);
    }
    shown.forEach((note, index) => {
      const entry = entriesById.get(note.id) ?? makeEntry(note.id);
      entriesById.set(note.id, entry);
      showEntry(entry, note, words);
      const there = list.children[index];
      if (there !== entry.item) list.insertBefore(entry.item, there ?? null);
    });
    // Moving an element takes the focus off it.
    if (focusedId !== undefined) entriesById.get(focusedId)?.button.focus({ preventScroll: true });
    emptyRoom.hidden = store.all().length > 0;
    showCount(words);
    showTabStop();
  };

  const focus = (id?: string): boolean => {
    const entry = entriesById.get(id ?? "") ?? entriesById.get(shown[0]?.id ?? "");
    entry?.button.focus();
    return entry !== undefined;
  };

  const walk = (event: KeyboardEvent, from: number): void => {
    const target = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: shown.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const note = shown[target];
    if (note !== undefined) {
      focus(note.id);
      onOpen(note, true);
    } else if (target < 0) search.focus();
  };

  const noteOf = (event: Event): Note | undefined => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    return shown.find((note) => note.id === button?.dataset["id"]);
  };

  list.addEventListener("click", (event) => {
    const note = noteOf(event);
    if (note !== undefined) onOpen(note, false);
  });
  list.addEventListener("focusin", (event) => {
    tabStopId = noteOf(event)?.id ?? tabStopId;
    showTabStop();
  });
  list.addEventListener("keydown", (event) => {
    const note = noteOf(event);
    if (note === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete") return onDelete(note.id);
    walk(event, shown.indexOf(note));
  });
  search.addEventListener("input", render);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") walk(event, -1);
  });
  store.onUpdate(render);
  setInterval(render, 30_000);
  render();

  return {
    setOpen: (id) => {
      if (openId !== undefined) entriesById.get(openId)?.button.removeAttribute("aria-current");
      openId = id;
      if (id !== undefined) entriesById.get(id)?.button.setAttribute("aria-current", "true");
      showTabStop();
    },
    focus,
    neighborOf: (id) => {
      const at = shown.findIndex((note) => note.id === id);
      return at < 0 ? undefined : (shown[at + 1] ?? shown[at - 1]);
    },
    focusSearch: () => search.select(),
    clearSearch: () => {
      if (search.value === "") return;
      search.value = "";
      render();
    },
    showMarks: () => {
      for (const [id, entry] of entriesById) showMarksOf(entry, id);
    },
    glow: (ids) => {
      for (const id of ids) {
        const item = entriesById.get(id)?.item;
        item?.classList.add("is-new");
        item?.addEventListener("animationend", () => item.classList.remove("is-new"), { once: true });
      }
    },
  };
};
