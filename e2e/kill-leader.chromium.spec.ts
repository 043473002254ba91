/**
 * Tabs that write without pause while whichever leads is closed, reloaded, crashed or killed, over and over: no acknowledged
 * write may be lost, none may be there twice, and none may be rejected. `npm run test:kill -- --rounds 200` does it for longer.
 */

import { rendererPid } from "./support/renderer.ts";
import { expect, test, type NewReplica, type Replica } from "./support/test.ts";

const rounds = Number(process.env["LEDGER_KILL_ROUNDS"] ?? 3);
const killDelayMs = 200;

/** How a leading tab is ended. */
const ends = ["kill -9", "close", "reload", "crash", "close()"] as const;
type End = (typeof ends)[number];

declare global {
  interface Window {
    /** Tells the test of an outcome: an empty code is an acknowledgement. */
    answered(id: string, code: string): Promise<void>;
    /** Longest time between two acknowledgements since it was last set, milliseconds. */
    longestGapMs: number;
  }
}

/** Starts writing, one write after the other, for as long as the page lives. */
const startWriting = (tab: Replica, name: string): Promise<void> =>
  tab.page.evaluate((prefix) => {
    let lastMs = performance.now();
    window.longestGapMs = 0;
    const write = async (n: number): Promise<void> => {
      const id = `${prefix}-${n}`;
      const outcome = await window.callLedger("main", "exec", ["INSERT INTO log (id) VALUES (?)", [id]]);
      if (!outcome.ok && outcome.code === "LEDGER_CLOSED") return;
      void window.answered(id, outcome.ok ? "" : outcome.code);
      if (outcome.ok) {
        window.longestGapMs = Math.max(window.longestGapMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
      setTimeout(() => void write(n + 1), 20);
    };
    void write(0);
  }, name);

const end = async (tab: Replica, how: End, pids: ReadonlyMap<Replica, number>): Promise<void> => {
  const { page } = tab;
  if (how === "reload") return tab.reload();
  if (how === "kill -9") {
    const crashed = page.waitForEvent("crash");
    process.kill(pids.get(tab) ?? Number.NaN, "SIGKILL");
    await crashed;
  }
  if (how === "close()") await tab.call("close");
  if (how === "crash") {
    const debug = await page.context().newCDPSession(page);
    const crashed = page.waitForEvent("crash");
    debug.send("Page.crash").catch(() => {}); // Never answered: the page that would answer is gone.
    await crashed;
  }
  return page.close();
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

test("stores every write once, however often the leader is killed", async ({ newReplica }) => {
  test.setTimeout(60_000 + rounds * 30_000);
  const acknowledged = new Set<string>();
  const countByCode = new Map<string, number>();
  const gapsMs: Record<End, number[]> = { "kill -9": [], close: [], reload: [], crash: [], "close()": [] };
  const pids = new Map<Replica, number>();
  let writers = 0;

  const begin = async (tab: Replica): Promise<Replica> => {
    await tab.call("init");
    // No key: a write that was applied twice would be there twice.
    await tab.exec("CREATE TABLE IF NOT EXISTS log (id TEXT)");
    pids.set(tab, await rendererPid(tab.page));
    writers += 1;
    await startWriting(tab, `writer ${writers}`);
    return tab;
  };
  const open = (options: NewReplica): Promise<Replica> => newReplica({ ...options, ready: false });

  const first = await open({});
  const context = first.page.context();
  await context.exposeFunction("answered", (id: string, code: string) => {
    countByCode.set(code, (countByCode.get(code) ?? 0) + 1);
    if (code === "") acknowledged.add(id);
  });
  let tabs: readonly Replica[] = [
    await begin(first),
    await begin(await open({ context })),
    await begin(await open({ context })),
  ];
  const nodeId = await first.nodeId();

  for (let round = 0; round < rounds; round += 1) {
    const roles = await Promise.all(tabs.map(async (tab) => (await tab.status()).role));
    const leader = tabs[roles.indexOf("leader")] ?? first;
    const others = tabs.filter((tab) => tab !== leader);
    const how = ends[round % ends.length] ?? "crash";
    // At any moment of a write: the one thing here that is left to chance.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * killDelayMs));
    const before = acknowledged.size;
    for (const { page } of others) await page.evaluate(() => void (window.longestGapMs = 0));

    await end(leader, how, pids);

    await expect.poll(() => acknowledged.size, { message: `round ${round}: ${how}` }).toBeGreaterThan(before + 20);
    for (const { page } of others) gapsMs[how].push(await page.evaluate(() => window.longestGapMs));
    tabs = [...others, await begin(how === "reload" ? leader : await open({ context }))];
    const [asked = first] = tabs;
    const expected = [...acknowledged];
    const rows = await asked.rows("SELECT id, count(*) AS n FROM log GROUP BY id");
    const timesById = new Map(rows.map(({ id, n }) => [id, n]));
    expect(expected.filter((id) => !timesById.has(id))).toEqual([]);
    expect(rows.filter(({ n }) => n !== 1)).toEqual([]);
    expect(await asked.nodeId()).toBe(nodeId);
  }

  console.log(
    JSON.stringify({
      rounds,
      acknowledged: acknowledged.size,
      rejected: Object.fromEntries([...countByCode].filter(([code]) => code !== "")),
      medianGapMs: Object.fromEntries(ends.map((how) => [how, Math.round(median(gapsMs[how]))])),
      longestGapMs: Object.fromEntries(ends.map((how) => [how, Math.round(Math.max(...gapsMs[how]))])),
      kills: Object.fromEntries(ends.map((how) => [how, gapsMs[how].length / 2])),
    }),
  );
  expect([...countByCode.keys()].filter((code) => code !== "")).toEqual([]);
});
