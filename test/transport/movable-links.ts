/** Movable channels between Alice, who makes the attempts, and Bob, who answers them, over routes in memory. */

import { bytesToBase64url } from "../../src/common/base64url.ts";
import type { Clock } from "../../src/common/clock.ts";
import type { Channel } from "../../src/transport/channel.ts";
import { createMemoryNetwork, type MemoryPair } from "../../src/transport/memory-network.ts";
import { createMovableChannel, type MovableChannel, type MoveOutcome } from "../../src/transport/movable-channel.ts";
import { awaitAttach, openRoute } from "../../src/transport/route.ts";

export const channelName = bytesToBase64url(new Uint8Array(16).fill(0xcc));

export interface MovablePair {
  readonly alice: MovableChannel;
  readonly bob: MovableChannel;
}

export interface MovableWorld {
  /** A new route in memory, with its switches. */
  newRoute(): MemoryPair;
  begin(route?: MemoryPair): Promise<MovablePair>;
  /** As Alice's attempt and Bob's answer do it. */
  move(pair: MovablePair, route: { readonly alice: Channel; readonly bob: Channel }): Promise<MoveOutcome>;
}

export const createMovableWorld = (clock: Clock, canWait = true): MovableWorld => {
  const network = createMemoryNetwork();
  const options = { name: channelName, canWait: () => canWait, clock };

  return {
    newRoute: () => network.connect(),
    begin: async (route = network.connect()) => {
      const alice = createMovableChannel(openRoute(route.alice), { ...options, begins: "asks" });
      const atBob = openRoute(route.bob);
      await awaitAttach(atBob, clock, 1_000);
      return { alice, bob: createMovableChannel(atBob, { ...options, begins: "answers" }) };
    },
    move: async ({ alice, bob }, route) => {
      const outcome = alice.move(openRoute(route.alice));
      const atBob = openRoute(route.bob);
      const attach = await awaitAttach(atBob, clock, 1_000);
      if (attach !== undefined) bob.accept(atBob, attach);
      return outcome;
    },
  };
};
