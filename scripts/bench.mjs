// @ts-check
/**
 * `npm run bench`: Ledger beside its neighbours and the limits, under 25 minutes; `npm run bench -- --quick`: Ledger and the
 * limits, under 3. `npm run bench:profile`: CPU profiles of a first sync. Installs what bench/ compares with, builds the
 * package, and passes the arguments on.
 */

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const fromRoot = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const bench = fromRoot("bench");

/** @param {string} command @param {readonly string[]} args @param {string} cwd */
const run = (command, args, cwd) => {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

const [script = "run", ...args] = process.argv.slice(2);
const installed = `${bench}/node_modules/.package-lock.json`;
const isInstalled = existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${bench}/package.json`).mtimeMs;
if (!isInstalled) run("npm", ["ci", "--no-audit", "--no-fund"], bench);
run(process.execPath, [fromRoot("scripts/build.mjs")], fromRoot("."));
run(process.execPath, [`${bench}/${script}.mjs`, ...args], fromRoot("."));
