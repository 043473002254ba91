// @ts-check
/**
 * `npm run test:sim -- --seeds 20000 [--from 1] [--crashes 5] [--jobs 2]`: random histories of replicas with the real
 * engine. With `--crashes`, every so many of the short histories crash at each of their places in turn. One failing seed
 * again: `npm run test:sim -- --from 4711 --seeds 1`.
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createServer } from "vite";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "500" },
    from: { type: "string", default: "1" },
    crashes: { type: "string", default: "0" },
    jobs: { type: "string", default: "2" },
  },
});
const seeds = Number(values.seeds);
const first = Number(values.from);
const crashes = Number(values.crashes);
const jobs = Number(values.jobs);
/** Histories between two reports. */
const batch = 25;

/** One job: its share of the seeds, batch by batch, to the parent. */
const work = async (/** @type {number} */ job) => {
  const vite = await createServer({
    configFile: false,
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
  const { crashEverywhere, simulateSeeds } = await vite.ssrLoadModule("/test/simulation/histories.ts");
  for (let from = first + job * batch; from < first + seeds; from += jobs * batch) {
    process.send?.(await simulateSeeds(from, Math.min(batch, first + seeds - from)));
  }
  for (let seed = first + job; seed < first + crashes; seed += jobs) {
    process.send?.({ histories: 0, failures: await crashEverywhere(seed, 1, { crashLosesEnd: seed % 2 === 0 }) });
  }
  await vite.close();
  process.disconnect?.();
};

const lead = async () => {
  const startMs = Date.now();
  let done = 0;
  /** @type {string[]} */
  const failures = [];
  const sum = { disagreed: 0, lostEnds: 0, recoveries: 0, renewals: 0, givenUp: 0, snapshots: 0 };
  const ends = Array.from({ length: jobs }, (_, job) => {
    const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
      env: { ...process.env, LEDGER_SIM_JOB: String(job) },
    });
    child.on("message", (/** @type {any} */ outcome) => {
      done += outcome.histories;
      for (const name of /** @type {(keyof typeof sum)[]} */ (Object.keys(sum))) {
        sum[name] += outcome[name] ?? 0;
      }
      for (const failure of outcome.failures) {
        failures.push(failure);
        console.log(failure);
      }
    });
    return new Promise((resolve) =>
      child.on("exit", (code, signal) => {
        if (code !== 0) console.log(`job ${job} ended early: ${signal ?? code}`);
        resolve(code);
      }),
    );
  });
  const codes = await Promise.all(ends);
  console.log(`${done} histories in ${Math.round((Date.now() - startMs) / 1000)} s, ${failures.length} failures`, sum);
  if (failures.length > 0 || codes.some((code) => code !== 0) || done !== seeds) process.exitCode = 1;
};

const job = process.env["LEDGER_SIM_JOB"];
await (job === undefined ? lead() : work(Number(job)));
