/** ledger/react where there is no page: what a server renders. In a browser: e2e/react.chromium.spec.ts. */

import { LedgerProvider, useLedger, useLiveQuery, usePresence, useStatus } from "ledger/react";
import { createElement, type FunctionComponent } from "react";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { Ledger, sql } from "../../src/index.ts";

const Everything: FunctionComponent = () => {
  const { rows, status, error } = useLiveQuery(sql`SELECT ${1}`, { key: "1" });
  const text = [rows.length, status, error, useStatus().state, usePresence().peers.length, useLedger().isConnected()];
  return createElement("p", undefined, text.join(" "));
};

const render = (ledger: Ledger): string =>
  renderToString(createElement(LedgerProvider, { ledger }, createElement(Everything)));

it("renders as loading on a server, and asks nothing of the database", async () => {
  const closed = new Ledger();
  await closed.close();
  const open = new Ledger();
  await open.init();
  const html = "<p>0 loading  new 0 false</p>";

  expect([new Ledger(), open, closed].map(render)).toEqual([html, html, html]);
  await open.close();
});

it("says where the provider is missing", () => {
  expect(() => renderToString(createElement(Everything))).toThrow(/outside of <LedgerProvider>/);
});
