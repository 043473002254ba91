// @ts-check
/**
 * Measures what a person feels, between two Chromium processes of this machine: from connect() to the peer's
 * `peer-ready`, and from a write to the other side's `sync` event. Prints p50 and p95 of 100 each.
 * Each has a profile on disk: in the off-the-record contexts of tests every access to a file asks another process, which
 * makes a write ten times slower than people see it.
 * On a shared machine compare runs with each other, not with other machines.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { createServer } from "vite";
import { findBrowser } from "./browsers.mjs";

const rounds = 100;
const port = 18_081;
const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** @param {readonly number[]} values */
const percentiles = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${at(1)} ms, ${sorted.length} rounds`;
};

/**
 * @param {import("@playwright/test").Page} page
 * @param {string} method
 * @param {...unknown} args
 * @returns {Promise<{ atMs: number, value: any }>} when it was called, by the page's clock, and what it answered
 */
const call = (page, method, ...args) =>
  page.evaluate(async ([m, a]) => {
    const atMs = performance.timeOrigin + performance.now();
    const outcome = await window.callLedger("main", /** @type {any} */ (m), a);
    if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
    return { atMs, value: outcome.value };
  }, /** @type {const} */ ([method, args]));

/**
 * When the page saw its `count`th event of a name.
 * @param {import("@playwright/test").Page} page
 * @param {string} name
 * @param {number} count
 */
const seenAt = async (page, name, count) => {
  const handle = await page.waitForFunction(
    ([n, c]) => window.ledgers.get("main")?.events.filter((event) => event.name === n)[c - 1]?.atMs,
    /** @type {const} */ ([name, count]),
    { polling: 5 },
  );
  return /** @type {number} */ (await handle.jsonValue());
};

const signaling = spawn(process.execPath, [fromHere("../signaling-server/src/main.js")], {
  env: { ...process.env, PORT: String(port), CONNECTS_PER_SECOND: "1000", CONNECT_BURST: "1000" },
  stdio: ["ignore", "pipe", "inherit"],
});
await once(createInterface({ input: signaling.stdout }), "line");
const vite = await createServer({
  configFile: fromHere("../e2e/vite.config.ts"),
  cacheDir: fromHere("../.tmp/latency-vite"),
});
await vite.listen();
const address = vite.httpServer?.address();
const url = `http://localhost:${typeof address === "object" ? address?.port : ""}/e2e/app/`;
/** @type {{ readonly context: import("@playwright/test").BrowserContext, readonly profile: string }[]} */
const opened = [];

try {
  const options = {
    signalingUrl: `ws://localhost:${port}`,
    token: Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url"),
  };
  const open = async () => {
    const profile = await mkdtemp(join(tmpdir(), "ledger-latency-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: findBrowser("chromium") ?? "",
      args: ["--no-sandbox", "--disable-gpu"],
    });
    opened.push({ context, profile });
    const page = await context.newPage();
    await page.goto(url);
    await page.waitForFunction(() => typeof window.openLedger === "function");
    await page.evaluate((o) => void window.openLedger("main", o), options);
    await call(page, "init");
    await call(page, "exec", "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY NOT NULL, title TEXT)");
    await call(page, "enableSync", "notes");
    return page;
  };
  const alice = await open();
  const bob = await open();
  await call(alice, "connect");

  /** @type {number[]} */
  const connects = [];
  for (let round = 1; round <= rounds; round += 1) {
    const { atMs } = await call(bob, "connect");
    connects.push((await seenAt(bob, "peer-ready", round)) - atMs);
    if (round === rounds) break;
    await call(bob, "disconnect");
    await seenAt(alice, "peer-leave", round);
  }
  console.log(`connect() to peer-ready:  ${percentiles(connects)}`);

  /** @type {number[]} */
  const writes = [];
  for (let round = 1; round <= rounds; round += 1) {
    const { atMs } = await call(alice, "exec", "INSERT INTO notes VALUES (?, 'a note')", [round]);
    writes.push((await seenAt(bob, "sync", round)) - atMs);
  }
  console.log(`write to the peer's sync: ${percentiles(writes)}`);
} finally {
  for (const { context, profile } of opened) {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
  await vite.close();
  signaling.kill();
}
