/** Public entry `ledger/react`: a Ledger in React components. React is the app's own. */

export { LedgerProvider, useLedger, type LedgerProviderProps } from "./react/provider.ts";
export { useLiveQuery, type LiveResult, type UseLiveQueryOptions } from "./react/use-live-query.ts";
export { usePresence, type PresenceResult } from "./react/use-presence.ts";
export { useStatus } from "./react/use-status.ts";
