/**
 * A database in IndexedDB, on the asynchronous engine: the fallback where OPFS has no synchronous access.
 * One IndexedDB database per database, and a Web Lock for as long as it is open.
 */

import { LedgerError } from "../common/errors.ts";
import { IDBBatchAtomicVFS } from "@vlcn.io/wa-sqlite/src/examples/IDBBatchAtomicVFS.js";
import type { EngineHost } from "./engine-host.ts";
import { openSqlite } from "./sqlite-connection.ts";
import { loadEngine } from "./wasm-location.ts";

const databaseFile = "ledger.db";

const idbNameOf = (name: string): string => `ledger-db:${name}`;

/** Whether IndexedDB holds a database of this name. Asked by opening: `indexedDB.databases()` is not everywhere. */
export const isInIdb = (name: string): Promise<boolean> =>
  new Promise((resolve) => {
    if (typeof indexedDB === "undefined") return resolve(false);
    const request = indexedDB.open(idbNameOf(name));
    request.onupgradeneeded = () => request.transaction?.abort();
    request.onsuccess = () => {
      request.result.close();
      resolve(true);
    };
    // An aborted upgrade ends here too, and leaves no database behind.
    request.onerror = (event) => {
      event.preventDefault();
      resolve(false);
    };
  });

/** @returns the function that gives the lock up */
const takeLock = async (name: string): Promise<() => void> => {
  const { locks } = navigator as Partial<Navigator>;
  if (locks === undefined) return () => {};
  return new Promise((resolve, reject) => {
    locks
      .request(idbNameOf(name), { ifAvailable: true }, (lock) => {
        if (lock === null) {
          throw new LedgerError("LEDGER_STORAGE_BUSY", `another tab or worker holds database ${JSON.stringify(name)} open`);
        }
        return new Promise<void>((giveUp) => resolve(giveUp));
      })
      .catch(reject);
  });
};

const assertIdbWorks = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const unavailable = (cause: unknown): void =>
      reject(new LedgerError("LEDGER_STORAGE_UNAVAILABLE", "IndexedDB cannot be used in this context", { cause }));
    try {
      const request = indexedDB.open(`${idbNameOf(name)}:probe`);
      request.onerror = () => unavailable(request.error);
      request.onsuccess = () => {
        request.result.close();
        indexedDB.deleteDatabase(`${idbNameOf(name)}:probe`);
        resolve();
      };
    } catch (cause) {
      unavailable(cause);
    }
  });

/** @throws LedgerError LEDGER_STORAGE_UNAVAILABLE, LEDGER_STORAGE_BUSY */
export const openIdbHost = async (name: string, wasmUrl?: string): Promise<EngineHost> => {
  await assertIdbWorks(name);
  const giveUpLock = await takeLock(name);
  let vfs: IDBBatchAtomicVFS | undefined;
  return {
    storage: "idb",
    openConnection: async () => {
      await vfs?.close();
      const engine = await loadEngine("async", wasmUrl);
      // Strict: with less, acknowledged commits are lost with the process, and a full disk goes unnoticed.
      vfs = new IDBBatchAtomicVFS(idbNameOf(name), { durability: "strict" });
      engine.module.registerVFS(vfs, false);
      return openSqlite({ engine, fileName: databaseFile, vfs: vfs.name });
    },
    release: async () => {
      await vfs?.close();
      giveUpLock();
    },
  };
};
