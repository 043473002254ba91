/** Links over real WebRTC: the same cases as over memory, and two pages that know each other only by signals. */

import { expect, test, type Page } from "@playwright/test";
import { linkCases } from "../test/transport/link-cases.ts";

const pagePath = "/test/browser/transport/";

test.describe("a link over WebRTC", () => {
  let page: Page;
  const complaints: string[] = [];

  test.describe.configure({ mode: "serial" });
  test.beforeAll(async ({ browser, baseURL }) => {
    page = await browser.newPage(baseURL === undefined ? {} : { baseURL });
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(pagePath);
    await page.waitForFunction(() => window.linkCaseNames.length > 0);
  });
  test.afterAll(() => page.close());

  for (const { name } of linkCases) {
    test(name, async () => {
      await page.evaluate((caseName) => window.runLinkCase(caseName), name);
    });
  }

  test("writes nothing to the console", () => {
    expect(complaints).toEqual([]);
  });
});
