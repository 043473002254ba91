/** Serves the pages of the browser tests from source. Started on a free port by support/global-setup.ts. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { shared } from "../vite.config.ts";

export default defineConfig({
  ...shared,
  root: fileURLToPath(new URL("..", import.meta.url)),
  // Each run has its own cache: two runs at a time would rewrite each other's.
  cacheDir: fileURLToPath(new URL(`../.tmp/e2e-vite-${process.pid}`, import.meta.url)),
  appType: "mpa",
  logLevel: "warn",
  // No watching: a source file that changes during a run must not reload the page under a test.
  server: { port: 0, hmr: false, ws: false, watch: null },
  optimizeDeps: {
    ...shared.optimizeDeps,
    include: [...shared.optimizeDeps.include, "react", "react-dom/client"],
    entries: ["e2e/app/*.html"],
  },
});
