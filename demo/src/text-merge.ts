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
