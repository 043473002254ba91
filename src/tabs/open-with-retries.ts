/** Opens what may still be held by a tab that has just gone: its lock is free a moment before its files are. */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";

/** Between attempts that wait for seconds themselves: a machine can be very busy just when a tab goes. */
const delaysMs = [100, 400, 1_600];

/**
 * Tries again while `open` rejects with LEDGER_STORAGE_BUSY; the last rejection is passed on, and any other at once.
 * @param isWanted - asked after each rejection
 */
export const openWithRetries = async <T>(open: () => Promise<T>, clock: Clock, isWanted: () => boolean): Promise<T> => {
  for (const delayMs of delaysMs) {
    try {
      return await open();
    } catch (error) {
      const isBusy = error instanceof LedgerError && error.code === "LEDGER_STORAGE_BUSY";
      if (!isBusy || !isWanted()) throw error;
    }
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
  }
  return open();
};
