/** Halves a `changes` message that is too large to be sent. */

import type { ChangeGroup } from "./change.ts";
import { emptyFrontier } from "./frontier.ts";
import type { Changes } from "./message.ts";

/**
 * Two messages with the changes of one. Only the second moves the receiver's place and completes anything, so that a link
 * that ends between them loses nothing, also when the first is stored for itself.
 * Nothing is answered for a single change, which always fits.
 */
export const splitChanges = (message: Changes): readonly [Changes, Changes] | readonly [] => {
  const total = message.groups.reduce((sum, group) => sum + group.changes.length, 0);
  if (total < 2) return [];
  const first: ChangeGroup[] = [];
  const second: ChangeGroup[] = [];
  let left = Math.floor(total / 2);
  for (const group of message.groups) {
    if (left > 0) first.push({ ...group, changes: group.changes.slice(0, left) });
    if (left < group.changes.length) second.push({ ...group, changes: group.changes.slice(Math.max(0, left)) });
    left -= Math.min(left, group.changes.length);
  }
  return [
    { ...message, to: 0, complete: false, frontier: emptyFrontier, groups: first },
    { ...message, groups: second },
  ];
};
