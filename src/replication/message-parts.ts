/**
 * Messages that are larger than one may be: a long transaction goes in several `changes`, and is put together again before
 * anything of it is stored, so that it arrives whole.
 */

import { err, ok, type Result } from "../common/result.ts";
import type { Change, ChangeGroup } from "./change.ts";
import { encodeMessage, markAsPart } from "./codec.ts";
import type { ReplicationLimits } from "./limits.ts";
import type { Changes, Message } from "./message.ts";
import { splitChanges } from "./split-changes.ts";

const countChanges = ({ groups }: Changes): number => groups.reduce((sum, group) => sum + group.changes.length, 0);

/**
 * The bytes of `message`, cut where it is longer than a message may be. Of changes beyond what a receiver gathers the pieces
 * stand each for itself: `isWhole` is false then.
 */
export const encodeInParts = (
  message: Message,
  limits: ReplicationLimits,
): { readonly parts: readonly Uint8Array<ArrayBuffer>[]; readonly isWhole: boolean } => {
  const encode = (piece: Message): readonly Uint8Array<ArrayBuffer>[] => {
    if (piece.type !== "changes") return [encodeMessage(piece)];
    if (countChanges(piece) > limits.maxChanges) return splitChanges(piece).flatMap(encode);
    const bytes = encodeMessage(piece);
    return bytes.length > limits.maxMessageBytes ? splitChanges(piece).flatMap(encode) : [bytes];
  };
  const parts = encode(message);
  if (parts.length === 1 || message.type !== "changes") return { parts, isWhole: true };
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const isWhole = bytes <= limits.maxGatheredBytes && countChanges(message) <= limits.maxGatheredChanges;
  if (isWhole) parts.slice(0, -1).forEach(markAsPart);
  return { parts, isWhole };
};

export interface PartsJoiner {
  /**
   * Takes the next message of a link, and how long it was. Answers it, or the one that it is the last part of; undefined
   * when more must come. After an error nothing more may be added.
   */
  add(message: Message, bytes: number): Result<Message | undefined, "PART_EXPECTED" | "MESSAGE_TOO_LARGE">;
}

export const createPartsJoiner = (limits: ReplicationLimits): PartsJoiner => {
  let groups: (ChangeGroup & { readonly changes: Change[] })[] = [];
  let changes = 0;
  let bytes = 0;

  const gather = (message: Changes): void => {
    for (const group of message.groups) {
      const last = groups.at(-1);
      if (last === undefined || last.site !== group.site || last.originVersion !== group.originVersion) {
        groups.push({ ...group, changes: [...group.changes] });
      } else for (const change of group.changes) last.changes.push(change);
    }
  };

  return {
    add: (message, messageBytes) => {
      const isFirst = groups.length === 0;
      if (message.type !== "changes") return isFirst ? ok(message) : err("PART_EXPECTED");
      const { part = false, ...rest } = message;
      if (isFirst && !part) return ok(message);
      changes += countChanges(message);
      bytes += messageBytes;
      if (changes > limits.maxGatheredChanges || bytes > limits.maxGatheredBytes) return err("MESSAGE_TOO_LARGE");
      gather(message);
      if (part) return ok(undefined);
      const whole = { ...rest, groups };
      groups = [];
      changes = 0;
      bytes = 0;
      return ok(whole);
    },
  };
};
