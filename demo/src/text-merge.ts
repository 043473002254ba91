/** How one text became another, and how two people's edits of one text go together. Pure. */

/** Replaces `[start, end)` of a text by `insert`. Offsets count UTF-16 units, as in a textarea. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly insert: string;
}

/** The one splice that turns `before` into `after`, as small as possible. */
export const spliceBetween = (before: string, after: string): Splice => {
  const shorter = Math.min(before.length, after.length);
  let prefix = 0;
  while (prefix < shorter && before[prefix] === after[prefix]) prefix += 1;
  let suffix = 0;
  while (suffix < shorter - prefix && before[before.length - 1 - suffix] === after[after.length - 1 - suffix])
    suffix += 1;
  return { start: prefix, end: before.length - suffix, insert: after.slice(prefix, after.length - suffix) };
};

/**
 * Where in `mine` the change from `base` to `theirs` belongs.
 * Undefined when both changed the same place: then neither can be placed without guessing.
 */
export const rebaseSplice = (base: string, mine: string, theirs: string): Splice | undefined => {
  const ours = spliceBetween(base, mine);
  const other = spliceBetween(base, theirs);
  if (other.end <= ours.start) return other;
  if (ours.end > other.start) return undefined;
  const shift = ours.insert.length - (ours.end - ours.start);
  return { start: other.start + shift, end: other.end + shift, insert: other.insert };
};

/** A stretch of a text and whether the other text has it as well. */
export interface VersionPart {
  readonly text: string;
  readonly isShared: boolean;
}

/** Two texts of more words than this are told apart by the one stretch in which they differ, not word by word. */
const mostWords = 1_500;

/** `text` in stretches that `other` has as well, in the same order, and stretches that it does not have. */
export const compareVersions = (text: string, other: string): readonly VersionPart[] => {
  const { start, end, insert } = spliceBetween(text, other);
  const words = wordsIn(text.slice(start, end));
  const otherWords = wordsIn(insert);
  const isTooLong = words.length > mostWords || otherWords.length > mostWords;
  const shared = isTooLong ? new Set<number>() : longestShared(words, otherWords);
  const parts: VersionPart[] = [
    { text: text.slice(0, start), isShared: true },
    ...words.map((word, index) => ({ text: word, isShared: shared.has(index) })),
    { text: text.slice(end), isShared: true },
  ];
  return parts
    .filter((part) => part.text !== "")
    .reduce<VersionPart[]>((joined, part) => {
      const last = joined.at(-1);
      if (last?.isShared !== part.isShared) return [...joined, part];
      return [...joined.slice(0, -1), { text: last.text + part.text, isShared: part.isShared }];
    }, []);
};

/** Words, and the blanks between them. */
const wordsIn = (text: string): readonly string[] => text.match(/\s+|\S+/g) ?? [];

/** Indexes in `words` of the longest list of words that `others` has in the same order. */
const longestShared = (words: readonly string[], others: readonly string[]): ReadonlySet<number> => {
  const width = others.length + 1;
  /** At [i, j]: how many words the lists from i and from j on share. */
  const counts = new Uint16Array((words.length + 1) * width);
  const at = (i: number, j: number): number => counts[i * width + j] ?? 0;
  for (let i = words.length - 1; i >= 0; i -= 1) {
    for (let j = others.length - 1; j >= 0; j -= 1) {
      counts[i * width + j] = words[i] === others[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const shared = new Set<number>();
  for (let i = 0, j = 0; i < words.length && j < others.length;) {
    if (words[i] === others[j]) {
      shared.add(i);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return shared;
};
