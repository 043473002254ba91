/** Builds the pages of the browser tests, and serves them on a free port: see support/global-setup.ts. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { shared } from "../vite.config.ts";

const fromRoot = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  ...shared,
  root: fromRoot(""),
  appType: "mpa",
  logLevel: "warn",
  // React's StrictMode checks nothing in a build for production.
  define: { "process.env.NODE_ENV": '"development"' },
  build: {
    // Each run has its own: two runs at a time would rewrite each other's.
    outDir: fromRoot(`.tmp/e2e-dist-${process.pid}`),
    emptyOutDir: true,
    target: "es2023",
    rolldownOptions: {
      input: [
        "e2e/app/index.html",
        "e2e/app/react.html",
        "test/browser/database/index.html",
        "test/browser/transport/index.html",
        "e2e/app/plant-keys.ts",
      ].map(fromRoot),
      // A script that a test adds to a page needs a name that the test knows.
      output: { entryFileNames: (chunk) => (chunk.name === "plant-keys" ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
  preview: { port: 0, host: "localhost" },
});
