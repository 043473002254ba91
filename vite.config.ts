/** The notes demo: `npm run dev`, `npm run build:demo`. The library itself is built by scripts/build.mjs. */

import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";
import { notesServiceWorker } from "./demo/service-worker-plugin.ts";

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What every Vite server of this repository needs; e2e uses it as well. */
export const shared = {
  resolve: {
    // The demo and the test pages import the library by its package name and get its sources.
    alias: [
      { find: /^ledger$/, replacement: fromHere("src/index.ts") },
      { find: /^ledger\/testing$/, replacement: fromHere("src/testing.ts") },
      { find: /^ledger\/kysely$/, replacement: fromHere("src/kysely.ts") },
      { find: /^ledger\/drizzle$/, replacement: fromHere("src/drizzle.ts") },
      { find: /^ledger\/react$/, replacement: fromHere("src/react.ts") },
    ],
  },
  worker: { format: "es" },
  optimizeDeps: {
    // Named here because a dependency found late makes Vite reload the page.
    include: ["idb-keyval", "nanoevents", "simple-peer/simplepeer.min.js"],
    // Its glue finds the wasm file beside itself, so it has to stay where it is.
    exclude: ["@vlcn.io/wa-sqlite"],
  },
} satisfies UserConfig;

export default defineConfig({
  ...shared,
  root: fromHere("demo"),
  base: "./",
  plugins: [notesServiceWorker()],
  server: { port: 3000, strictPort: true },
  preview: { port: 3000, strictPort: true },
  build: { outDir: fromHere("demo-dist"), emptyOutDir: true, target: "es2023" },
});
