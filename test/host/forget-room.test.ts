/** Which keys are left in the browser after forgetRoom(), with the key cache that browsers use. */

import { expect, test } from "vitest";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createLeaderHost } from "../../src/leader-host.ts";
import { resolveOptions } from "../../src/options.ts";
import {
  createMemoryKeyStore,
  createRoomKeyCache,
  forgetRoomKeys,
  openRoomKeys,
  type KeyStore,
} from "../../src/security/key-cache.ts";
import { createTestNetwork } from "../../src/testing.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { openMemoryReplica } from "../support/replicas.ts";

const openHost = async (change: Partial<KeyStore> = {}) => {
  const stored = new Set<string>();
  const memory = createMemoryKeyStore();
  const store: KeyStore = {
    ...memory,
    set: async (name, value) => {
      stored.add(name);
      return memory.set(name, value);
    },
    delete: async (name) => {
      stored.delete(name);
      return memory.delete(name);
    },
    ...change,
  };
  const platform = { clock: createFakeClock(), random: createSystemRandom(), logger: createSilentLogger() };
  const cache = createRoomKeyCache({ ...platform, store });
  const host = createLeaderHost({
    ...platform,
    replica: await openMemoryReplica(),
    network: createTestNetwork(),
    deriveKeys: (token) => openRoomKeys(token, cache),
    forgetKeys: (token) => forgetRoomKeys(token, cache),
    options: resolveOptions({}, false),
  });
  return { host, stored };
};

test("removes the keys of a passphrase and leaves those of other rooms", async () => {
  const { host, stored } = await openHost();
  await host.connect("ws://test", "one room");
  await host.connect("ws://test", "another room");

  await host.forgetRoom("one room");
  expect(host.snapshot.signaling).toBe("connected");
  expect(stored.size).toBe(1);
  await host.forgetRoom("another room");

  expect(host.snapshot.signaling).toBe("off");
  expect(stored.size).toBe(0);
  await host.close();
});

test("leaves no keys behind when the room is forgotten while they are derived", async () => {
  const { host, stored } = await openHost();
  const connecting = host.connect("ws://test", "one room").catch((error: unknown) => error);

  await host.forgetRoom("one room");

  expect(await connecting).toMatchObject({ code: "LEDGER_DISCONNECTED" });
  expect(stored.size).toBe(0);
  await host.close();
});

test("says so when the keys could not be removed, and has left the room all the same", async () => {
  const { host } = await openHost({ delete: () => Promise.reject(new Error("blocked")) });
  await host.connect("ws://test", "one room");

  await expect(host.forgetRoom("one room")).rejects.toMatchObject({ code: "LEDGER_STORAGE_UNAVAILABLE" });

  expect(host.snapshot.signaling).toBe("off");
  await host.close();
});
