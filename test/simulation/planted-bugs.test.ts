/** The simulation checked by bugs: each of these must be found within the stated number of histories. */

import { expect, it } from "vitest";
import { foundDifference, simulateSeed } from "./histories.ts";
import { plantedBugs } from "./planted-bugs.ts";

it.for(plantedBugs)("finds a replica that $name", { timeout: 600_000 }, async ({ plant, seeds }) => {
  let foundAt: number | undefined;
  for (let seed = 1; seed <= seeds && foundAt === undefined; seed += 1) {
    await simulateSeed(seed, plant).then(
      (report) => {
        if (foundDifference(report)) foundAt = seed;
      },
      () => {
        foundAt = seed;
      },
    );
  }

  expect(foundAt).toBeDefined();
});
