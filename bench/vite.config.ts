/** Builds one page per system, as an app would be built; in the mode `profile` with names that can be read. */

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { systemNames } from "./systems.mjs";

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => {
  const isProfile = mode === "profile";
  const pages = isProfile ? ["ledger"] : systemNames;
  return {
    root: fromHere("."),
    base: "./",
    logLevel: "warn",
    resolve: {
      alias: [
        // The package as it is published, not its sources.
        { find: /^ledger$/, replacement: fromHere(isProfile ? "../src/index.ts" : "../dist/index.js") },
      ],
    },
    worker: { format: "es" },
    build: {
      outDir: fromHere("dist"),
      emptyOutDir: true,
      target: "es2023",
      minify: !isProfile,
      rollupOptions: { input: Object.fromEntries(pages.map((name) => [name, fromHere(`pages/${name}.html`)])) },
    },
  };
});
