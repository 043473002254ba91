/**
 * The page of react.chromium.spec.ts: two replicas, Alice's and Bob's, in one room without a server, each shown by
 * components in StrictMode. Clicks on the page change what is mounted and asked for.
 */

import { Ledger, sql } from "ledger";
import { LedgerProvider, useLedger, useLiveQuery, usePresence, useStatus } from "ledger/react";
import { createTestNetwork } from "ledger/testing";
import { createElement as h, memo, StrictMode, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

interface Note {
  readonly id: string;
  readonly title: string;
}

declare global {
  interface Window {
    readonly alice: Ledger;
    readonly bob: Ledger;
    /** How often each component was rendered, by name. */
    readonly renders: Record<string, number>;
    /** Everything React complained about. */
    readonly complaints: string[];
  }
}

const renders: Record<string, number> = {};
const complaints: string[] = [];
console.error = (...args: readonly unknown[]) => void complaints.push(args.map(String).join(" "));
console.warn = console.error;

const count = (name: string): void => {
  renders[name] = (renders[name] ?? 0) + 1;
};

const Item = memo(({ note }: { readonly note: Note }) => {
  count(`item ${note.id}`);
  return h("li", undefined, note.title);
});

const List = ({ prefix }: { readonly prefix: string }): ReactNode => {
  const pattern = `${prefix}%`;
  const { rows, status, error } = useLiveQuery(
    sql<Note>`SELECT id, title FROM notes WHERE title LIKE ${pattern} ORDER BY id`,
    { key: "id" },
  );
  count("list");
  return h(
    "section",
    { "data-status": status, title: error?.code },
    h(
      "ul",
      undefined,
      rows.map((note) => h(Item, { key: note.id, note })),
    ),
  );
};

const Total = (): ReactNode => {
  const { rows, status } = useLiveQuery<{ n: number }>("SELECT count(*) AS n FROM notes WHERE title <> ?", [""]);
  return h("output", { "data-status": status }, rows[0]?.n);
};

const Missing = (): ReactNode => h("code", undefined, useLiveQuery("SELECT * FROM missing").error?.code);

const Status = (): ReactNode => {
  const { state, peers } = useStatus();
  count("status");
  return h("p", { className: "status" }, `${state}, ${peers.length} peers`);
};

const Others = (): ReactNode => {
  const { peers, set } = usePresence();
  const ledger = useLedger();
  const say = (): void => set({ editing: ledger.getNodeId() });
  return h("button", { className: "others", onClick: say }, peers.map(({ state }) => JSON.stringify(state)).join());
};

const App = (): ReactNode => {
  const [prefix, setPrefix] = useState("");
  const [isListed, setListed] = useState(true);
  return h(
    "div",
    undefined,
    h("input", { value: prefix, onChange: (event) => setPrefix(event.currentTarget.value) }),
    h("button", { className: "toggle", onClick: () => setListed(!isListed) }, "toggle"),
    isListed && h(List, { prefix }),
    h(Total),
    h(Total),
    h(Missing),
    h(Status),
    h(Others),
  );
};

const network = createTestNetwork();
const options = { network, storage: "memory", signalingUrl: "ws://test", token: Ledger.createToken() } as const;
const [alice, bob] = [new Ledger({ ...options, dbName: "alice" }), new Ledger({ ...options, dbName: "bob" })];
Object.assign(window, { alice, bob, renders, complaints });

const root = document.querySelector("#root");
if (root === null) throw new Error("there is no #root");
createRoot(root).render(
  h(
    StrictMode,
    undefined,
    h("main", { id: "alice" }, h(LedgerProvider, { ledger: alice }, h(App))),
    h("main", { id: "bob" }, h(LedgerProvider, { ledger: bob }, h(App))),
  ),
);
