// @ts-check
/**
 * Runs every system through the workloads, several rounds, the systems taking turns, each peer a browser process of its own
 * with its profile on disk. `--quick`: Ledger and the limits. `--rounds N`. `--only a,b`. Results land in results/.
 * Absolute figures mean little on a shared machine; the ratios within one run do.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { build } from "vite";
import { findBrowser } from "../scripts/browsers.mjs";
import { report } from "./report.mjs";
import { servePages } from "./serve-pages.mjs";
import { systemNames, systems } from "./systems.mjs";

/** @typedef {Record<string, number>} Figures */

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    "no-write": { type: "boolean", default: false },
  },
});
const rounds = Number(args.rounds ?? (args.quick ? 2 : 3));
const chosen = args.only?.split(",") ?? systemNames.filter((name) => !args.quick || systems[name]?.isQuick);

const rowCount = 10_000;
const singleWrites = 200;
const liveWrites = 100;
const changedRows = 100;
/** A first sync that takes longer is given up. RxDB's takes most of a minute where nothing else runs. */
const firstSyncLimitMs = 120_000;
const firstPort = 19_100;
const ports = { ledger: firstPort, rxdb: firstPort + 1, "y-webrtc": firstPort + 2 };

/**
 * @param {readonly string[]} command
 * @param {Record<string, string>} env
 */
const startServer = async ([file = "", ...rest], env) => {
  const server = spawn(file, rest, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  await once(createInterface({ input: server.stdout }), "line");
  return server;
};

const startSignaling = () =>
  Promise.all([
    startServer([process.execPath, fromHere("../signaling-server/src/main.js")], {
      PORT: String(ports.ledger),
      CONNECTS_PER_SECOND: "1000",
      CONNECT_BURST: "1000",
    }),
    startServer([process.execPath, fromHere("rxdb-signaling.mjs")], { PORT: String(ports.rxdb) }),
    startServer([process.execPath, fromHere("node_modules/y-webrtc/bin/server.js")], {
      PORT: String(ports["y-webrtc"]),
      HOST: "127.0.0.1",
    }),
  ]);

/** @param {string} name */
const signalingUrlOf = (name) => {
  const kind = systems[name]?.signaling ?? "none";
  return kind in ports ? `ws://localhost:${ports[/** @type {keyof typeof ports} */ (kind)]}` : "";
};

/**
 * One peer: a browser process of its own.
 * @param {string} url - of the system's page
 */
const openPeer = async (url) => {
  const profile = await mkdtemp(join(tmpdir(), "ledger-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser("chromium") ?? "",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
  /** @type {{ page?: import("@playwright/test").Page }} */
  const other = {};
  await context.exposeFunction("toOtherPeer", (/** @type {string} */ message) =>
    other.page?.evaluate((text) => window.fromOtherPeer(text), message),
  );
  const openPage = async () => {
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`  ${url}: ${error.message}`));
    await page.goto(url);
    await page.waitForFunction(() => window.bench !== undefined);
    return page;
  };
  const session = await context
    .browser()
    ?.newBrowserCDPSession()
    .catch(() => undefined);
  return {
    page: await openPage(),
    openPage,
    /** @param {import("@playwright/test").Page} page */
    connectTo: (page) => {
      other.page = page;
    },
    /** Memory that the page's process, with its worker, has for itself: MiB. */
    memoryMiB: async () => {
      if (session === undefined) return Number.NaN;
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      const sizes = processInfo
        .filter(({ type }) => type === "renderer")
        .map(({ id }) => /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? "0");
      return Math.max(...sizes.map(Number)) / 1024;
    },
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
};

/**
 * @template T
 * @param {Promise<T>} work
 * @param {number} limitMs
 * @returns {Promise<T | undefined>} undefined when it took longer
 */
const within = async (work, limitMs) => {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limitMs, undefined)));
  try {
    return /** @type {T | undefined} */ (await Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // It fails when its browser is closed under it.
  }
};

/** @param {readonly number[]} values @param {number} share */
const quantile = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;

/**
 * A first sync: the giver has `rows`, the taker is new.
 * @param {Awaited<ReturnType<typeof openPeer>>} giver
 * @param {Awaited<ReturnType<typeof openPeer>>} taker
 * @param {number} rows
 * @returns {Promise<Figures | undefined>}
 */
const firstSync = async (giver, taker, rows) => {
  giver.connectTo(taker.page);
  taker.connectTo(giver.page);
  // Some wait for the peer, some for their server: a moment is enough for those.
  await within(
    giver.page.evaluate(() => window.bench.connect()),
    1_000,
  );
  await giver.page.evaluate(() => window.bench.longestTask());
  await taker.page.evaluate(() => window.bench.longestTask());
  const startedMs = await taker.page.evaluate(() => {
    void window.bench.connect();
    return performance.timeOrigin + performance.now();
  });
  const reachedMs = await within(
    taker.page.evaluate((count) => window.bench.reached(count), rows),
    firstSyncLimitMs * (rows / rowCount),
  );
  if (reachedMs === undefined) return undefined;
  return {
    seconds: (reachedMs - startedMs) / 1000,
    megabytes: (await taker.page.evaluate(() => window.bench.bytesReceived())) / 1e6,
    giverTaskMs: await giver.page.evaluate(() => window.bench.longestTask()),
    takerTaskMs: await taker.page.evaluate(() => window.bench.longestTask()),
  };
};

/**
 * @param {string} name
 * @param {string} url
 * @param {number} round
 * @returns {Promise<Figures>}
 */
const measure = async (name, url, round) => {
  const system = systems[name];
  if (system === undefined) throw new Error(`there is no system ${name}`);
  /** @type {Figures} */
  const figures = {};
  const base = { room: crypto.randomUUID(), signalingUrl: signalingUrlOf(name), initiator: false };
  const giver = await openPeer(url);
  /** @type {Awaited<ReturnType<typeof openPeer>> | undefined} */
  let taker;
  try {
    if (system.stores) {
      await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "singles" });
      await giver.page.evaluate(() => window.bench.insertOneByOne(20, 900_000));
      const singleMs = await giver.page.evaluate((n) => window.bench.insertOneByOne(n, 0), singleWrites);
      figures.w1 = (singleWrites / singleMs) * 1000;
      await giver.page.close();
      giver.page = await giver.openPage();
    }
    await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "many" });
    const manyMs = await giver.page.evaluate((n) => window.bench.insertAll(n, 0), rowCount);
    if (system.stores) {
      figures.w2 = (rowCount / manyMs) * 1000;
      await giver.page.close();
      giver.page = await giver.openPage();
      const cold = await giver.page.evaluate((o) => window.bench.coldStart(o), { ...base, name: "many" });
      if (cold.rows !== 50) throw new Error(`${name} answered ${cold.rows} rows after a cold start`);
      figures.w5 = cold.ms;
      if (system.syncs) {
        await giver.page.close();
        giver.page = await giver.openPage();
        await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "many" });
      }
    }
    if (!system.syncs) return figures;

    taker = await openPeer(url);
    const { page } = taker;
    await page.evaluate((o) => window.bench.open(o), { ...base, name: "many", initiator: true });
    const first = await firstSync(giver, taker, rowCount);
    if (first === undefined) return figures;
    figures.w3 = first.seconds ?? Number.NaN;
    figures.bytes = first.megabytes ?? Number.NaN;
    figures.w9 = Math.max(first.giverTaskMs ?? 0, first.takerTaskMs ?? 0);
    figures.w8 = await taker.memoryMiB();

    /** @type {number[]} */
    const live = [];
    for (let index = 0; index < liveWrites; index += 1) {
      const seen = page.evaluate(() => window.bench.nextChange());
      const startedMs = await giver.page.evaluate((from) => window.bench.insertAt(from), 500_000 + index);
      const seenMs = await within(seen, 5_000);
      if (seenMs === undefined) break;
      live.push(seenMs - startedMs);
    }
    figures.w4p50 = quantile(live, 0.5);
    figures.w4p95 = quantile(live, 0.95);

    if (system.manyRows !== undefined && round === 0) {
      await taker.close();
      await giver.page.close();
      giver.page = await giver.openPage();
      taker = await openPeer(url);
      Object.assign(figures, await measureMany(giver, taker, { ...base, room: crypto.randomUUID() }, system.manyRows));
    }
    return figures;
  } finally {
    await taker?.close();
    await giver.close();
  }
};

/**
 * The large first sync, and what follows a while offline.
 * @param {Awaited<ReturnType<typeof openPeer>>} giver
 * @param {Awaited<ReturnType<typeof openPeer>>} taker
 * @param {Omit<import("./src/system.ts").PeerOptions, "name">} base
 * @param {number} rows
 * @returns {Promise<Figures>}
 */
const measureMany = async (giver, taker, base, rows) => {
  await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "large" });
  for (let from = 0; from < rows; from += rowCount) {
    await giver.page.evaluate(([n, f]) => window.bench.insertAll(n, f), /** @type {const} */ ([rowCount, from]));
  }
  await taker.page.evaluate((o) => window.bench.open(o), { ...base, name: "large", initiator: true });
  const first = await firstSync(giver, taker, rows);
  if (first === undefined) return {};

  await taker.page.evaluate(() => window.bench.disconnect());
  await giver.page.evaluate(
    ([n, all]) => window.bench.retitle(n, 0, all, "changed meanwhile"),
    /** @type {const} */ ([changedRows, rowCount]),
  );
  const startedMs = await taker.page.evaluate(() => {
    void window.bench.connect();
    return performance.timeOrigin + performance.now();
  });
  const reachedMs = await taker.page.evaluate((n) => window.bench.reachedTitled("changed meanwhile", n), changedRows);
  return {
    w3large: first.seconds ?? Number.NaN,
    bytesLarge: first.megabytes ?? Number.NaN,
    w7: (reachedMs - startedMs) / 1000,
  };
};

await build({ configFile: fromHere("vite.config.ts") });
const pages = await servePages(fromHere("dist"));
const servers = await startSignaling();
const startedAt = new Date();
const loadBefore = loadavg();
/** @type {Record<string, Figures[]>} */
const figures = Object.fromEntries(chosen.map((name) => [name, []]));
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const name of chosen) {
      // What was seen to fail for ever is not waited for in every round.
      if (round > 0 && systems[name]?.syncs && figures[name]?.[0]?.w3 === undefined) continue;
      const began = Date.now();
      try {
        const measured = await measure(name, `${pages.url}/pages/${name}.html`, round);
        figures[name]?.push(measured);
        const texts = Object.entries(measured).map(([key, value]) => `${key} ${value.toPrecision(3)}`);
        console.log(`round ${round + 1} ${name}: ${texts.join(", ")} (${((Date.now() - began) / 1000).toFixed(0)} s)`);
      } catch (error) {
        console.error(`round ${round + 1} ${name} failed:`, error);
        process.exitCode = 1;
      }
    }
  }
} finally {
  for (const server of servers) server.kill();
  await pages.close();
}

const { stdout: commit } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: fromHere("."), encoding: "utf8" });
const { stdout: browser } = spawnSync(findBrowser("chromium") ?? "chromium", ["--version"], { encoding: "utf8" });
const results = {
  startedAt: startedAt.toISOString(),
  seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  commit: commit.trim(),
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore,
    loadAfter: loadavg(),
  },
  browser: browser.trim(),
  node: process.version,
  rounds,
  shippedKilobytes: Object.fromEntries(chosen.map((name) => [name, pages.shippedBytes(name) / 1000])),
  figures,
};
const { markdown, svg } = report(results);
console.log(`\n${markdown}`);
if (!args["no-write"]) {
  await mkdir(fromHere("results"), { recursive: true });
  const stem = args.quick ? "quick" : "full";
  await writeFile(fromHere(`results/${stem}.json`), `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(fromHere(`results/${stem}.md`), markdown);
  if (!args.quick) await writeFile(fromHere("results/first-sync.svg"), svg);
}
