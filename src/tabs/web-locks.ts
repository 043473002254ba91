/** Locks over the Web Locks API. */

import type { Locks } from "./locks.ts";

export const createWebLocks = (manager: LockManager): Locks => ({
  acquire: (name, mode, signal) =>
    new Promise((resolve, reject) => {
      // The lock is held until the promise that the callback returns settles.
      manager.request(name, { mode, signal }, () => new Promise<void>((release) => resolve(release))).catch(reject);
    }),
});
