/** What a write costs in a mesh: bounds on the figures that docs/replication-figures.md prints for larger ones. */

import { expect, it } from "vitest";
import { measureCost, measureReturn } from "./figures.ts";

const bound = 1.15;

it.each([
  ["mesh", 4],
  ["mesh", 8],
  ["ring", 8],
  ["star", 8],
  ["random", 12],
] as const)("sends a write about once to each replica of a %s of %d", { timeout: 120_000 }, async (topology, size) => {
  const cost = await measureCost(topology, size, 4);

  expect(cost.messagesWithRows / (size - 1)).toBeLessThanOrEqual(bound);
  expect(cost.redundancy).toBeLessThanOrEqual(bound);
  expect(cost.busyRedundancy).toBeLessThanOrEqual(bound);
});

it("sends what a replica missed once, although it links with seven peers at the same time", async () => {
  expect(await measureReturn(8, 30)).toBeLessThanOrEqual(bound);
});
