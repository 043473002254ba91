/** A host tells its replica of whom it will be linked to. */

import { expect, test } from "vitest";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createLeaderHost } from "../../src/leader-host.ts";
import { resolveOptions } from "../../src/options.ts";
import type { Replica } from "../../src/replica.ts";
import { createMemoryKeyStore, createRoomKeyCache, openRoomKeys } from "../../src/security/key-cache.ts";
import { createTestNetwork, type TestNetwork } from "../../src/testing.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openMemoryReplica } from "../support/replicas.ts";

const openHost = async (network: TestNetwork) => {
  const replica = await openMemoryReplica();
  const expected: string[] = [];
  const platform = { clock: createFakeClock(), random: createSystemRandom(), logger: createSilentLogger() };
  const cache = createRoomKeyCache({ ...platform, store: createMemoryKeyStore() });
  const host = createLeaderHost({
    ...platform,
    replica: new Proxy<Replica>(replica, {
      get: (target, name: keyof Replica) =>
        name === "expect" ? (peer: string) => void expected.push(peer) : target[name],
    }),
    network,
    deriveKeys: (token) => openRoomKeys(token, cache),
    forgetKeys: async () => true,
    options: resolveOptions({}, false),
  });
  const met = (peers: number): Promise<void> =>
    new Promise((resolve) => {
      let count = 0;
      host.onEvent(({ name }) => {
        if (name === "peer-join" && (count += 1) === peers) resolve();
      });
    });
  return { host, replica, expected, met };
};

test("a replica hears of the first eight that it meets, before they are linked", async () => {
  const network = createTestNetwork();
  const first = await openHost(network);
  const others = await Promise.all(Array.from({ length: 9 }, () => openHost(network)));
  await first.host.connect("ws://test", "room");

  const met = first.met(9);
  for (const { host } of others) await host.connect("ws://test", "room");
  await met;

  expect(first.expected).toHaveLength(8);
  expect(others.map(({ replica }) => replica.siteId)).toEqual(expect.arrayContaining(first.expected));
  for (const { host } of [first, ...others]) await host.close();
});
