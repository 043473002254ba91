/** How everything stands, as of now. */

import { useSyncExternalStore } from "react";
import type { LedgerStatus } from "../index.ts";
import { useProvided } from "./provider.ts";

const onServer: LedgerStatus = { state: "new", signaling: "off", peers: [], version: 0 };

/** What `ledger.status()` answers; renders again whenever that changes. */
export const useStatus = (): LedgerStatus => {
  const { statusStore } = useProvided();
  return useSyncExternalStore(statusStore.subscribe, statusStore.get, () => onServer);
};
