// @ts-check
/** One peer of a benchmark: a browser process of its own with its profile on disk, on the page of one system. */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { findBrowser } from "../scripts/browsers.mjs";

/** @typedef {Awaited<ReturnType<typeof openPeer>>} Peer */

/**
 * @param {string} url - of the system's page
 * @param {readonly string[]} moreArgs - for the browser
 */
export const openPeer = async (url, moreArgs = []) => {
  const profile = await mkdtemp(join(tmpdir(), "ledger-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser("chromium") ?? "",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-features=WebRtcHideLocalIpsWithMdns,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
      ...moreArgs,
    ],
  });
  /** @type {{ page?: import("@playwright/test").Page }} */
  const other = {};
  await context.exposeFunction("toOtherPeer", (/** @type {string} */ message) =>
    other.page?.evaluate((text) => window.fromOtherPeer(text), message),
  );
  const openPage = async () => {
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`  ${url}: ${error.message}`));
    await page.goto(url);
    await page.waitForFunction(() => window.bench !== undefined);
    return page;
  };
  const peer = {
    page: await openPage(),
    /** Loads the page anew, as a visitor does who comes back. */
    reopen: async () => {
      await peer.page.close();
      peer.page = await openPage();
    },
    /** @param {import("@playwright/test").Page} page */
    connectTo: (page) => {
      other.page = page;
    },
    /** Memory that the page's process, with its worker, has for itself: MiB. NaN where there is no /proc. */
    memoryMiB: async () => {
      const session = await context.browser()?.newBrowserCDPSession();
      if (session === undefined) return Number.NaN;
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      await session.detach();
      try {
        const sizes = processInfo
          .filter(({ type }) => type === "renderer")
          .map(({ id }) => /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? "0");
        return Math.max(...sizes.map(Number)) / 1024;
      } catch {
        return Number.NaN;
      }
    },
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
  return peer;
};
