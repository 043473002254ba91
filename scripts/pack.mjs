// @ts-check
/** Packs the library as npm would publish it, and installs the tarball into an app without a network. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs a command and shows its output only when it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @returns {string} what it printed
 * @throws {Error} with everything it printed
 */
export const run = (command, args, cwd = root) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
};

/**
 * Builds and packs.
 * @param {string} directory where the tarball goes
 * @returns {string} path of the tarball
 */
export const pack = (directory) => {
  mkdirSync(directory, { recursive: true });
  run(process.execPath, ["scripts/build.mjs"]);
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", directory]);
  const tarball = readdirSync(directory).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no tarball");
  return join(directory, tarball);
};

/**
 * What `npm install <tarball>` does for a package without dependencies.
 * @param {string} tarball
 * @param {string} app directory of the app
 */
export const install = (tarball, app) => {
  const target = join(app, "node_modules/ledger");
  mkdirSync(target, { recursive: true });
  run("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
};
