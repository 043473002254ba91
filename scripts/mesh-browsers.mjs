// @ts-check
/**
 * `npm run test:mesh -- --size 8 --cuts 3,8,20 --rows 20000`: replicas in Chromium that write without
 * pause, are cut off for so many seconds, and of which one crashes in the middle of a transfer of so many rows.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "8" },
    cuts: { type: "string", default: "3,8,20" },
    rows: { type: "string", default: "20000" },
  },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const { status } = spawnSync("npx", ["playwright", "test", "mesh.long", "--project=chromium", "--reporter=list"], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    LEDGER_LONG: "true",
    LEDGER_MESH_SIZE: values.size,
    LEDGER_MESH_CUTS: values.cuts,
    LEDGER_MESH_ROWS: values.rows,
  },
});
process.exitCode = status ?? 1;
