/** Links over the memory network, for the conformance suite and the tests of links. */

import type { Clock } from "../../src/common/clock.ts";
import type { Epoch, LinkId, SiteId } from "../../src/common/ids.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import type { LinkOptions } from "../../src/transport/channel-link.ts";
import type { Channel } from "../../src/transport/channel.ts";
import type { PeerLink, LinkPeer } from "../../src/transport/link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import type { MemoryNetworkOptions } from "../../src/transport/memory-network.ts";
import type { LinkHarness } from "./link-cases.ts";

const peerOf = (digit: string): LinkPeer => ({
  siteId: digit.repeat(32) as SiteId,
  epoch: digit.repeat(32) as Epoch,
});

export const linkOf = (channel: Channel, clock: Clock, options: Partial<LinkOptions> = {}): PeerLink =>
  createLink(channel, { id: 1 as LinkId, peer: peerOf("b"), clock, ...options });

export interface MemoryHarnessOptions {
  readonly clock: Clock & { advance(ms: number): Promise<void> };
  readonly network?: MemoryNetworkOptions;
}

export const createMemoryHarness = ({ clock, network = {} }: MemoryHarnessOptions): LinkHarness => {
  const memoryNetwork = createMemoryNetwork(network);

  return {
    connect: async () => {
      const [alice, bob] = memoryNetwork.createChannelPair();
      return { alice: linkOf(alice, clock), bob: linkOf(bob, clock, { id: 2 as LinkId, peer: peerOf("a") }) };
    },
    connectBare: async () => {
      const [alice, bob] = memoryNetwork.createChannelPair();
      return { alice: linkOf(alice, clock), bob };
    },
    elapse: (ms) => clock.advance(ms),
  };
};
