/** The conformance suite of the port `Link` under Vitest. */

import { describe, it } from "vitest";
import { linkCases } from "./link-cases.ts";
import type { LinkHarness } from "./link-cases.ts";

export const testLink = (name: string, createHarness: () => LinkHarness): void => {
  describe(`a link over ${name}`, () => {
    for (const { name: behaviour, run } of linkCases) it(behaviour, () => run(createHarness()));
  });
};
