/** The conformance suite of links over a movable channel: standing still, and moving all the time. */

import { createFakeClock } from "../support/fake-clock.ts";
import { testLink } from "./link-conformance.ts";
import { linkOf } from "./memory-links.ts";
import { createMovableWorld } from "./movable-links.ts";

testLink("a movable channel", () => {
  const clock = createFakeClock();
  const { begin } = createMovableWorld(clock, false);
  return {
    connect: async () => {
      const { alice, bob } = await begin();
      return { alice: linkOf(alice, clock), bob: linkOf(bob, clock) };
    },
    connectBare: async () => {
      const { alice, bob } = await begin();
      return { alice: linkOf(alice, clock), bob };
    },
    elapse: (ms) => clock.advance(ms),
  };
});

testLink("a channel that moves without end", () => {
  const clock = createFakeClock();
  const { begin, move, newRoute } = createMovableWorld(clock);
  const beginMoving = async () => {
    const pair = await begin();
    let isOver = false;
    pair.alice.on("close", () => (isOver = true));
    pair.bob.on("close", () => (isOver = true));
    const moveOn = async (): Promise<void> => {
      for (let moves = 0; !isOver && moves < 10_000; moves += 1) {
        await move(pair, newRoute());
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    void moveOn();
    return pair;
  };
  return {
    connect: async () => {
      const { alice, bob } = await beginMoving();
      return { alice: linkOf(alice, clock), bob: linkOf(bob, clock) };
    },
    connectBare: async () => {
      const { alice, bob } = await beginMoving();
      // As the link would that is missing here: without a route the channel waits for another.
      bob.on("message", ([type]) => {
        if (type === 7) queueMicrotask(() => bob.close("closed by the peer"));
      });
      return { alice: linkOf(alice, clock), bob };
    },
    elapse: (ms) => clock.advance(ms),
  };
});
