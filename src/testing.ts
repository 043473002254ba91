/** Public entry `ledger/testing`: what an app's own tests need to run replicas without a network. */

export { createMemoryNetwork } from "./transport/memory-network.ts";
export type {
  Fingerprints,
  MemoryDirection,
  MemoryNetwork,
  MemoryNetworkOptions,
  MemoryPair,
  MemoryPairOptions,
  MemorySide,
} from "./transport/memory-network.ts";
export { createTestNetwork } from "./test-network.ts";
export type { TestNetwork, TestNetworkOptions } from "./test-network.ts";
