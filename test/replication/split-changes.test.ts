import { expect, test } from "vitest";
import type { SiteId } from "../../src/common/ids.ts";
import type { Change } from "../../src/replication/change.ts";
import type { Changes } from "../../src/replication/message.ts";
import { splitChanges } from "../../src/replication/split-changes.ts";

const alice = "a1".repeat(16) as SiteId;
const changesOf = (count: number): Change[] =>
  Array.from({ length: count }, (_, seq) => ({
    table: "notes",
    pk: Uint8Array.of(1, 9, seq),
    cid: "title",
    valueClass: 1,
    value: seq,
    colVersion: 1,
    cl: 1,
    seq,
  }));
const message = (...sizes: readonly number[]): Changes => ({
  type: "changes",
  to: 9,
  complete: true,
  frontier: new Map([[alice, 9]]),
  groups: sizes.map((size, index) => ({ site: alice, originVersion: index + 1, changes: changesOf(size) })),
});
const seqs = (part: Changes | undefined): readonly (readonly number[])[] =>
  part?.groups.map((group) => group.changes.map((change) => change.seq)) ?? [];

test("halves one large transaction and completes only with the second half", () => {
  const [first, second] = splitChanges(message(5));

  expect(seqs(first)).toEqual([[0, 1]]);
  expect(seqs(second)).toEqual([[2, 3, 4]]);
  expect(first).toMatchObject({ to: 0, complete: false, frontier: new Map() });
  expect(second).toMatchObject({ to: 9, complete: true });
});

test("keeps every change once and in order over several transactions", () => {
  const whole = message(3, 1, 4);
  const parts = splitChanges(whole);

  expect(parts.flatMap((part) => seqs(part).flat())).toEqual(seqs(whole).flat());
});

test("has nothing to halve in a single change", () => {
  expect(splitChanges(message(1))).toEqual([]);
});
