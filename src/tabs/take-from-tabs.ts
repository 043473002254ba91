/** Takes a database away from all its tabs, the leading one included, so that it can be removed. */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { Locks, ReleaseLock } from "./locks.ts";
import type { TabChannels } from "./tab-channel.ts";
import { readNotice, tabNames, tabsVersion } from "./tab-message.ts";

export interface TakeFromTabsOptions {
  readonly dbName: string;
  readonly locks: Locks;
  readonly channels: TabChannels;
  readonly clock: Clock;
  /** Closes the database in this tab, once the others are told. */
  readonly close: () => Promise<void>;
}

/** Patience with a leading tab that does not let go, milliseconds. */
export const takePatienceMs = 10_000;

/**
 * Resolves when no tab has the database open, and none can open it until the answer is called.
 * @throws LedgerError LEDGER_STORAGE_BUSY when the leading tab does not answer
 */
export const takeFromTabs = async (options: TakeFromTabsOptions): Promise<ReleaseLock> => {
  const { locks, channels, clock } = options;
  const names = tabNames(options.dbName);
  const channel = channels.open(names.channel);
  const tell = (): void => channel.post({ type: "destroyed", tabsVersion });
  // Of a tab that came meanwhile.
  channel.onMessage((message) => {
    if (readNotice(message)?.type === "leader") tell();
  });
  const patience = new AbortController();
  const stopTimer = clock.setTimer(takePatienceMs, () => patience.abort(isHeld()));
  try {
    tell();
    await options.close();
    return await locks.acquire(names.leaderLock, "exclusive", patience.signal);
  } finally {
    stopTimer();
    channel.close();
  }
};

const isHeld = (): LedgerError =>
  new LedgerError(
    "LEDGER_STORAGE_BUSY",
    "another tab holds this database and does not answer, so it was not removed; close that tab and call destroy() again",
  );

/** What every tab of the database is told. */
export const destroyedError = (): LedgerError =>
  new LedgerError("LEDGER_DESTROYED", "destroy() removed this database; make a new Ledger to begin an empty one");
