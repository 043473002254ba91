/** Hidden tabs that the browser freezes to save power, or discards to save memory. */

import { expect, test } from "@playwright/test";
import type { ExecResult, LedgerStatus } from "../src/index.ts";
import type { Outcome, SeenEvent } from "./app/app.ts";
import { openBareBrowser, type BareBrowser, type BareTab } from "./support/bare-browser.ts";

const call = async <T>(tab: BareTab, method: "init" | "exec" | "status", ...args: readonly string[]): Promise<T> => {
  const outcome = await tab.evaluate<readonly [typeof method, readonly string[]], Outcome>(
    ([name, values]) => window.callLedger("main", name, values),
    [method, args],
  );
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  return outcome.value as T;
};

const statusOf = (tab: BareTab): Promise<LedgerStatus> => call(tab, "status");
const titlesIn = async (tab: BareTab): Promise<readonly unknown[]> =>
  (await call<ExecResult>(tab, "exec", "SELECT title FROM notes ORDER BY title")).rows.map(({ title }) => title);
const add = (tab: BareTab, title: string): Promise<unknown> =>
  call(tab, "exec", `INSERT INTO notes (title) VALUES ('${title}')`);

/** Takes a second or more. */
const longStatement =
  "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 20000000) SELECT count(*) FROM c";

const ready = async (tab: BareTab, title: string): Promise<BareTab> => {
  await tab.evaluate((name) => {
    document.title = name;
    window.openLedger("main", {});
  }, title);
  await call(tab, "init");
  await call(tab, "exec", "CREATE TABLE IF NOT EXISTS notes (title TEXT)");
  return tab;
};

test.describe("tabs that sleep", () => {
  let browser: BareBrowser;
  let alice: BareTab;
  let bob: BareTab;

  test.beforeEach(async ({ baseURL }) => {
    browser = await openBareBrowser();
    alice = await ready(await browser.open(`${baseURL}/e2e/app/`), "alice");
    bob = await ready(await browser.open(`${baseURL}/e2e/app/`), "bob");
    await add(alice, "a");
  });

  test.afterEach(() => browser.close());

  test("a leading tab that is frozen hands over, and follows when it is thawed", async () => {
    const { nodeId } = await statusOf(alice);

    await alice.setLifecycle("frozen");
    await add(bob, "b");
    expect(await statusOf(bob)).toMatchObject({ role: "leader", storage: "opfs", nodeId });
    await alice.setLifecycle("active");

    expect(await titlesIn(alice)).toEqual(["a", "b"]);
    expect(await statusOf(alice)).toMatchObject({ role: "follower", leader: "responding", nodeId });
    expect((await statusOf(bob)).role).toBe("leader");
  });

  test("a following tab waits for a leader that was frozen at work, and takes over when that is discarded", async () => {
    const { nodeId } = await statusOf(alice);
    await browser.prepare();
    // It would let go once this is done, but does not hear of that any more.
    await alice.evaluate((sql) => void window.callLedger("main", "exec", [sql]), longStatement);
    const write = add(bob, "b");

    await browser.freeze("alice");
    await expect.poll(async () => (await statusOf(bob)).leader).toBe("unresponsive");
    expect(await statusOf(bob)).toMatchObject({ role: "follower", storage: "opfs", nodeId });
    const told = await bob.evaluate(
      (): readonly SeenEvent[] => window.ledgers.get("main")?.events.filter(({ name }) => name === "status") ?? [],
      undefined,
    );
    expect(told.at(-1)?.args).toMatchObject([{ role: "follower", leader: "unresponsive" }]);

    await browser.discard("alice");
    await write;
    expect(await statusOf(bob)).toMatchObject({ role: "leader", leader: "responding", storage: "opfs", nodeId });
    expect(await titlesIn(bob)).toEqual(["a", "b"]);

    const again = await browser.revive("alice");
    expect(await again.evaluate(() => (document as { wasDiscarded?: boolean }).wasDiscarded, undefined)).toBe(true);
    expect(await titlesIn(await ready(again, "alice"))).toEqual(["a", "b"]);
    expect(await statusOf(again)).toMatchObject({ role: "follower", nodeId });
  });
});
