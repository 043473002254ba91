/** Gives a Ledger to the components below. Opens and closes nothing: that is the app's. */

import { createContext, createElement, useContext, useMemo, type FunctionComponent, type ReactNode } from "react";
import type { Ledger } from "../index.ts";
import { createStatusStore, type StatusStore } from "./status-store.ts";

export interface LedgerProviderProps {
  /** May be opened later: until then queries are loading. */
  readonly ledger: Ledger;
  readonly children?: ReactNode;
}

interface Provided {
  readonly ledger: Ledger;
  readonly statusStore: StatusStore;
}

const LedgerContext = createContext<Provided | undefined>(undefined);

export const LedgerProvider: FunctionComponent<LedgerProviderProps> = ({ ledger, children }) => {
  const provided = useMemo(() => ({ ledger, statusStore: createStatusStore(ledger) }), [ledger]);
  return createElement(LedgerContext.Provider, { value: provided }, children);
};

/** The Ledger of the nearest provider. @throws Error where there is none */
export const useLedger = (): Ledger => useProvided().ledger;

export const useProvided = (): Provided => {
  const provided = useContext(LedgerContext);
  if (provided === undefined) throw new Error("a hook of ledger/react was used outside of <LedgerProvider>");
  return provided;
};
