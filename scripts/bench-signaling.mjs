// @ts-check
/**
 * `npm run bench:signaling`: our signaling server beside y-webrtc's and peerjs', under the same load in the same run.
 * Two rounds, the better figure of each counts; under three minutes. Absolute figures mean little on a shared machine; the ratios do. Linux only: reads /proc.
 * SOCKETS=8000 holds more; each takes two file descriptors (ulimit -n).
 */

import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../bench/signaling", import.meta.url));

const load = {
  sockets: Number(process.env["SOCKETS"] ?? 4_000),
  pairs: 100,
  seconds: 4,
  returning: 2_000,
  phaseLimitMs: 15_000,
};
/** So that the client's own code is compiled before the first server is measured. */
const warmUp = { sockets: 200, pairs: 100, seconds: 1, returning: 100, phaseLimitMs: 5_000 };
/** No second round is begun after this. */
const secondRoundLimitMs = 80_000;

if (process.platform !== "linux") throw new Error("bench:signaling reads /proc and runs on Linux only");
if (!existsSync(`${folder}/node_modules/y-webrtc`)) {
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error("the neighbours' servers could not be installed");
}

/** @typedef {Awaited<ReturnType<typeof import("../bench/signaling/measure.mjs").measure>>} Result */
/** @type {[string, (result: Result) => string][]} */
const rows = [
  ["sockets held", ({ sockets }) => String(sockets)],
  ["joined per second", ({ connectsPerSecond }) => connectsPerSecond.toFixed(0)],
  ["memory, empty (MiB)", ({ emptyMiB }) => emptyMiB.toFixed(1)],
  ["memory per socket (KiB)", ({ kiBPerSocket }) => kiBPerSocket.toFixed(1)],
  ["memory, after messages (MiB)", ({ busyMiB }) => busyMiB.toFixed(1)],
  ["messages per second", ({ messagesPerSecond }) => messagesPerSecond.toFixed(0)],
  [
    `${load.returning} clients back after (s)`,
    ({ backMs = Number.POSITIVE_INFINITY }) =>
      Number.isFinite(backMs) ? (backMs / 1000).toFixed(1) : `> ${load.phaseLimitMs / 1000}`,
  ],
];

const { contenders } = await import("../bench/signaling/servers.mjs");
const { measure } = await import("../bench/signaling/measure.mjs");
const startedMs = performance.now();
for (const contender of contenders) await measure(contender, warmUp);

/** @type {Map<string, Result[]>} */
const resultsByName = new Map(contenders.map(({ name }) => [name, []]));
for (const order of [contenders, contenders.toReversed()]) {
  if (order !== contenders && performance.now() - startedMs > secondRoundLimitMs) break;
  for (const contender of order) {
    console.log(`${contender.name} …`);
    resultsByName.get(contender.name)?.push(await measure(contender, load));
  }
}

/**
 * Of two rounds the better figure, which is the one less disturbed by whatever else the machine did.
 * @param {Result[]} rounds
 * @returns {Result}
 */
const best = (rounds) => ({
  name: rounds[0]?.name ?? "",
  sockets: Math.max(...rounds.map(({ sockets }) => sockets)),
  connectsPerSecond: Math.max(...rounds.map(({ connectsPerSecond }) => connectsPerSecond)),
  emptyMiB: Math.min(...rounds.map(({ emptyMiB }) => emptyMiB)),
  kiBPerSocket: Math.min(...rounds.map(({ kiBPerSocket }) => kiBPerSocket)),
  busyMiB: Math.min(...rounds.map(({ busyMiB }) => busyMiB)),
  messagesPerSecond: Math.max(...rounds.map(({ messagesPerSecond }) => messagesPerSecond)),
  backMs: Math.min(...rounds.map(({ backMs }) => backMs ?? Number.POSITIVE_INFINITY)),
});
const results = [...resultsByName.values()].map(best);

const table = [["", ...results.map(({ name }) => name)], ...rows.map(([label, read]) => [label, ...results.map(read)])];
console.log(`\nNode ${process.version}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, 1 KiB messages\n`);
for (const [label = "", ...cells] of table)
  console.log(label.padEnd(32) + cells.map((cell) => cell.padStart(12)).join(""));
process.exit(0);
