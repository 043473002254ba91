/** Pages that have been hidden for a while: their timers run once a minute, and nothing else of them is slower. */

import { expect, it } from "vitest";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import { createThrottledClock } from "../support/throttled-clock.ts";
import { alice, bob, createWorld } from "./rooms.ts";

it.each(["one page", "both pages"])(
  "keeps its link while %s is hidden, and links anew when the link is lost",
  async (who) => {
    const world = createWorld(await deriveRoomKeys("AAECAwQFBgcICQoLDA0ODw"));
    const hidden = { clock: createThrottledClock(world.clock) };
    const ofAlice = world.enter(alice, hidden);
    const ofBob = world.enter(bob, who === "both pages" ? hidden : {});
    await Promise.all([ofAlice.next("peer-ready"), ofBob.next("peer-ready")]);
    const toldBefore = [ofAlice.told.length, ofBob.told.length];

    for (let minute = 0; minute < 30; minute += 1) await world.clock.advance(60_000);
    expect([ofAlice.told.length, ofBob.told.length]).toEqual(toldBefore);

    ofAlice.links[0]?.close("lost");
    for (let minute = 0; minute < 3 && ofAlice.ready().length === 0; minute += 1) {
      await world.settle();
      await world.clock.advance(60_000);
    }
    await world.until(() => ofAlice.ready().length === 1 && ofBob.ready().length === 1);
    expect(ofAlice.told.filter(([name]) => name === "peer-ready")).toHaveLength(2);
    world.close();
  },
);
