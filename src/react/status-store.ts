/** What `status()` answers, as React wants it: the same object until something in it changed. */

import type { Ledger, LedgerStatus } from "../index.ts";

export interface StatusStore {
  subscribe(changed: () => void): () => void;
  get(): LedgerStatus;
}

export const createStatusStore = (ledger: Ledger): StatusStore => {
  let seen: LedgerStatus | undefined;
  let subscribers = 0;

  const look = (): LedgerStatus => {
    const status = ledger.status();
    if (seen === undefined || JSON.stringify(status) !== JSON.stringify(seen)) seen = status;
    return seen;
  };

  return {
    subscribe: (changed) => {
      subscribers += 1;
      look();
      const stop = ledger.on("status", (status) => {
        seen = status;
        changed();
      });
      return () => {
        subscribers -= 1;
        stop();
      };
    },
    // Asking the Ledger may make it tell others, which must not happen while React renders; its event tells as well.
    get: () => (seen === undefined || subscribers === 0 ? look() : seen),
  };
};
