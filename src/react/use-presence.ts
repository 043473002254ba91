/** Who else is in the room. */

import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Presence, PresencePeer } from "../index.ts";
import { useLedger } from "./provider.ts";

export interface PresenceResult {
  /** See `ledger.presence.peers`. */
  readonly peers: readonly PresencePeer[];
  /** See `ledger.presence.set`. The same function in every render. */
  readonly set: Presence["set"];
}

const nobody: readonly PresencePeer[] = [];

/** The others in the room; renders again whenever one of them comes, goes or shows something else. */
export const usePresence = (): PresenceResult => {
  const ledger = useLedger();
  const subscribe = useCallback((changed: () => void) => ledger.on("presence", changed), [ledger]);
  const peers = useSyncExternalStore(
    subscribe,
    () => ledger.presence.peers,
    () => nobody,
  );
  const set = useCallback((state: unknown) => ledger.presence.set(state), [ledger]);
  return useMemo(() => ({ peers, set }), [peers, set]);
};
