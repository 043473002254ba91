/** Builds one page per system, as an app would be built. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { systemNames } from "./systems.mjs";

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: fromHere("."),
  base: "./",
  logLevel: "warn",
  resolve: {
    alias: [
      // The package as it is published, not its sources.
      { find: /^ledger$/, replacement: fromHere("../dist/index.js") },
    ],
  },
  worker: { format: "es" },
  build: {
    outDir: fromHere("dist"),
    emptyOutDir: true,
    target: "es2023",
    rollupOptions: { input: Object.fromEntries(systemNames.map((name) => [name, fromHere(`pages/${name}.html`)])) },
  },
});
