/**
 * Browser tests: real browsers, real WebRTC, the real signaling server.
 * `*.spec.ts` runs in Chromium and in Firefox, `*.chromium.spec.ts` and `*.firefox.spec.ts` in that browser only, and
 * `*.cross.spec.ts` has Chromium from its project and launches Firefox itself.
 */

import { defineConfig } from "@playwright/test";
import { chromiumOptions, firefoxOptions } from "./e2e/support/launch.ts";

const only = { chromium: /\.chromium\.spec\.ts$/, firefox: /\.firefox\.spec\.ts$/, cross: /\.cross\.spec\.ts$/ };

export default defineConfig({
  testDir: "e2e",
  // What takes minutes has a script of its own.
  testMatch: process.env["LEDGER_LONG"] === "true" ? /\.long\.spec\.ts$/ : /(?<!\.long)\.spec\.ts$/,
  globalSetup: "./e2e/support/global-setup.ts",
  outputDir: "test-results/e2e",
  reporter: [["list"], ["json", { outputFile: "test-results/playwright.json" }]],
  fullyParallel: true,
  forbidOnly: process.env["CI"] === "true",
  // More than cores: a browser test waits more than it works.
  workers: Number(process.env["LEDGER_E2E_WORKERS"] ?? 3),
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 20_000 },
  use: { baseURL: process.env["LEDGER_E2E_URL"], trace: "off", screenshot: "only-on-failure" },
  projects: [
    {
      name: "chromium",
      testIgnore: [only.firefox, only.cross],
      use: { browserName: "chromium", launchOptions: chromiumOptions },
    },
    {
      name: "firefox",
      testIgnore: [only.chromium, only.cross],
      // Of the demo what depends on the browser: links, storage and tabs. Its document and its styles are the same.
      grepInvert: /demo\.spec\.ts (?!brings a note|keeps what both|keeps the notes|shows the same notes)/,
      use: { browserName: "firefox", channel: "moz-firefox", launchOptions: firefoxOptions },
    },
    {
      name: "cross",
      testMatch: only.cross,
      use: { browserName: "chromium", launchOptions: chromiumOptions },
    },
  ],
});
