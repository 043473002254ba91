/** `npm run test:sim -- --seeds 20000 [--first 1]`: random histories of replicas with the real engine. */

import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "500" }, first: { type: "string", default: "1" } },
});
const { status } = spawnSync("npx", ["vitest", "run", "test/simulation/simulation.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, LEDGER_SIM_SEEDS: values.seeds, LEDGER_SIM_FIRST_SEED: values.first },
});
process.exitCode = status ?? 1;
