/** The conformance suite of links over a relayed channel, with real keys. */

import { createFakeClock } from "../support/fake-clock.ts";
import { testLink } from "./link-conformance.ts";
import { linkOf } from "./memory-links.ts";
import { connectRelayed } from "./relay-links.ts";

testLink("a relayed channel", () => {
  const clock = createFakeClock();
  return {
    connect: async () => {
      const { alice, bob } = await connectRelayed(clock);
      return { alice: linkOf(alice, clock), bob: linkOf(bob, clock) };
    },
    connectBare: async () => {
      const { alice, bob } = await connectRelayed(clock);
      return { alice: linkOf(alice, clock), bob };
    },
    elapse: (ms) => clock.advance(ms),
  };
});
