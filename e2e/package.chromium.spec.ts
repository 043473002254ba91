/**
 * The packed tarball in an app of its own, outside this repository: an empty Vite project without any configuration.
 * Types, publint and Node are scripts/check-package.mjs.
 */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "@playwright/test";
import { build, createServer, preview } from "vite";
import type { Ledger } from "../src/index.ts";
import { install, pack } from "../scripts/pack.mjs";
import { countBroadcasts } from "./support/broadcasts.ts";
import { expect, test } from "./support/test.ts";

const main = `
import { Ledger } from "ledger";

window.start = async (signalingUrl, token) => {
  window.db = new Ledger({ signalingUrl, token });
  await db.init();
  await db.exec("CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY NOT NULL, title TEXT)");
  await db.enableSync("notes");
  await db.connect();
  return db.status().storage;
};
`;

declare global {
  interface Window {
    db: Ledger;
    start(signalingUrl: string, token: string): Promise<unknown>;
  }
}

let directory: string;
let app: string;

test.describe.configure({ mode: "serial" });

test.beforeAll(() => {
  test.setTimeout(120_000);
  directory = mkdtempSync(join(tmpdir(), "ledger-app-"));
  app = join(directory, "app");
  mkdirSync(join(app, "node_modules"), { recursive: true });
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  writeFileSync(
    join(app, "index.html"),
    '<!doctype html><title>App</title><script type="module" src="/main.js"></script>',
  );
  writeFileSync(join(app, "main.js"), main);
  const vite = dirname(createRequire(import.meta.url).resolve("vite/package.json"));
  symlinkSync(vite, join(app, "node_modules/vite"));
  install(pack(join(directory, "tarball")), app);
});

test.afterAll(() => rmSync(directory, { recursive: true, force: true }));

const notes = (page: Page): Promise<unknown> =>
  page.evaluate(async () => (await window.db.exec("SELECT id, title FROM notes ORDER BY id")).rows);

/** Two pages of the app at `url`, in contexts of their own, must converge. */
const expectConvergence = async (pages: readonly Page[], url: string, room: readonly [url: string, token: string]) => {
  for (const page of pages) {
    page.on("pageerror", (error) => console.error(`page: ${error.stack ?? error.message}`));
    await page.goto(url);
    await page.waitForFunction(() => typeof window.start === "function");
    expect(await page.evaluate(([signalingUrl, token]) => window.start(signalingUrl, token), room)).toBe("opfs");
  }
  for (const [index, page] of pages.entries()) {
    await page.evaluate((i) => window.db.exec("INSERT INTO notes VALUES (?, ?)", [`note ${i}`, `by page ${i}`]), index);
  }
  const expected = pages.map((_, index) => ({ id: `note ${index}`, title: `by page ${index}` }));
  for (const page of pages) await expect.poll(() => notes(page)).toEqual(expected);
};

/** Another tab beside `first` must reach it by a port: the worker's file is found as a SharedWorker, too. */
const expectPort = async (first: Page | undefined, url: string, room: readonly [url: string, token: string]) => {
  const page = await first?.context().newPage();
  if (page === undefined) throw new Error("there is no first page");
  await countBroadcasts(page);
  await page.goto(url);
  await page.waitForFunction(() => typeof window.start === "function");
  await page.evaluate(([signalingUrl, token]) => window.start(signalingUrl, token), room);
  expect(await page.evaluate(() => window.db.status().role)).toBe("follower");
  const broadcastsOfCalls = (): Promise<number> =>
    page.evaluate(async () => {
      const before = window.broadcasts;
      for (let n = 0; n < 10; n += 1) await window.db.exec("SELECT 1");
      return window.broadcasts - before;
    });
  await expect.poll(broadcastsOfCalls).toBe(0);
};

test("works in an app that Vite builds", async ({ browser, signaling, token }) => {
  test.setTimeout(120_000);
  await build({ root: app, configFile: false, logLevel: "error" });
  const server = await preview({ root: app, configFile: false, logLevel: "error", preview: { port: 0 } });
  const contexts = [await browser.newContext(), await browser.newContext()];
  try {
    const pages = await Promise.all(contexts.map((context) => context.newPage()));
    const url = server.resolvedUrls?.local[0] ?? "";
    await expectConvergence(pages, url, [signaling.url, token]);
    await expectPort(pages[0], url, [signaling.url, token]);
  } finally {
    for (const context of contexts) await context.close();
    await server.close();
  }
});

test("works in an app that Vite's development server serves", async ({ browser, signaling, token }) => {
  test.setTimeout(120_000);
  const server = await createServer({ root: app, configFile: false, logLevel: "error", server: { port: 0 } });
  await server.listen();
  const contexts = [await browser.newContext(), await browser.newContext()];
  try {
    const pages = await Promise.all(contexts.map((context) => context.newPage()));
    const url = server.resolvedUrls?.local[0] ?? "";
    await expectConvergence(pages, url, [signaling.url, token]);
    await expectPort(pages[0], url, [signaling.url, token]);
  } finally {
    for (const context of contexts) await context.close();
    await server.close();
  }
});
