/** The switch between offline and online. A reloaded tab stays as it was. */

import type { Ledger } from "ledger";
import { find } from "./dom.ts";

export interface Connection {
  wantsOnline(): boolean;
  /** Goes online unless this tab was switched offline before. */
  start(): void;
}

const memory = "notes-offline";

export interface ConnectionOptions {
  readonly ledger: Ledger;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

export const createConnection = ({ ledger, onChange, onError }: ConnectionOptions): Connection => {
  const toggle = find("online", HTMLButtonElement);
  let online = sessionStorage.getItem(memory) === null;

  const apply = (): void => {
    toggle.setAttribute("aria-checked", String(online));
    // connect() goes on trying by itself until disconnect(): one call of either is enough.
    (online ? ledger.connect() : ledger.disconnect()).catch(onError);
    onChange();
  };

  toggle.addEventListener("click", () => {
    online = !online;
    if (online) sessionStorage.removeItem(memory);
    else sessionStorage.setItem(memory, "1");
    apply();
  });

  return {
    wantsOnline: () => online,
    start: () => {
      toggle.disabled = false;
      apply();
    },
  };
};
