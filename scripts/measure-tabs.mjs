// @ts-check
/**
 * Measures what sharing a database between tabs costs, with the built package in Chromium:
 * `npm run build && npm run measure:tabs -- --rounds 40`; with --gaps only the first of these:
 * - the gap: the longest time without an answer that the other tabs see when the leading one is closed;
 * - the price of a call from a tab that follows, as a ratio to the leading tab's own, by each way there is.
 * On a shared machine compare ratios, and runs with each other.
 */

import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { findBrowser } from "./browsers.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "40" }, gaps: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const page = `<!doctype html><meta charset="utf-8"><script type="module">
  import { Ledger } from "/index.js";
  globalThis.Ledger = Ledger;
</script>`;

const server = createServer((request, response) => {
  const name = new URL(request.url ?? "/", "http://localhost").pathname.slice(1);
  const body = name === "" ? Promise.resolve(page) : readFile(join(dist, name));
  body.then(
    (bytes) => {
      const type = types[/** @type {keyof typeof types} */ (extname(name) || ".html")] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type, "cache-control": "max-age=600" }).end(bytes);
    },
    () => response.writeHead(404).end(),
  );
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
const address = server.address();
const url = `http://localhost:${typeof address === "object" ? address?.port : ""}/`;
const profile = await mkdtemp(join(tmpdir(), "ledger-tabs-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: findBrowser("chromium") ?? "",
  args: ["--no-sandbox", "--disable-gpu"],
});

/** @param {readonly number[]} sample */
const spread = (sample) => {
  const sorted = sample.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN).toFixed(0);
  return `median ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(1)} ms, ${sorted.length} gaps`;
};

/** @param {"port" | "BroadcastChannel"} way */
const openTab = async (way = "port") => {
  const tab = await context.newPage();
  await tab.addInitScript((hasBroker) => {
    if (!hasBroker) Reflect.deleteProperty(globalThis, "SharedWorker");
    const { postMessage } = BroadcastChannel.prototype;
    let count = 0;
    BroadcastChannel.prototype.postMessage = function (message) {
      count += 1;
      postMessage.call(this, message);
    };
    Object.assign(globalThis, { broadcasts: () => count });
  }, way === "port");
  await tab.goto(url);
  await tab.waitForFunction(() => "Ledger" in globalThis);
  await tab.evaluate(async () => {
    // @ts-expect-error: the page's own
    const db = new globalThis.Ledger({ dbName: "measure" });
    await db.init();
    await db.exec("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT)");
    await db.enableSync("notes").catch(() => {});
    Object.assign(globalThis, { db });
  });
  return tab;
};

/** @typedef {Awaited<ReturnType<typeof openTab>>} Tab */

/** Asks without pause; the answer tells the longest wait. @param {Tab} tab */
const watch = (tab) =>
  tab.evaluate(() => {
    const state = { longestMs: 0, stop: false };
    Object.assign(globalThis, { state });
    const run = async () => {
      // @ts-expect-error: the page's own
      const { db } = globalThis;
      while (!state.stop) {
        const beganMs = performance.now();
        await db.exec("SELECT 1");
        state.longestMs = Math.max(state.longestMs, performance.now() - beganMs);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    void run();
  });

/** @param {Tab} tab @returns {Promise<number>} */
const gapOf = async (tab) =>
  tab.evaluate(async () => {
    // @ts-expect-error: the page's own
    const { db, state } = globalThis;
    // The wait that is under way belongs to it.
    await db.exec("SELECT 1");
    await new Promise((resolve) => setTimeout(resolve, 20));
    state.stop = true;
    return state.longestMs;
  });

const measureGaps = async (/** @type {"close()" | "tab closed"} */ how) => {
  /** @type {{ next: number[], others: number[] }} */
  const gaps = { next: [], others: [] };
  let tabs = [await openTab(), await openTab(), await openTab()];
  for (let round = 0; round < rounds; round += 1) {
    const [leader, next, other] = /** @type {[Tab, Tab, Tab]} */ (tabs);
    await watch(next);
    await watch(other);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    // @ts-expect-error: the page's own
    if (how === "close()") await leader.evaluate(() => globalThis.db.close());
    else await leader.close({ runBeforeUnload: true });
    // @ts-expect-error: the page's own
    await next.waitForFunction(() => globalThis.db.status().role === "leader");
    gaps.next.push(await gapOf(next));
    gaps.others.push(await gapOf(other));
    if (how === "close()") await leader.close();
    tabs = [next, other, await openTab()];
  }
  for (const tab of tabs) await tab.close();
  console.log(`gap, ${how}, the next leader: ${spread(gaps.next)}`);
  console.log(`gap, ${how}, another tab:     ${spread(gaps.others)}`);
};

/** Milliseconds of each kind of work, the better of a few. @param {Tab} tab @returns {Promise<Record<string, number>>} */
const timeCalls = (tab) =>
  tab.evaluate(async () => {
    // @ts-expect-error: the page's own
    const { db } = globalThis;
    /** @type {Record<string, () => Promise<unknown>>} */
    const kinds = {
      "500 calls, one after the other": async () => {
        for (let i = 0; i < 500; i += 1) await db.exec("SELECT 1");
      },
      "500 calls at once": () => Promise.all(Array.from({ length: 500 }, () => db.exec("SELECT 1"))),
      "10,000 rows": () =>
        db.exec(
          "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c LIMIT 10000) SELECT i, 'x' || i FROM c",
        ),
      "100 writes, one after the other": async () => {
        for (let i = 0; i < 100; i += 1) await db.exec("INSERT INTO notes (body) VALUES (?)", ["a note"]);
      },
      "100 writes at once": () =>
        Promise.all(Array.from({ length: 100 }, () => db.exec("INSERT INTO notes (body) VALUES (?)", ["a note"]))),
    };
    /** @type {Record<string, number>} */
    const times = {};
    for (const [kind, run] of Object.entries(kinds)) {
      const beganMs = performance.now();
      await run();
      times[kind] = performance.now() - beganMs;
    }
    return times;
  });

/** Whether a call of the tab goes over BroadcastChannel. @param {Tab} tab @returns {Promise<boolean>} */
const isBroadcasting = (tab) =>
  tab.evaluate(async () => {
    // @ts-expect-error: the page's own
    const { db, broadcasts } = globalThis;
    const before = broadcasts();
    await db.exec("SELECT 1");
    return broadcasts() > before;
  });

/** A tab that follows, once its calls take this way. @param {"port" | "BroadcastChannel"} way */
const openFollower = async (way) => {
  const tab = await openTab(way);
  const endMs = performance.now() + 10_000;
  while ((await isBroadcasting(tab)) === (way === "port")) {
    if (performance.now() > endMs) throw new Error(`the calls of a following tab do not go by ${way}`);
  }
  return tab;
};

const measureCalls = async () => {
  const leader = await openTab();
  const ways = { BroadcastChannel: await openFollower("BroadcastChannel"), port: await openFollower("port") };
  /** @type {Record<string, Record<string, number[]>>} */
  const samples = {};
  for (let round = 0; round < 9; round += 1) {
    for (const [way, tab] of Object.entries({ own: leader, ...ways })) {
      await tab.bringToFront();
      for (const [kind, ms] of Object.entries(await timeCalls(tab))) ((samples[kind] ??= {})[way] ??= []).push(ms);
    }
  }
  const median = (/** @type {number[]} */ sample) => sample.toSorted((a, b) => a - b)[sample.length >> 1] ?? Number.NaN;
  for (const [kind, byWay] of Object.entries(samples)) {
    const own = median(byWay["own"] ?? []);
    const ratios = Object.keys(ways).map((way) => `${way} ${(median(byWay[way] ?? []) / own).toFixed(2)}`);
    console.log(`${kind}: own ${own.toFixed(0)} ms; ratio by ${ratios.join(", by ")}`);
  }
  for (const tab of [leader, ...Object.values(ways)]) await tab.close();
};

try {
  if (!values.gaps) await measureCalls();
  await measureGaps("close()");
  await measureGaps("tab closed");
} finally {
  await context.close();
  await rm(profile, { recursive: true, force: true });
  server.close();
}
