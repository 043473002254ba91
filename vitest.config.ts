/** Unit, conformance and simulation tests, in Node with the real engine. Browser tests: playwright.config.ts. */

import { defineConfig } from "vitest/config";
import { shared } from "./vite.config.ts";

export default defineConfig({
  resolve: shared.resolve,
  test: {
    include: ["test/**/*.test.ts", "signaling-server/test/**/*.test.{js,ts}"],
    reporters: ["default", "json"],
    outputFile: { json: "test-results/vitest.json" },
    // Vitest leaves one core to a watcher; here nobody watches.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
