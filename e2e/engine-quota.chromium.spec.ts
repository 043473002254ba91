/** A browser that gives no more space. Chromium only: its protocol can set the quota of an origin. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, expect, test } from "@playwright/test";
import { chromiumOptions } from "./support/launch.ts";
import type { WorkerTask } from "../test/browser/database/worker.ts";

test("a database in OPFS refuses what does not fit, keeps the rest and goes on when there is space", async ({
  baseURL,
}) => {
  // The quota of other contexts cannot be set: it needs a profile on disk.
  const profile = await mkdtemp(join(tmpdir(), "ledger-quota-"));
  const context = await chromium.launchPersistentContext(profile, chromiumOptions);
  try {
    const page = await context.newPage();
    await page.goto(new URL("/test/browser/database/", baseURL).href);
    await page.waitForFunction(() => window.perform !== undefined);
    const perform = (task: WorkerTask) => page.evaluate((given) => window.perform(given), task);
    const browser = await context.newCDPSession(page);
    const setQuota = (quotaSize?: number) =>
      browser.send("Storage.overrideQuotaForOrigin", {
        origin: new URL(page.url()).origin,
        ...(quotaSize === undefined ? {} : { quotaSize }),
      });
    const inspect: WorkerTask = { type: "inspect", ladder: ["opfs"], databaseName: "quota" };
    await perform(inspect);

    await setQuota(3_000_000);
    const filled = await perform({ type: "fill", storage: "opfs", databaseName: "quota", maxRows: 100 });
    await setQuota();

    expect(filled).toMatchObject({ code: "LEDGER_QUOTA_EXCEEDED" });
    const { acknowledged, rows } = filled as { readonly acknowledged: number; readonly rows: number };
    expect(rows).toBe(acknowledged);
    expect(await perform(inspect)).toMatchObject({ rows: acknowledged, integrity: "ok" });
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});
