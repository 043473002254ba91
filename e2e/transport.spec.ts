/** Links over real WebRTC: the same cases as over memory, and two pages that know each other only by signals. */

import { expect, test, type Browser, type Page } from "@playwright/test";
import { linkCases } from "../test/transport/link-cases.ts";
import type { OpenedFacts } from "../test/browser/transport/page.ts";

/** Shows the test page; what it writes to the console or throws is added to `complaints`. */
const openPage = async (browser: Browser, baseURL: string | undefined, complaints: string[]): Promise<Page> => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const page = await context.newPage();
  const note = (text: string): void => {
    // Vite's client finds no web socket, which it and the browser report: the test server has none.
    if (!/\[vite\]|ws:\/\/localhost/.test(text)) complaints.push(text);
  };
  page.on("console", (message) => note(message.text()));
  page.on("pageerror", (error) => note(String(error)));
  await page.goto("/test/browser/transport/");
  await page.waitForFunction(() => window.linkCaseNames !== undefined);
  return page;
};

test.describe("a link over WebRTC", () => {
  const complaints: string[] = [];
  let page: Page;

  // One page for all cases: opening one takes longer than most of them.
  test.describe.configure({ mode: "default" });
  test.beforeAll(async ({ browser, baseURL }) => {
    page = await openPage(browser, baseURL, complaints);
  });
  test.afterEach(() => expect(complaints).toEqual([]));
  test.afterAll(() => page.context().close());

  for (const { name } of linkCases) {
    test(name, () => page.evaluate((caseName) => window.runLinkCase(caseName), name));
  }
});

test.describe("a WebRTC channel between two browser contexts", () => {
  const complaints: string[] = [];
  let alice: Page;
  let bob: Page;
  let facts: { readonly alice: OpenedFacts; readonly bob: OpenedFacts };

  test.beforeEach(async ({ browser, baseURL }) => {
    alice = await openPage(browser, baseURL, complaints);
    bob = await openPage(browser, baseURL, complaints);
    const carry = (from: Page, to: Page) =>
      from.exposeFunction("onSignalOfPage", async (signal: string) => {
        // The last candidates may come when the test is over and the other page is closed.
        if (!to.isClosed()) await to.evaluate((s) => window.signalEnd(s), signal).catch(() => {});
      });
    await Promise.all([carry(alice, bob), carry(bob, alice)]);
    // Bob first: he has to be there when the offer comes.
    const bobOpens = bob.evaluate(() => window.openEnd(false));
    facts = { alice: await alice.evaluate(() => window.openEnd(true)), bob: await bobOpens };
  });
  test.afterEach(async () => {
    await Promise.all([alice.context().close(), bob.context().close()]);
    expect(complaints).toEqual([]);
  });

  test("knows the fingerprints of both sides, and was configured with no server", () => {
    expect(facts.alice.fingerprints.local).toMatch(/^sha-256 ([0-9a-f]{2}:){31}[0-9a-f]{2}$/);
    expect(facts.alice.fingerprints.remote).toBe(facts.bob.fingerprints.local);
    expect(facts.bob.fingerprints.remote).toBe(facts.alice.fingerprints.local);
    expect([facts.alice.iceServers, facts.bob.iceServers]).toEqual([0, 0]);
  });

  test("carries 8 MiB both ways", async () => {
    const received = [alice, bob].map((page) => page.evaluate(() => window.receiveFrames(32, 262_144)));

    await Promise.all([alice, bob].map((page) => page.evaluate(() => window.sendFrames(32, 262_144))));

    await Promise.all(received);
  });

  test("tells the other side that it was closed", async () => {
    const bobClosed = bob.evaluate(() => window.endClosed());

    await alice.evaluate(() => window.closeEnd("GOODBYE"));

    expect(await bobClosed).toBe("GOODBYE");
    expect(await alice.evaluate(() => window.endClosed())).toBe("GOODBYE");
  });

  test("tells the other side that the page was reloaded", async () => {
    const bobClosed = bob.evaluate(() => window.endClosed());

    await alice.reload();

    // Chromium reports the abort of the transport as an error, Firefox as the end of the data channel.
    expect(await bobClosed).toMatch(/^(ERR_DATA_CHANNEL|closed by the peer)$/);
  });
});
