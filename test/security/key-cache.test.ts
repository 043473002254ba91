import { describe, expect, it } from "vitest";
import { createSilentLogger, type Logger } from "../../src/common/logger.ts";
import { deriveRoomKeys } from "../../src/security/derive-room-keys.ts";
import {
  createIndexedDbKeyStore,
  createMemoryKeyStore,
  createRoomKeyCache,
  forgetRoomKeys,
  openRoomKeys,
  type KeyStore,
} from "../../src/security/key-cache.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const clock = createFakeClock();
const logger = createSilentLogger();
const generated = "AAECAwQFBgcICQoLDA0ODw";

/** A store whose names and values can be looked at. */
const createOpenStore = () => {
  const values = new Map<string, unknown>();
  const store: KeyStore = {
    ...createMemoryKeyStore(),
    get: async (name) => values.get(name),
    set: async (name, value) => void values.set(name, value),
    setIfAbsent: async (name, value) => values.get(name) ?? (values.set(name, value), value),
    delete: async (name) => void values.delete(name),
  };
  return { values, store };
};

describe("createRoomKeyCache", () => {
  it("gives back what was set, until forgotten", async () => {
    const cache = createRoomKeyCache({ store: createMemoryKeyStore(), clock, logger });
    const keys = await deriveRoomKeys(generated);

    await cache.set("room-token", keys);
    expect(await cache.get("room-token")).toBe(keys);
    expect(await cache.get("other-token")).toBeUndefined();

    await cache.forget("room-token");
    expect(await cache.get("room-token")).toBeUndefined();
  });

  it("shares entries between the tabs of an origin, also when both start at once", async () => {
    const store = createMemoryKeyStore();
    const keys = await deriveRoomKeys(generated);
    const [first, second] = [
      createRoomKeyCache({ store, clock, logger }),
      createRoomKeyCache({ store, clock, logger }),
    ];

    await Promise.all([first.set("one", keys), second.set("two", keys)]);

    expect(await second.get("one")).toBe(keys);
    expect(await first.get("two")).toBe(keys);
  });

  it("names entries differently in every origin, and never by the token", async () => {
    const [one, two] = [createOpenStore(), createOpenStore()];
    const keys = await deriveRoomKeys(generated);

    await createRoomKeyCache({ store: one.store, clock, logger }).set("room-token", keys);
    await createRoomKeyCache({ store: two.store, clock, logger }).set("room-token", keys);

    const names = [...one.values.keys(), ...two.values.keys()].filter((name) => name !== "index-key");
    expect(new Set(names).size).toBe(2);
    expect(names.join()).not.toContain("room-token");
    expect((one.values.get("index-key") as CryptoKey).extractable).toBe(false);
  });

  it.each([
    ["nothing", undefined],
    ["text", "keys"],
    ["an object without keys", { roomId: "ML8R8WN9chVX4z1X53QhtA" }],
  ])("does not take %s in the store for keys", async (_, stored) => {
    const { values, store } = createOpenStore();
    const cache = createRoomKeyCache({ store, clock, logger });
    await cache.set("room-token", await deriveRoomKeys(generated));
    for (const name of values.keys()) if (name !== "index-key") values.set(name, stored);

    expect(await cache.get("room-token")).toBeUndefined();
  });

  it("only logs, without the token, when the store does not work", async () => {
    const warnings: unknown[] = [];
    const noting: Logger = { ...logger, warn: (message, fields) => warnings.push([message, fields]) };
    // Node has no IndexedDB: what a browser with blocked storage looks like.
    const cache = createRoomKeyCache({ store: createIndexedDbKeyStore(), clock, logger: noting });

    await cache.set("room-token", await deriveRoomKeys(generated));
    expect(await cache.get("room-token")).toBeUndefined();
    await cache.forget("room-token");

    expect(warnings).toHaveLength(3);
    expect(JSON.stringify(warnings)).not.toContain("room-token");
  });
});

describe("a store that hangs", () => {
  it("is given up after two seconds", async () => {
    const hanging: KeyStore = { ...createMemoryKeyStore(), get: () => new Promise(() => {}) };
    const ownClock = createFakeClock();
    let answered = false;

    const keys = createRoomKeyCache({ store: hanging, clock: ownClock, logger })
      .get("room-token")
      .finally(() => {
        answered = true;
      });
    await ownClock.advance(1_999);
    expect(answered).toBe(false);
    await ownClock.advance(1);

    expect(await keys).toBeUndefined();
  });
});

describe("openRoomKeys", () => {
  it("stretches a passphrase once", async () => {
    const cache = createRoomKeyCache({ store: createMemoryKeyStore(), clock, logger });

    const first = await openRoomKeys("room-token", cache);
    const second = await openRoomKeys("room-token", cache);

    expect(first.roomId).toBe("GR8k1RztV4wHKJ-Jfvb65g");
    expect(second).toBe(first);
  });

  it("keeps nothing of a generated token", async () => {
    const { values, store } = createOpenStore();

    const keys = await openRoomKeys(generated, createRoomKeyCache({ store, clock, logger }));

    expect(keys.roomId).toBe("ML8R8WN9chVX4z1X53QhtA");
    expect(values.size).toBe(0);
  });

  it("is undone by forgetRoomKeys, which says when it could not", async () => {
    const { values, store } = createOpenStore();
    const cache = createRoomKeyCache({ store, clock, logger });
    await openRoomKeys("room-token", cache);
    const broken = createRoomKeyCache({ store: createIndexedDbKeyStore(), clock, logger });

    expect(await forgetRoomKeys("room-token", cache)).toBe(true);
    expect([...values.keys()]).toEqual(["index-key"]);
    expect(await forgetRoomKeys("room-token", broken)).toBe(false);
    expect(await forgetRoomKeys(generated, broken)).toBe(true);
  });

  it("refuses an empty token", async () => {
    const cache = createRoomKeyCache({ store: createMemoryKeyStore(), clock, logger });

    await expect(openRoomKeys("", cache)).rejects.toMatchObject({ code: "LEDGER_OPTION_INVALID" });
  });
});
