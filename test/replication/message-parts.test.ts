import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../src/replication/codec.ts";
import { defaultReplicationLimits, type ReplicationLimits } from "../../src/replication/limits.ts";
import { createPartsJoiner, encodeInParts } from "../../src/replication/message-parts.ts";
import type { Changes, Message } from "../../src/replication/message.ts";
import { frontier, groups } from "./arbitraries.ts";

const small: ReplicationLimits = { ...defaultReplicationLimits, maxChanges: 3, maxGatheredChanges: 1_000 };

const message: fc.Arbitrary<Changes> = fc.record({
  type: fc.constant("changes" as const),
  to: fc.integer({ min: 1, max: 1_000 }),
  complete: fc.boolean(),
  frontier,
  // As they are sent: a group is what survives of a transaction.
  groups: groups.map((all) => all.filter(({ changes }) => changes.length > 0)),
});

const decoded = (bytes: Uint8Array, limits: ReplicationLimits): Message => {
  const result = decodeMessage(bytes, limits);
  if (!result.ok) throw new Error(result.error.rule);
  return result.value;
};

/** Each change with where it was written, in order. */
const changesOf = ({ groups: all }: Changes): readonly unknown[] =>
  all.flatMap(({ site, originVersion, changes }) => changes.map((change) => ({ site, originVersion, change })));

const countOf = ({ groups: all }: Changes): number => all.reduce((sum, { changes }) => sum + changes.length, 0);

describe("a message that is too long", () => {
  it("comes in messages that are not, and is answered with the last of them as it was", () => {
    fc.assert(
      fc.property(message, (whole) => {
        const { parts, isWhole } = encodeInParts(whole, small);
        const joiner = createPartsJoiner(small);
        const answers = parts.map((bytes) => joiner.add(decoded(bytes, small), bytes.length));

        expect(isWhole).toBe(true);
        expect(parts.length > 1).toBe(countOf(whole) > small.maxChanges);
        expect(answers.slice(0, -1)).toEqual(answers.slice(0, -1).map(() => ({ ok: true, value: undefined })));
        const last = answers.at(-1);
        const answer = (last?.ok === true ? last.value : undefined) as Changes;
        expect(changesOf(answer)).toEqual(changesOf(whole));
        expect({ ...answer, groups: [] }).toEqual({ ...whole, groups: [] });
      }),
      { numRuns: 200 },
    );
  });

  it("is cut by its bytes as well", () => {
    fc.assert(
      fc.property(message, (whole) => {
        const limits = { ...defaultReplicationLimits, maxMessageBytes: 400 };
        const { parts } = encodeInParts(whole, limits);

        // A single change may be longer than that here; with the real limits it cannot.
        for (const part of parts)
          expect(part.length <= 400 || countOf(decoded(part, limits) as Changes) <= 1).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("beyond what is gathered", () => {
  const long: Changes = {
    type: "changes",
    to: 9,
    complete: true,
    frontier: new Map(),
    groups: [
      {
        site: "a1".repeat(16) as never,
        originVersion: 1,
        changes: Array.from({ length: 10 }, (_, seq) => ({
          table: "notes",
          pk: Uint8Array.of(1, 9, seq),
          cid: "title",
          valueClass: 1 as const,
          value: seq,
          colVersion: 1,
          cl: 1,
          seq,
        })),
      },
    ],
  };

  it.each([
    ["changes", { maxGatheredChanges: 9 }],
    ["bytes", { maxGatheredBytes: 99 }],
  ])("a sender sends pieces that stand for themselves, and says so: %s", (_, bound) => {
    const limits = { ...small, ...bound };
    const { parts, isWhole } = encodeInParts(long, limits);

    const pieces = parts.map((bytes) => decoded(bytes, limits) as Changes);
    expect(isWhole).toBe(false);
    expect(pieces.map(({ part, complete, to }) => [part, complete, to])).toEqual([
      [undefined, false, 0],
      [undefined, false, 0],
      [undefined, false, 0],
      [undefined, true, 9],
    ]);
  });

  it.each([
    ["changes", { maxGatheredChanges: 9 }],
    ["bytes", { maxGatheredBytes: 99 }],
  ])("a receiver takes no more: %s", (_, bound) => {
    const { parts } = encodeInParts(long, small);
    const joiner = createPartsJoiner({ ...small, ...bound });

    const answers = parts.map((bytes) => joiner.add(decoded(bytes, small), bytes.length));

    expect(answers.find(({ ok }) => !ok)).toEqual({ ok: false, error: "MESSAGE_TOO_LARGE" });
  });

  it("a receiver takes nothing else in between", () => {
    const [first] = encodeInParts(long, small).parts;
    const joiner = createPartsJoiner(small);
    joiner.add(decoded(first as Uint8Array, small), 1);

    expect(joiner.add({ type: "rewind", frontier: new Map() }, 1)).toEqual({ ok: false, error: "PART_EXPECTED" });
  });
});
