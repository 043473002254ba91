/** Removes a database from this browser, whichever of its tabs has it open, and the keys of its room. */

import { createSilentLogger } from "./common/logger.ts";
import { createSystemClock } from "./common/system-clock.ts";
import { LedgerError } from "./common/errors.ts";
import { eraseDatabase } from "./database/erase-database.ts";
import { createKeyCache, sharedLocks } from "./open-host.ts";
import type { ResolvedOptions } from "./options.ts";
import { forgetRoomKeys } from "./security/key-cache.ts";
import { createBroadcastChannels } from "./tabs/broadcast-channels.ts";
import { takeFromTabs } from "./tabs/take-from-tabs.ts";
import { createWebLocks } from "./tabs/web-locks.ts";

/**
 * @param close - closes the database in this tab
 * @param token - of the room whose keys go with it
 * @throws LedgerError LEDGER_STORAGE_BUSY when another tab does not let go of it: it is still there then;
 *   LEDGER_STORAGE_UNAVAILABLE when only the keys could not be removed
 */
export const destroyDatabase = async (
  options: ResolvedOptions,
  close: () => Promise<void>,
  token: string | undefined,
): Promise<void> => {
  const platform = { clock: createSystemClock(), logger: options.logger ?? createSilentLogger() };
  const { dbName, directory, storageLadder } = options;
  const manager = sharedLocks(options);
  const takeAway = async (): Promise<() => void> => {
    if (manager !== undefined) {
      const [locks, channels] = [createWebLocks(manager), createBroadcastChannels()];
      return takeFromTabs({ ...platform, dbName, locks, channels, close });
    }
    await close();
    return () => {};
  };

  const giveBack = await takeAway();
  try {
    await eraseDatabase({ name: dbName, ladder: storageLadder, directory, clock: platform.clock });
  } finally {
    giveBack();
  }
  if (token === undefined || (await forgetRoomKeys(token, createKeyCache(platform)))) return;
  throw new LedgerError(
    "LEDGER_STORAGE_UNAVAILABLE",
    "the database was removed, but the keys of its room may still be in this browser; clear the site's data",
  );
};
