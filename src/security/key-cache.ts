/**
 * Remembers the keys of passphrase tokens, so that stretching happens once per browser and not on every page load.
 * A cache: whatever goes wrong with it is logged and means deriving again.
 *
 * Entries are found by an HMAC of the token under a random, non-extractable key of this origin, so that the list of
 * entries alone tells nothing about passphrases. Who can read the profile's files, or run script on the origin, has the
 * rooms' keys anyhow, and can try passphrases at the speed of an HMAC.
 */

import { createStore, del, get, set, update } from "idb-keyval";
import { bytesToBase64url } from "../common/base64url.ts";
import type { Clock } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import { deriveRoomKeys } from "./derive-room-keys.ts";
import { isRoomKeys, type RoomKeys } from "./room-keys.ts";
import { isGeneratedToken } from "./token.ts";

/** Nothing here rejects. */
export interface RoomKeyCache {
  get(token: string): Promise<RoomKeys | undefined>;
  set(token: string, keys: RoomKeys): Promise<void>;
  /** Resolves with whether the store has removed what it had. */
  forget(token: string): Promise<boolean>;
}

/** Where a cache keeps its entries. Values are structured-cloneable; every call may reject. */
export interface KeyStore {
  get(name: string): Promise<unknown>;
  set(name: string, value: unknown): Promise<void>;
  /** Stores `value` unless there is one already; resolves with the one that is there. */
  setIfAbsent(name: string, value: unknown): Promise<unknown>;
  delete(name: string): Promise<void>;
}

/** For processes without IndexedDB: lasts as long as the process. */
export const createMemoryKeyStore = (): KeyStore => {
  const values = new Map<string, unknown>();
  return {
    get: async (name) => values.get(name),
    set: async (name, value) => void values.set(name, value),
    setIfAbsent: async (name, value) => {
      if (!values.has(name)) values.set(name, value);
      return values.get(name);
    },
    delete: async (name) => void values.delete(name),
  };
};

/**
 * In IndexedDB, which keeps non-extractable keys as they are: their bytes never reach the page. Opens nothing before the
 * first use; where IndexedDB is missing or blocked, every call rejects.
 */
export const createIndexedDbKeyStore = (databaseName = "ledger-keys"): KeyStore => {
  const store = createStore(databaseName, "keys");
  return {
    get: async (name) => get<unknown>(name, store),
    set: async (name, value) => set(name, value, store),
    setIfAbsent: async (name, value) => {
      let kept = value;
      // One transaction: of two tabs that come at the same time, the second keeps what the first stored.
      await update<unknown>(name, (present) => (kept = present ?? value), store);
      return kept;
    },
    delete: async (name) => del(name, store),
  };
};

const indexKeyName = "index-key";

/** After that a store counts as out of order: browsers have let IndexedDB hang for ever, and deriving takes less. */
const patienceMs = 2_000;

export interface RoomKeyCacheOptions {
  readonly store: KeyStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const createRoomKeyCache = ({ store, clock, logger }: RoomKeyCacheOptions): RoomKeyCache => {
  // One after the other: a forget that overtook a set would leave the entry behind.
  const queue = createWorkQueue();

  const indexKey = async (): Promise<CryptoKey> => {
    const stored = await store.get(indexKeyName);
    if (stored instanceof CryptoKey) return stored;
    const fresh = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
    // Another tab may have been faster; its key is as good, and entries may hang on it.
    const kept = await store.setIfAbsent(indexKeyName, fresh);
    return kept instanceof CryptoKey ? kept : fresh;
  };

  const entryName = async (token: string): Promise<string> => {
    const mac = await crypto.subtle.sign("HMAC", await indexKey(), new TextEncoder().encode(token.normalize("NFC")));
    return `room ${bytesToBase64url(new Uint8Array(mac))}`;
  };

  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    let cancelTimer = (): void => {};
    const impatience = new Promise<never>((_, reject) => {
      cancelTimer = clock.setTimer(patienceMs, () => reject(new Error("the store does not answer")));
    });
    try {
      return await Promise.race([queue.run(work), impatience]);
    } catch (error) {
      // Not the message: what a store says may quote what it was given.
      const reason = error instanceof Error ? error.name : typeof error;
      logger.warn("the key cache does not work; keys are derived anew", { what, reason });
      return undefined;
    } finally {
      cancelTimer();
    }
  };

  return {
    get: (token) =>
      attempt("get", async () => {
        const stored = await store.get(await entryName(token));
        return isRoomKeys(stored) ? stored : undefined;
      }),
    set: (token, keys) => attempt("set", async () => store.set(await entryName(token), keys)),
    forget: async (token) =>
      (await attempt("forget", async () => {
        await store.delete(await entryName(token));
        return true;
      })) ?? false,
  };
};

/**
 * The keys of `token`, from the cache where stretching makes that worthwhile.
 * @throws LedgerError as {@link deriveRoomKeys} does
 */
export const openRoomKeys = async (token: string, cache: RoomKeyCache): Promise<RoomKeys> => {
  if (token === "" || isGeneratedToken(token)) return deriveRoomKeys(token);
  const cached = await cache.get(token);
  if (cached !== undefined) return cached;
  const keys = await deriveRoomKeys(token);
  // Nobody has to wait for it.
  void cache.set(token, keys);
  return keys;
};

/** Undoes what {@link openRoomKeys} stored. Resolves with false when the store did not let it. */
export const forgetRoomKeys = async (token: string, cache: RoomKeyCache): Promise<boolean> =>
  isGeneratedToken(token) || cache.forget(token);
