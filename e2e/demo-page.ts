/** The notes demo as a person sees it: a `test` that serves its build, and a page with names for its parts. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { BrowserContext, BrowserContextOptions, Locator, Page } from "@playwright/test";
import { buildDemo, serveDemo } from "../demo/serve-demo.mjs";
import { expect, test as base } from "./support/test.ts";

export { expect } from "./support/test.ts";

export interface NotesPage {
  readonly page: Page;
  readonly title: Locator;
  readonly text: Locator;
  readonly badge: Locator;
  readonly search: Locator;
  readonly online: Locator;
  /** Everybody else in the room. */
  readonly others: Locator;
  /** Entries of the list, last edited first. */
  readonly entries: Locator;
  entry(title: string): Locator;
  /** Who this window is, such as "Teal Otter". */
  name(): Promise<string>;
  /** Makes a note and waits until it is saved. */
  write(title: string, text: string): Promise<void>;
}

const notesPage = (page: Page): NotesPage => {
  const entries = page.getByRole("list", { name: "Notes, last edited first" }).getByRole("button");
  const title = page.getByLabel("Title", { exact: true });
  const text = page.getByLabel("Text", { exact: true });
  return {
    page,
    title,
    text,
    entries,
    badge: page.locator("#badge"),
    search: page.getByRole("searchbox", { name: "Search notes" }),
    online: page.getByRole("switch", { name: "Online" }),
    others: page.locator("#people > li"),
    entry: (words) => entries.filter({ hasText: words }),
    name: () => page.locator("#you-name").innerText(),
    write: async (newTitle, newText) => {
      // Firefox gives the focus to the window in front only.
      await page.bringToFront();
      const newNote = page.getByRole("button", { name: "New note" });
      // On a phone the open note covers the list.
      if ((await title.isVisible()) && !(await newNote.isVisible())) await page.goBack();
      await newNote.click();
      await expect(title).toBeFocused();
      await title.fill(newTitle);
      await text.fill(newText);
      await expect(page.locator("#saved")).toHaveText("Saved in this browser");
    },
  };
};

/** Waits until the page has opened its database. */
export const expectOpen = async ({ page }: NotesPage): Promise<void> => {
  await expect(page.locator("body")).not.toHaveAttribute("aria-busy");
};

const axe = fileURLToPath(new URL("../node_modules/axe-core/axe.min.js", import.meta.url));

interface Violation {
  readonly id: string;
  readonly impact?: string | null;
  readonly nodes: readonly { readonly target: unknown; readonly failureSummary?: string }[];
}

/** What axe finds serious or worse, in short. The page's security policy lets no script in; `evaluate` may still run it. */
export const seriousViolations = async ({ page }: NotesPage): Promise<readonly string[]> => {
  await page.evaluate(await readFile(axe, "utf8"));
  const violations = await page.evaluate(async () => {
    const { axe: scanner } = window as unknown as { axe: { run(): Promise<{ violations: readonly Violation[] }> } };
    return (await scanner.run()).violations;
  });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map((node) => `${String(node.target)} ${node.failureSummary ?? ""}`).join("; ")}`,
    );
};

export interface OpenOptions extends BrowserContextOptions {
  /** Default: a fresh one, which is another computer as far as storage goes. */
  readonly context?: BrowserContext;
  /** Default: the demo that all tests share. */
  readonly site?: string;
  /** All tabs of the context are one person. */
  readonly shared?: boolean;
}

interface DemoFixtures {
  /** Opens the notes of this test's room and waits until they are there. */
  readonly openNotes: (options?: OpenOptions) => Promise<NotesPage>;
}

interface DemoWorkerFixtures {
  /** Folder of the built demo. */
  readonly demoFolder: string;
  /** Where the built demo is served. */
  readonly demoUrl: string;
}

export const test = base.extend<DemoFixtures, DemoWorkerFixtures>({
  demoFolder: [
    async ({}, use, { workerIndex }) => {
      const folder = fileURLToPath(new URL(`../.tmp/e2e-demo-${process.pid}-${workerIndex}`, import.meta.url));
      await buildDemo(folder);
      await use(folder);
    },
    { scope: "worker", timeout: 120_000 },
  ],
  demoUrl: [
    async ({ demoFolder }, use) => {
      const site = await serveDemo(demoFolder);
      await use(site.url);
      await site.close();
    },
    { scope: "worker" },
  ],
  openNotes: async ({ browser, demoUrl, signaling, token }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async ({ context, site = demoUrl, shared = false, ...options } = {}) => {
      const home = context ?? (await browser.newContext(options));
      if (context === undefined) contexts.push(home);
      const page = await home.newPage();
      page.on("pageerror", (error) => console.error(`page: ${error.stack ?? error.message}`));
      const address = new URL(site);
      if (shared) address.searchParams.set("shared", "");
      address.searchParams.set("signaling", signaling.url);
      address.hash = `ledger=${token}`;
      await page.goto(address.href);
      const notes = notesPage(page);
      await expectOpen(notes);
      return notes;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});
