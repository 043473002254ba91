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
/** Histories of one process: engines leave memory behind that it never gives back, about a megabyte each. */
const mostOfProcess = 1_000;

/** @typedef {{ readonly from: number, readonly histories: number, readonly crashes: number }} Share */

/** One share, batch by batch, to the parent. */
const work = async (/** @type {Share} */ share) => {
  const vite = await createServer({
    configFile: false,
    appType: "custom",
    logLevel: "error",
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  });
  const { crashEverywhere, simulateSeeds } = await vite.ssrLoadModule("/test/simulation/histories.ts");
  const end = share.from + share.histories;
  for (let from = share.from; from < end; from += batch) {
    process.send?.(await simulateSeeds(from, Math.min(batch, end - from)));
  }
  for (let seed = share.from; seed < share.from + share.crashes; seed += 1) {
    process.send?.({ histories: 0, failures: await crashEverywhere(seed, 1, { crashLosesEnd: seed % 2 === 0 }) });
  }
  await vite.close();
  process.disconnect?.();
};

/** All the work, in shares that are small enough for every job to have some. */
const shares = () => {
  const size = Math.min(mostOfProcess, Math.ceil(seeds / jobs));
  /** @type {Share[]} */
  const all = [];
  for (let done = 0; done < seeds; done += size) {
    const histories = Math.min(size, seeds - done);
    all.push({ from: first + done, histories, crashes: 0 });
  }
  const each = Math.ceil(crashes / jobs);
  for (let done = 0; done < crashes; done += each) {
    all.push({ from: first + done, histories: 0, crashes: Math.min(each, crashes - done) });
  }
  return all;
};

const lead = async () => {
  const startMs = Date.now();
  let done = 0;
  /** @type {string[]} */
  const failures = [];
  let isBroken = false;
  const sum = { disagreed: 0, lostEnds: 0, recoveries: 0, renewals: 0, givenUp: 0, snapshots: 0 };

  const run = (/** @type {Share} */ share) => {
    const child = fork(fileURLToPath(import.meta.url), [], {
      env: { ...process.env, LEDGER_SIM_SHARE: JSON.stringify(share) },
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
        isBroken ||= code !== 0;
        if (code !== 0) console.log(`the share from ${share.from} ended early: ${signal ?? code}`);
        resolve(undefined);
      }),
    );
  };

  const waiting = shares();
  const job = async () => {
    for (let share = waiting.shift(); share !== undefined; share = waiting.shift()) await run(share);
  };
  await Promise.all(Array.from({ length: jobs }, job));
  console.log(`${done} histories in ${Math.round((Date.now() - startMs) / 1000)} s, ${failures.length} failures`, sum);
  if (failures.length > 0 || isBroken || done !== seeds) process.exitCode = 1;
};

const share = process.env["LEDGER_SIM_SHARE"];
await (share === undefined ? lead() : work(JSON.parse(share)));
