/** Removes a database that nobody has open. Loads no engine. */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { StorageKind } from "./database.ts";
import { idbNameOf, opfsDirectoryOf, opfsRootDirectory } from "./storage-names.ts";

export interface EraseOptions {
  readonly name: string;
  /** Where it may be. */
  readonly ladder: readonly StorageKind[];
  /** Of `file`. */
  readonly directory: string;
  readonly clock: Clock;
}

/** A worker that was just ended keeps its files for a moment, milliseconds between attempts. */
const retryDelaysMs = [25, 50, 100, 200, 400, 800, 1_600];

/** Patience with others who have the database open in IndexedDB, milliseconds. */
const blockedMs = 5_000;

/** Idempotent. @throws LedgerError LEDGER_STORAGE_BUSY when somebody has it open: it is still there then */
export const eraseDatabase = async (options: EraseOptions): Promise<void> => {
  for (const kind of options.ladder) {
    switch (kind) {
      case "opfs":
        await eraseInOpfs(options);
        break;
      case "idb":
        await eraseInIdb(options);
        break;
      case "file":
        (await import("./node-file-host.ts")).eraseNodeFiles(options.name, options.directory);
        break;
      case "memory":
    }
  }
};

const nameOf = (fault: unknown): string => (fault instanceof DOMException ? fault.name : "");

const eraseInOpfs = async ({ name, clock }: EraseOptions): Promise<void> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const root = await navigator.storage.getDirectory();
      const parent = await root.getDirectoryHandle(opfsRootDirectory);
      return await parent.removeEntry(opfsDirectoryOf(name), { recursive: true });
    } catch (cause) {
      // Where there is no OPFS, and where it has no such directory, nothing has to be removed.
      if (nameOf(cause) !== "NoModificationAllowedError") return;
      const delayMs = retryDelaysMs[attempt];
      if (delayMs === undefined) throw isOpenElsewhere(cause);
      await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
    }
  }
};

const eraseInIdb = ({ name, clock }: EraseOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    if (typeof indexedDB === "undefined") return resolve();
    const cancel = clock.setTimer(blockedMs, () => reject(isOpenElsewhere()));
    const end = (): void => {
      cancel();
      resolve();
    };
    const request = indexedDB.deleteDatabase(idbNameOf(name));
    request.onsuccess = end;
    // IndexedDB cannot be used here, so there is nothing in it.
    request.onerror = end;
  });

const isOpenElsewhere = (cause?: unknown): LedgerError =>
  new LedgerError(
    "LEDGER_STORAGE_BUSY",
    "another tab holds this database open, so it was not removed; close that tab and call destroy() again",
    { cause },
  );
