/**
 * A database in IndexedDB, on the asynchronous engine: the fallback where OPFS has no synchronous access.
 * One IndexedDB database per database, and a Web Lock for as long as it is open.
 */

import { LedgerError } from "../common/errors.ts";
import { IDBBatchAtomicVFS } from "@vlcn.io/wa-sqlite/src/examples/IDBBatchAtomicVFS.js";
import type { EngineHost } from "./engine-host.ts";
import { ResultCode } from "./sqlite-codes.ts";
import { openSqlite } from "./sqlite-connection.ts";
import { idbNameOf } from "./storage-names.ts";
import { loadEngine } from "./wasm-location.ts";

const databaseFile = "ledger.db";

/** Every commit leaves the pages it replaced; they are thrown away this often. */
const commitsPerPurge = 64;

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

/**
 * After one failure the VFS reports every later commit as failed too, also when there is space again, so its connection ends.
 * It swallows IndexedDB's own error; an aborted transaction nearly always means that space has run out. */
const describeIoError = (cause: LedgerError): LedgerError =>
  new LedgerError("LEDGER_QUOTA_EXCEEDED", "IndexedDB refused to store the change, most likely for want of space", {
    cause,
  });

/** @returns the function that gives the lock up */
const takeLock = async (name: string): Promise<() => void> => {
  const { locks } = navigator as Partial<Navigator>;
  if (locks === undefined) return () => {};
  return new Promise((resolve, reject) => {
    locks
      .request(idbNameOf(name), { ifAvailable: true }, (lock) => {
        if (lock === null) {
          throw new LedgerError(
            "LEDGER_STORAGE_BUSY",
            `another tab or worker holds database ${JSON.stringify(name)} open`,
          );
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

const openVfs = (name: string): IDBBatchAtomicVFS => {
  // Strict: with less, acknowledged commits are lost with the process, and a full disk goes unnoticed.
  // Manual: the VFS purges on a timer, and a purge that falls into a sync makes it forget which transactions to wait for;
  // from then on commits are acknowledged before they are stored (105 lost when a worker was killed).
  const vfs = new IDBBatchAtomicVFS(idbNameOf(name), { durability: "strict", purge: "manual" });
  // The host's own lock stands for these. The VFS would take Web Locks named after the file alone, the same for all
  // databases of the origin, and keep them after a crash.
  vfs.xLock = () => ResultCode.ok;
  vfs.xUnlock = () => ResultCode.ok;
  vfs.xCheckReservedLock = (_fileId, out) => {
    out.setInt32(0, 0, true);
    return ResultCode.ok;
  };
  return vfs;
};

/**
 * Puts `bytes` in place of the file, in one transaction of IndexedDB and in the form in which the VFS stores pages.
 * @see https://github.com/rhashimoto/wa-sqlite/blob/master/src/examples/IDBBatchAtomicVFS.js FileBlock
 */
const replaceBlocks = (name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new LedgerError("LEDGER_QUOTA_EXCEEDED", "IndexedDB refused to store the file", { cause }));
    const request = indexedDB.open(idbNameOf(name));
    request.onerror = () => fail(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction("blocks", "readwrite", { durability: "strict" });
      const finish = (run: () => void) => (): void => {
        request.result.close();
        run();
      };
      transaction.oncomplete = finish(resolve);
      transaction.onabort = finish(() => fail(transaction.error));
      const blocks = transaction.objectStore("blocks");
      const path = `/${databaseFile}`;
      blocks.delete(IDBKeyRange.bound([path], [path, []]));
      // 1 stands for 65,536.
      const stored = new DataView(bytes.buffer).getUint16(16);
      const pageBytes = stored === 1 ? 65_536 : stored;
      for (let at = 0; at < bytes.length; at += pageBytes) {
        const data = bytes.slice(at, at + pageBytes);
        blocks.put({
          path,
          offset: at === 0 ? 0 : -at,
          version: 0,
          data,
          ...(at === 0 ? { fileSize: bytes.length } : {}),
        });
      }
    };
  });

/** @throws LedgerError LEDGER_STORAGE_UNAVAILABLE, LEDGER_STORAGE_BUSY */
export const openIdbHost = async (name: string, wasmUrl?: string): Promise<EngineHost> => {
  await assertIdbWorks(name);
  const giveUpLock = await takeLock(name);
  let vfs: IDBBatchAtomicVFS | undefined;
  let commitsSincePurge = 0;

  /** Without the engine: what is still open in the VFS was left by a crash, and its engine cannot be called any more. */
  const closeVfs = async (): Promise<void> => {
    if (vfs === undefined) return;
    const abandoned = vfs;
    vfs = undefined;
    abandoned.handleAsync = (work) => work();
    // One that could not store something says so again. Its connection to IndexedDB ends with the worker then.
    await abandoned.close().catch(() => {});
  };
  return {
    storage: "idb",
    openConnection: async () => {
      await closeVfs();
      const engine = await loadEngine("async", wasmUrl);
      vfs = openVfs(name);
      engine.module.registerVFS(vfs, false);
      return openSqlite({ engine, fileName: databaseFile, vfs: vfs.name, describeIoError, endsOnIoError: true });
    },
    upkeep: () => {
      commitsSincePurge += 1;
      if (commitsSincePurge < commitsPerPurge) return undefined;
      commitsSincePurge = 0;
      return async () => vfs?.purge(`/${databaseFile}`);
    },
    replace: async (image) => {
      await closeVfs();
      await replaceBlocks(name, new Uint8Array(await image.arrayBuffer()));
    },
    release: async () => {
      await closeVfs();
      giveUpLock();
    },
  };
};
