// @ts-check
/**
 * `npm run bench:profile [-- --workload first-sync] [--rows N] [--name before]`: CPU profiles of the page and the worker of
 * both peers during a first sync (W3), `live` writes (W4), `singles` (W1) or a `batch` (W2), with the sources unminified.
 * Writes .cpuprofile files, for the Performance panel of Chromium's tools, into profiles/, and where the time went into
 * results/profile-NAME.md.
 */

import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { Ledger } from "../dist/index.js";
import { connectToBrowser } from "./cdp.mjs";
import { openPeer } from "./peer.mjs";
import { servePages } from "./serve-pages.mjs";
import { signalingUrlOf, startSignaling } from "./servers.mjs";
import { firstSync, liveLatencies, quantile, rowCount } from "./workloads.mjs";

/** @typedef {import("./cdp.mjs").Profile} Profile */

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const { values: args } = parseArgs({
  options: {
    rows: { type: "string", default: String(rowCount) },
    name: { type: "string" },
    workload: { type: "string", default: "first-sync" },
  },
});
const name = args.name ?? args.workload;
const rows = Number(args.rows);
const debuggingPorts = { giver: 21_310, taker: 21_311 };
const shownFunctions = 14;
const writes = 200;
const warmUpWrites = 20;

/**
 * Milliseconds of each function's own, longest first. The engine's functions have no names and count as one.
 * @param {Profile} profile
 */
const selfTimes = ({ nodes, samples, timeDeltas }) => {
  const nameById = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      if (url.startsWith("wasm:") || functionName.startsWith("wasm-")) return [id, "(the engine)"];
      const place = url === "" ? "" : ` ${url.split("/").pop()}:${lineNumber + 1}`;
      return [id, `${functionName === "" ? "(anonymous)" : functionName}${place}`];
    }),
  );
  /** @type {Map<string, number>} */
  const msByName = new Map();
  for (const [index, id] of samples.entries()) {
    const name = nameById.get(id) ?? "?";
    msByName.set(name, (msByName.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  }
  return [...msByName].sort(([, a], [, b]) => b - a);
};

await build({ configFile: fromHere("vite.config.ts"), mode: "profile" });
const pages = await servePages(fromHere("dist"));
const stopSignaling = await startSignaling(["ledger"]);
const url = `${pages.url}/pages/ledger.html`;
const giver = await openPeer(url, [`--remote-debugging-port=${debuggingPorts.giver}`]);
const taker = await openPeer(url, [`--remote-debugging-port=${debuggingPorts.taker}`]);
try {
  const base = { room: Ledger.createToken(), signalingUrl: signalingUrlOf("ledger"), name: "profiled" };
  await giver.page.evaluate((o) => window.bench.open(o), { ...base, initiator: false });
  const fill = async () => {
    for (let from = 0; from < rows; from += rowCount) {
      await giver.page.evaluate(
        ([count, at]) => window.bench.insertAll(count, at),
        /** @type {const} */ ([Math.min(rowCount, rows - from), from]),
      );
    }
  };
  const openTaker = () => taker.page.evaluate((o) => window.bench.open(o), { ...base, initiator: true });

  /** What comes before the profile, and what it is of: how it ended. @type {Record<string, { prepare(): Promise<unknown>, run(): Promise<string> }>} */
  const workloads = {
    "first-sync": {
      prepare: async () => {
        await fill();
        await openTaker();
      },
      run: async () => {
        const first = await firstSync(giver, taker, rows, 120_000);
        return `${rows} rows in ${first?.seconds.toFixed(2)} s, ${first?.megabytes.toFixed(2)} MB`;
      },
    },
    live: {
      prepare: async () => {
        await fill();
        await openTaker();
        await firstSync(giver, taker, rows, 120_000);
        await liveLatencies(giver, taker, 400_000, (written) => written < warmUpWrites);
      },
      run: async () => {
        const live = await liveLatencies(giver, taker, 500_000, (written) => written < writes);
        return `${writes} writes, p50 ${quantile(live, 0.5).toFixed(1)} ms and p95 ${quantile(live, 0.95).toFixed(1)} ms`;
      },
    },
    singles: {
      prepare: () => giver.page.evaluate((count) => window.bench.insertOneByOne(count, 400_000), warmUpWrites),
      run: async () => {
        const ms = await giver.page.evaluate((count) => window.bench.insertOneByOne(count, 500_000), writes);
        return `${writes} writes, ${((writes / ms) * 1000).toFixed(0)} a second`;
      },
    },
    batch: {
      prepare: async () => {},
      run: async () => {
        const ms = await giver.page.evaluate((count) => window.bench.insertAll(count, 0), rows);
        return `${rows} rows, ${((rows / ms) * 1000).toFixed(0)} a second`;
      },
    },
  };
  const workload = workloads[args.workload];
  if (workload === undefined) throw new Error(`there is no workload ${args.workload}`);
  await workload.prepare();
  const browsers = await Promise.all(Object.values(debuggingPorts).map((port) => connectToBrowser(port, url)));
  await Promise.all(browsers.map((browser) => browser.startProfiling()));
  const outcome = await workload.run();
  const profiles = await Promise.all(browsers.map((browser) => browser.stopProfiling()));
  for (const browser of browsers) browser.close();

  const { stdout: commit } = spawnSync("git", ["rev-parse", "--short", "HEAD"], {
    cwd: fromHere("."),
    encoding: "utf8",
  });
  const lines = [
    `# Where the time goes: ${name}`,
    "",
    `Commit ${commit.trim()}, load ${loadavg()[0]?.toFixed(1)}; with the profiler on: ${outcome}. Own time of functions; \`(program)\` is the browser's, \`(the engine)\` SQLite with cr-sqlite, and \`(anonymous)\` without a place the browser's as well, in a worker mostly deflating.`,
  ];
  await mkdir(fromHere("profiles"), { recursive: true });
  for (const [index, peer] of Object.keys(debuggingPorts).entries()) {
    for (const [thread, profile] of Object.entries(profiles[index] ?? {})) {
      await writeFile(fromHere(`profiles/${name}-${peer}-${thread}.cpuprofile`), JSON.stringify(profile));
      const times = selfTimes(profile);
      const busyMs = times.reduce((sum, [name, ms]) => (name === "(idle)" ? sum : sum + ms), 0);
      lines.push("", `## The ${peer}'s ${thread}: busy for ${busyMs.toFixed(0)} ms`, "", "```text");
      for (const [name, ms] of times.filter(([name]) => name !== "(idle)").slice(0, shownFunctions)) {
        lines.push(`${ms.toFixed(1).padStart(8)} ms  ${name}`);
      }
      lines.push("```");
    }
  }
  const text = `${lines.join("\n")}\n`;
  console.log(text);
  await mkdir(fromHere("results"), { recursive: true });
  await writeFile(fromHere(`results/profile-${name}.md`), text);
} finally {
  await taker.close();
  await giver.close();
  stopSignaling();
  await pages.close();
}
