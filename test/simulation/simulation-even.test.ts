/** The even seeds of simulation.test.ts. */

import { expect, it } from "vitest";
import { simulateSeeds } from "./histories.ts";

const histories = 250;

it(`converges in ${histories} more random histories`, { timeout: 600_000 }, async () => {
  const outcome = await simulateSeeds(2, histories, 2);

  expect(outcome.failures).toEqual([]);
});
