// @ts-check
/**
 * Runs every system through the workloads, several rounds, the systems taking turns, each peer a browser process of its own
 * with its profile on disk. `--quick`: Ledger and the limits. `--small`: not with 100,000 rows. `--rounds N`,
 * `--minutes N`, `--only a,b`, `--no-write`.
 * Results land in results/, and those of a full run in README and docs/performance.md as well.
 * Absolute figures mean little on a shared machine; the ratios within one run do.
 */

import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { findBrowser } from "../scripts/browsers.mjs";
import { openPeer } from "./peer.mjs";
import { publish } from "./publish.mjs";
import { report } from "./report.mjs";
import { servePages } from "./serve-pages.mjs";
import { startSignaling } from "./servers.mjs";
import { systemNames, systems } from "./systems.mjs";
import { measure, measureSingles } from "./workloads.mjs";

/** @typedef {import("./workloads.mjs").Figures} Figures */

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    minutes: { type: "string" },
    only: { type: "string" },
    small: { type: "boolean", default: false },
    "no-write": { type: "boolean", default: false },
  },
});
const rounds = Number(args.rounds ?? (args.quick ? 2 : 5));
const budgetMs = Number(args.minutes ?? (args.quick ? 2.7 : 22)) * 60_000;
const chosen = args.only?.split(",") ?? systemNames.filter((name) => !args.quick || systems[name]?.isQuick);

/** What Ledger is to be near to comes right after it: the machine is least likely to have changed by then. */
const nearest = ["ledger", "bare-engine", "yjs-channel"];
const inTurn = [
  ...nearest.filter((name) => chosen.includes(name)),
  ...chosen.filter((name) => !nearest.includes(name)),
];

/** A system that has taken so long is not measured again: it would keep the others from their rounds. */
const systemBudgetMs = args.quick ? budgetMs : budgetMs / 5;

const startedAt = new Date();
await build({ configFile: fromHere("vite.config.ts") });
const pages = await servePages(fromHere("dist"));
const stopSignaling = await startSignaling(chosen);
const loadBefore = loadavg();
/** @type {Record<string, Figures[]>} */
const figures = Object.fromEntries(chosen.map((name) => [name, []]));
/** Milliseconds that each system took, all rounds together. @type {Map<string, number>} */
const takenMs = new Map();

/** What comes first would otherwise pay for reading the browser from the disk. */
const warmUp = async () => {
  for (const name of chosen) await (await openPeer(pageOf(name).url)).close();
};

/** Held against each other where a flush of the disk is nearly all: their writes take turns. */
const writersInTurn = ["ledger", "bare-engine"];

/** W1 of the present round. @type {Record<string, number>} */
let singles = {};

const pageOf = (/** @type {string} */ name) => ({ name, url: `${pages.url}/pages/${name}.html` });

/** @param {string} name @param {number} round */
const measureOnce = async (name, round) => {
  const beganMs = Date.now();
  if (singles[name] === undefined) {
    const inTurn = writersInTurn.filter((other) => chosen.includes(other));
    const together = inTurn.includes(name) ? inTurn : [name];
    // What one of them writes without the other is of another time.
    if (together.every((other) => hasTime(other, round))) {
      Object.assign(singles, await measureSingles(together.map(pageOf)));
    }
  }
  const isHopeless = round > 0 && figures[name]?.[0]?.w3 === undefined;
  const w1 = singles[name];
  const rest = await measure(name, pageOf(name).url, { isHopeless, withLarge: !args.small });
  const measured = { ...(w1 === undefined ? {} : { w1 }), ...rest };
  figures[name]?.push(measured);
  const tookMs = Date.now() - beganMs;
  takenMs.set(name, (takenMs.get(name) ?? 0) + tookMs);
  const texts = Object.entries(measured).map(([key, value]) => `${key} ${value.toPrecision(3)}`);
  console.log(`round ${round + 1} ${name}: ${texts.join(", ")} (${(tookMs / 1000).toFixed(0)} s)`);
};

/** Whether a system may take part in another round. @param {string} name @param {number} round */
const hasTime = (name, round) => {
  const spentMs = takenMs.get(name) ?? 0;
  const expectedMs = spentMs / Math.max(1, figures[name]?.length ?? 0);
  return (
    round === 0 || (spentMs + expectedMs <= systemBudgetMs && Date.now() - startedAt.getTime() + expectedMs <= budgetMs)
  );
};

try {
  await warmUp();
  for (let round = 0; round < rounds; round += 1) {
    singles = {};
    for (const name of inTurn) {
      if (!hasTime(name, round)) {
        console.log(`round ${round + 1} ${name}: left out, to keep within ${(budgetMs / 60_000).toFixed(0)} minutes`);
        continue;
      }
      try {
        await measureOnce(name, round);
      } catch (error) {
        console.error(`round ${round + 1} ${name} failed:`, error);
        process.exitCode = 1;
      }
    }
  }
} finally {
  stopSignaling();
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
  shippedKilobytes: Object.fromEntries(chosen.map((name) => [name, pages.shippedBytes(name) / 1000])),
  figures,
};
console.log(`\n${report(results).markdown}`);
if (!args["no-write"]) {
  await mkdir(fromHere("results"), { recursive: true });
  await writeFile(
    fromHere(`results/${args.quick ? "quick" : "full"}.json`),
    `${JSON.stringify(results, undefined, 2)}\n`,
  );
  if (!args.quick && args.only === undefined) await publish(results);
}
