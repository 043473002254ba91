import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Changes } from "../../src/replication/message.ts";
import { splitChanges } from "../../src/replication/split-changes.ts";
import { frontier, groups } from "./arbitraries.ts";

const message = fc.record({
  type: fc.constant("changes" as const),
  to: fc.integer({ min: 1, max: 1_000 }),
  complete: fc.boolean(),
  frontier,
  groups,
});

/** Each change with where it was written, in order. */
const changesOf = (...parts: readonly Changes[]): readonly unknown[] =>
  parts.flatMap((part) =>
    part.groups.flatMap(({ site, originVersion, changes }) =>
      changes.map((change) => ({ site, originVersion, change })),
    ),
  );

describe("a message that is split", () => {
  it("has every change once, in order, and half of them in each part", () => {
    fc.assert(
      fc.property(message, (whole) => {
        const total = changesOf(whole).length;
        const parts = splitChanges(whole);

        expect(parts).toHaveLength(total < 2 ? 0 : 2);
        if (parts.length === 0) return;
        expect(changesOf(...parts)).toEqual(changesOf(whole));
        expect(changesOf(parts[0])).toHaveLength(Math.floor(total / 2));
      }),
      { numRuns: 200 },
    );
  });

  it("moves nothing and completes nothing with its first part", () => {
    fc.assert(
      fc.property(message, (whole) => {
        const [first, second] = splitChanges(whole);
        if (first === undefined || second === undefined) return;

        expect(first).toMatchObject({ to: 0, complete: false, frontier: new Map() });
        expect({ ...second, groups: [] }).toEqual({ ...whole, groups: [] });
      }),
      { numRuns: 100 },
    );
  });
});
