// @ts-check
/**
 * Renews docs/images: `node demo/take-screenshots.mjs`. Drives the built demo in Chromium, against the real signaling
 * server; names and colours of the people differ from run to run.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import { findBrowser } from "../scripts/browsers.mjs";
import { buildDemo, serveDemo } from "./serve-demo.mjs";

/** @import { Browser, Page } from "@playwright/test" */

const images = fileURLToPath(new URL("../docs/images/", import.meta.url));
const serverMain = fileURLToPath(new URL("../signaling-server/src/main.js", import.meta.url));
const signalingPort = 18_437;
const together = "Everyone sees the same notes";

/** Oldest first: title, text, age in minutes. */
const notes = /** @type {const} */ ([
  ["Books to pass on", "The Left Hand of Darkness, The Wall, A Month in the Country.", 4320],
  ["Garden", "Move the figs inside before the first frost. Ida has a spare pot.", 1500],
  ["House sitting", "Keys are with Ida, third floor.\nThe tap in the kitchen drips: turn it hard to the left.", 320],
  ["Sunday lunch", "Lentil soup for six. Ask Miro about bread.", 47],
  [
    "Cabin weekend",
    "Train at 9:12, platform 4. Two hours, then the bus up the valley.\n\nBring\n· the good torch\n· rain jackets\n· coffee, the small pot\n· a book nobody will read\n\nAnna has the map.",
    6,
  ],
]);

/**
 * @param {Browser} browser
 * @param {string} url
 * @param {import("@playwright/test").BrowserContextOptions} options
 */
const openWindow = async (browser, url, options) => {
  const context = await browser.newContext({ deviceScaleFactor: 2, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("body:not([aria-busy])").waitFor();
  return page;
};

/**
 * Writes the notes with the clock turned back. Offline, so that nothing that looks at the time is confused.
 * @param {Page} page
 */
const writeNotes = async (page) => {
  const nowMs = Date.now();
  await page.getByRole("switch").click();
  for (const [title, text, ageMinutes] of notes) {
    await page.clock.setFixedTime(nowMs - ageMinutes * 60_000);
    await page.getByRole("button", { name: "New note" }).click();
    await page.getByLabel("Title", { exact: true }).fill(title);
    await page.getByLabel("Text", { exact: true }).fill(text);
    await page.getByText("Saved in this browser", { exact: true }).waitFor();
  }
  await page.clock.setFixedTime(nowMs);
  await page.getByRole("switch").click();
};

/** @param {readonly Page[]} windows */
const waitTogether = async (...windows) => {
  for (const page of windows) await page.locator("#badge").filter({ hasText: together }).waitFor();
};

/**
 * Puts screenshots side by side on one sheet, as windows with round corners.
 * @param {Browser} browser
 * @param {readonly Page[]} windows
 * @param {{ readonly path: string, readonly background: string, readonly radius: number }} look
 */
const compose = async (browser, windows, { path, background, radius }) => {
  const shots = await Promise.all(windows.map((page) => page.screenshot()));
  const context = await browser.newContext({ deviceScaleFactor: 1.2, viewport: { width: 2000, height: 1000 } });
  const sheet = await context.newPage();
  const pictures = shots.map((shot, index) => {
    const width = windows[index]?.viewportSize()?.width ?? 0;
    return `<img width="${width}" src="data:image/png;base64,${shot.toString("base64")}">`;
  });
  await sheet.setContent(`
    <style>
      body { margin: 0 }
      main { display: inline-flex; gap: 28px; padding: 36px; background: ${background} }
      img { border-radius: ${radius}px; box-shadow: 0 0 0 1px rgb(0 0 0 / 10%), 0 2px 0 rgb(0 0 0 / 8%) }
    </style>
    <main>${pictures.join("")}</main>`);
  await sheet.locator("main").screenshot({ path });
  await context.close();
};

/**
 * @param {Browser} browser
 * @param {string} site
 */
const takeAll = async (browser, site) => {
  const start = `${site}?signaling=${encodeURIComponent(`ws://localhost:${signalingPort}`)}`;
  const half = { width: 800, height: 640 };
  const phone = { width: 390, height: 720 };

  const alice = await openWindow(browser, start, { viewport: half, colorScheme: "light" });
  await writeNotes(alice);
  const room = await alice.getByLabel("Invitation link").inputValue();
  const bob = await openWindow(browser, room, { viewport: half, colorScheme: "light" });
  for (const page of [alice, bob]) await page.locator(".entry", { hasText: "Sunday lunch" }).click();
  await bob.mouse.move(600, 500);
  await alice.mouse.move(600, 500);
  await bob.getByLabel("Text", { exact: true }).press("ControlOrMeta+End");
  await bob.keyboard.type("\n\nMiro brings two loaves and the good butter.");
  await alice.locator(".entry", { hasText: "two loaves" }).waitFor();
  await alice.locator("#new-note").focus();
  await alice.locator(".is-new").waitFor({ state: "detached" });
  await waitTogether(alice, bob);
  const twoWindows = { path: join(images, "demo-light.png"), background: "#dcd7ca", radius: 12 };
  await compose(browser, [alice, bob], twoWindows);

  const wide = await openWindow(browser, room, {
    viewport: { width: 1280, height: 800 },
    colorScheme: "dark",
    deviceScaleFactor: 1.5,
  });
  await wide.locator(".entry", { hasText: "Cabin weekend" }).click();
  await waitTogether(wide);
  await wide.screenshot({ path: join(images, "demo-dark.png") });

  const list = await openWindow(browser, room, { viewport: phone, colorScheme: "light", hasTouch: true });
  await waitTogether(list);
  const editor = await openWindow(browser, room, { viewport: phone, colorScheme: "light", hasTouch: true });
  await editor.locator(".entry", { hasText: "Cabin weekend" }).click();
  const people = await openWindow(browser, room, { viewport: phone, colorScheme: "dark", hasTouch: true });
  await people.getByRole("button", { name: "Room" }).click();
  await waitTogether(list, editor, people);
  await compose(browser, [list, editor, people], {
    path: join(images, "demo-phone.png"),
    background: "#dcd7ca",
    radius: 28,
  });
};

const folder = await mkdtemp(join(tmpdir(), "ledger-demo-"));
const signaling = spawn(process.execPath, [serverMain], {
  env: { ...process.env, PORT: String(signalingPort) },
  stdio: ["ignore", "pipe", "inherit"],
});
const executablePath = findBrowser("chromium");
const browser = await chromium.launch({
  ...(executablePath === undefined ? {} : { executablePath }),
  args: ["--no-sandbox", "--disable-gpu", "--disable-features=WebRtcHideLocalIpsWithMdns"],
});
try {
  await buildDemo(folder);
  await once(signaling.stdout, "data");
  const site = await serveDemo(folder);
  await takeAll(browser, site.url);
  await site.close();
} finally {
  await browser.close();
  signaling.kill();
  await rm(folder, { recursive: true, force: true });
}
