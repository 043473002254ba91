// @ts-check
/** `npm test`: unit tests, then browser tests. The second run even when the first fail, so that one run tells all. */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

// Results of an earlier run must not pass for this one's.
for (const file of ["vitest.json", "playwright.json"]) rmSync(`${root}/test-results/${file}`, { force: true });

const failed = ["test:unit", "test:e2e"].filter(
  (script) => spawnSync("npm", ["run", script], { cwd: root, stdio: "inherit" }).status !== 0,
);
spawnSync(process.execPath, ["scripts/sum-results.mjs"], { cwd: root, stdio: "inherit" });
if (failed.length > 0) process.exitCode = 1;
