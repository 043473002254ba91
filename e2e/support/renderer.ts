/** The operating system's process behind a page of Chromium, for tests that stop or kill it from outside. */

import type { CDPSession, Page } from "@playwright/test";

/** What the browser's figures are rounded to, seconds. */
const roundingSeconds = 0.011;
const attempts = 50;

/** Processor time of each renderer by its process id, seconds. */
const renderers = async (browser: CDPSession): Promise<ReadonlyMap<number, number>> => {
  const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
  return new Map(processInfo.filter(({ type }) => type === "renderer").map(({ id, cpuTime }) => [id, cpuTime]));
};

/** Best asked of a page that was just opened. Nothing tells the process of a page, but both the page and the browser tell how long a process has run. */
export const rendererPid = async (page: Page): Promise<number> => {
  const browser = page.context().browser();
  if (browser === null) throw new Error("the page has no browser");
  const [ofPage, ofBrowser] = [await page.context().newCDPSession(page), await browser.newBrowserCDPSession()];
  try {
    await ofPage.send("Performance.enable");
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const before = await renderers(ofBrowser);
      const { metrics } = await ofPage.send("Performance.getMetrics");
      const after = await renderers(ofBrowser);
      const time = metrics.find(({ name }) => name === "ProcessTime")?.value ?? Number.NaN;
      const fitting = [...after].filter(
        ([id, seconds]) => (before.get(id) ?? 0) - roundingSeconds <= time && time <= seconds + roundingSeconds,
      );
      const [only] = fitting;
      if (only !== undefined && fitting.length === 1) return only[0];
      // Two have run for equally long: this page shall have run longer.
      await page.evaluate(() => {
        const endMs = performance.now() + 30;
        while (performance.now() < endMs);
      });
    }
    throw new Error("no renderer could be told to be the page's");
  } finally {
    await ofPage.detach();
    await ofBrowser.detach();
  }
};
