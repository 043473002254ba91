/** ledger/react on a page, in StrictMode. The page is app/react.ts; what it does on a server is test/react. */

import type { Page } from "@playwright/test";
import { expect, test } from "./support/test.ts";

const open = async (page: Page): Promise<void> => {
  await page.goto("/e2e/app/react.html");
  await page.waitForFunction(() => "alice" in window);
  await expect(page.locator("#alice .status")).toHaveText("new, 0 peers");
  await expect(page.locator("#alice section")).toHaveAttribute("data-status", "loading");
  await page.evaluate(async () => {
    for (const db of [window.alice, window.bob]) {
      await db.init();
      await db.exec("CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT); CREATE TABLE other (id)");
      await db.enableSync("notes");
    }
  });
};

const add = (page: Page, id: string, title: string): Promise<unknown> =>
  page.evaluate(async ([i, t]) => window.alice.sql`INSERT INTO notes VALUES (${i}, ${t})`, [id, title] as const);

const rendersOf = (page: Page, name: string): Promise<number> =>
  page.evaluate((component) => window.renders[component] ?? 0, name);

const complaints = (page: Page): Promise<readonly string[]> => page.evaluate(() => window.complaints);

test("components show the rows of now, and render only what changed", async ({ page }) => {
  await open(page);
  const alice = page.locator("#alice");
  await add(page, "a", "apple");
  await add(page, "b", "banana");
  await expect(alice.locator("li")).toHaveText(["apple", "banana"]);
  await expect(alice.locator("section")).toHaveAttribute("data-status", "ready");
  await expect(alice.locator("output")).toHaveText(["2", "2"]);
  await expect(alice.locator("code")).toHaveText("LEDGER_SQL_ERROR");

  const [itemA, itemB, list] = [
    await rendersOf(page, "item a"),
    await rendersOf(page, "item b"),
    await rendersOf(page, "list"),
  ];
  await page.evaluate(() => window.alice.exec("INSERT INTO other VALUES (1)"));
  await page.evaluate(() => window.alice.exec("UPDATE notes SET title = 'blueberry' WHERE id = 'b'"));
  await expect(alice.locator("li")).toHaveText(["apple", "blueberry"]);
  expect(await rendersOf(page, "item a")).toBe(itemA);
  expect(await rendersOf(page, "item b")).toBeGreaterThan(itemB);
  // One render, which StrictMode makes twice.
  expect((await rendersOf(page, "list")) - list).toBe(2);

  // Other params: rows of the new question only; and back.
  await alice.locator("input").fill("b");
  await expect(alice.locator("li")).toHaveText(["blueberry"]);
  await alice.locator("input").fill("");
  await expect(alice.locator("li")).toHaveText(["apple", "blueberry"]);

  // A component that was taken away hears nothing, and one that comes back has the rows.
  await alice.locator(".toggle").click();
  const away = await rendersOf(page, "list");
  await add(page, "c", "cherry");
  await expect(alice.locator("output").first()).toHaveText("3");
  expect(await rendersOf(page, "list")).toBe(away);
  await alice.locator(".toggle").click();
  await expect(alice.locator("li")).toHaveText(["apple", "blueberry", "cherry"]);

  await page.evaluate(() => window.alice.close());
  await expect(alice.locator("section")).toHaveAttribute("data-status", "closed");
  await expect(alice.locator(".status")).toHaveText("closed, 0 peers");
  expect(await complaints(page)).toEqual([]);
});

test("components show what peers write, who is there, and how the link stands", async ({ page }) => {
  await open(page);
  const bob = page.locator("#bob");
  await page.evaluate(async () => {
    await Promise.all([window.alice.connect(), window.bob.connect()]);
  });
  await expect(bob.locator(".status")).toHaveText("open, 1 peers");
  await add(page, "a", "from Alice");
  await expect(bob.locator("li")).toHaveText(["from Alice"]);

  await page.locator("#alice .others").click();
  const id = await page.evaluate(() => window.alice.getNodeId());
  await expect(bob.locator(".others")).toHaveText(JSON.stringify({ editing: id }));

  await page.evaluate(() => window.alice.disconnect());
  await expect(bob.locator(".others")).toHaveText("");
  await expect(bob.locator(".status")).toHaveText("open, 0 peers");
  expect(await complaints(page)).toEqual([]);
});
