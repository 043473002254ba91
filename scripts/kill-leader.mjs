// @ts-check
/** `npm run test:kill -- --rounds 200`: kills leading tabs for longer than the ordinary run of the browser tests does. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "200" } } });
const root = fileURLToPath(new URL("..", import.meta.url));
const { status } = spawnSync("npx", ["playwright", "test", "kill-leader", "--project=chromium", "--reporter=list"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, LEDGER_KILL_ROUNDS: values.rounds },
});
process.exitCode = status ?? 1;
