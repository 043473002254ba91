/** Finding notes by words, and the piece of text that shows why one was found. Pure. */

import type { Note } from "./notes-store.ts";

/** How much of the text a list entry shows, characters. */
const excerptLength = 110;

const fold = (text: string): string => text.toLocaleLowerCase();

/** The words of a search, each of which a note must contain. */
export const wordsOf = (search: string): readonly string[] =>
  fold(search)
    .split(/\s+/)
    .filter((word) => word !== "");

export const matches = (note: Note, words: readonly string[]): boolean => {
  if (words.length === 0) return true;
  const text = fold(`${note.title}\n${note.body}`);
  return words.every((word) => text.includes(word));
};

/** Title of a note as lists show it: without one, its first line. */
export const titleOf = (note: Note): string => {
  if (note.title.trim() !== "") return note.title.trim();
  const firstLine = note.body.trim().split("\n", 1)[0] ?? "";
  return firstLine === "" ? "Untitled note" : firstLine.slice(0, 80);
};

/** What a list shows of a note below its title: the text, without the first line when that is the title. */
const restOf = (note: Note): string =>
  note.title.trim() === "" ? note.body.trim().split("\n").slice(1).join("\n") : note.body;

/** The beginning of the text, or the part around the first word that was searched for. */
export const excerptOf = (note: Note, words: readonly string[]): string => {
  const text = restOf(note).slice(0, 20_000).replace(/\s+/g, " ").trim();
  const folded = fold(text);
  const at = Math.min(...words.map((word) => folded.indexOf(word)).filter((index) => index >= 0));
  if (!Number.isFinite(at) || at < 60) return text.slice(0, excerptLength);
  return `…${text.slice(at - 24, at - 24 + excerptLength)}`;
};

/** A stretch of text and whether it is one of the words that were searched for. */
export interface Stretch {
  readonly text: string;
  readonly found: boolean;
}

/** Cuts a text at the words that were searched for. */
export const stretchesOf = (text: string, words: readonly string[]): readonly Stretch[] => {
  const folded = fold(text);
  // Folding changes the length of a few letters; then positions do not fit and nothing is marked.
  if (words.length === 0 || folded.length !== text.length) return [{ text, found: false }];
  const stretches: Stretch[] = [];
  let from = 0;
  while (from < text.length) {
    let next = { at: text.length, length: 0 };
    for (const word of words) {
      const at = folded.indexOf(word, from);
      if (at >= 0 && at < next.at) next = { at, length: word.length };
    }
    if (next.at > from) stretches.push({ text: text.slice(from, next.at), found: false });
    if (next.length > 0) stretches.push({ text: text.slice(next.at, next.at + next.length), found: true });
    from = next.at + next.length;
  }
  return stretches;
};
