/** The notes demo with several people in it: the live list, who is where, two versions of a note, SQL on the live database. */

import { expect, type NotesPage, seriousViolations, test } from "./demo-page.ts";

/** Both have the note open; the badge of neither is waited for. */
const openBoth = async (alice: NotesPage, bob: NotesPage, title: string, text: string): Promise<void> => {
  await alice.write(title, text);
  await bob.entry(title).click();
  await expect(bob.text).toHaveValue(text);
};

const setOnline = async (isOnline: boolean, ...windows: readonly NotesPage[]): Promise<void> => {
  for (const { online } of windows) {
    await online.click();
    await expect(online).toBeChecked({ checked: isOnline });
  }
};

const expectSaved = ({ page }: NotesPage): Promise<void> =>
  expect(page.locator("#saved")).toHaveText("Saved in this browser");

test("keeps the list current without taking the focus or the caret", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await alice.write("First", "one");
  await alice.write("Second", "two");
  await expect(bob.entries).toHaveText([/Second/, /First/]);
  await bob.entry("Second").focus();
  const focused = await bob.entry("Second").elementHandle();

  await alice.entry("First").click();
  await alice.text.fill("one and more");

  await expect(bob.entries).toHaveText([/First.*one and more/, /Second/]);
  await expect(bob.entry("Second")).toBeFocused();
  expect(await focused?.evaluate((element) => element === document.activeElement)).toBe(true);
  await bob.search.fill("more");
  await bob.search.press("ArrowLeft");
  await alice.text.fill("one, and more");
  await expect(bob.entries).toHaveText([/one, and more/]);
  await expect(bob.search).toBeFocused();
  expect(await bob.search.evaluate((field) => (field as HTMLInputElement).selectionStart)).toBe(3);
});

test("shows who has which note open, and who types in it", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await openBoth(alice, bob, "Trip", "by train");
  const name = await bob.name();
  const here = alice.page.locator("#here");

  await expect(here).toContainText(`${name} is here`);
  await bob.text.pressSequentially("!");
  await expect(here).toContainText(`${name} is typing`);
  await expect(alice.entry("Trip")).toContainText(`${name} is typing`);
  await expect(alice.others).toContainText(["Typing in “Trip”"]);
  await bob.page.close();

  await expect(here).toBeEmpty();
  await expect(alice.entry("Trip")).not.toContainText(name);
});

test("offers both versions after two people changed the same apart, and brings the choice to everyone", async ({
  openNotes,
}) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await openBoth(alice, bob, "Trip", "by train");
  await setOnline(false, alice, bob);
  // Of equally many edits the larger value wins: the title of Alice, the text of Bob.
  await alice.title.fill("Trip in summer");
  await bob.title.fill("Trip in spring");
  await alice.text.fill("by bicycle");
  await bob.text.fill("by bus");
  for (const each of [alice, bob]) await expectSaved(each);
  await setOnline(true, alice, bob);

  const card = (each: NotesPage) => each.page.getByRole("region", { name: "Two versions" });
  await expect(card(alice)).toContainText("by bicycle");
  await expect(card(alice)).toContainText(`${await bob.name()} wrote`);
  await expect(card(bob)).toContainText("Two versions of the title");
  for (const each of [alice, bob]) await expect(each.entry("Trip in summer")).toContainText("2 versions");
  await alice.page.reload();
  await expect(card(alice)).toContainText("by bicycle");
  expect(await seriousViolations(alice)).toEqual([]);
  await card(alice).getByRole("button", { name: "Keep theirs" }).click();
  await card(bob).getByRole("button", { name: "Keep mine" }).click();

  for (const each of [alice, bob]) {
    await expect(card(each)).toBeHidden();
    await expect(each.title).toHaveValue("Trip in spring");
    await expect(each.text).toHaveValue("by bus");
    await expect(each.entry("Trip")).not.toContainText("2 versions");
  }
  await expect(bob.title).toBeFocused();
});

test("offers a note that was deleted while somebody changed it", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await openBoth(alice, bob, "Trip", "by train");
  await setOnline(false, alice, bob);
  await bob.title.fill("Trip to the lake");
  await expectSaved(bob);
  await alice.page.getByRole("button", { name: "Delete" }).click();
  await expect(alice.entries).toHaveCount(0);
  await setOnline(true, alice, bob);

  const notice = bob.page.locator(".notice", { hasText: "deleted “Trip to the lake”" });
  await expect(notice).toContainText(await alice.name());
  await notice.getByRole("button", { name: "Bring back my version" }).click();

  await expect(alice.entry("Trip to the lake")).toContainText("by train");
  await expect(notice).toBeHidden();
});

test("answers SQL on the live database, and keeps a query current", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await alice.write("Trip", "by train");
  const { page } = alice;
  const opener = page.getByRole("button", { name: "Ask it in SQL" });
  const statement = page.getByRole("textbox", { name: "SQL statement" });
  const cells = page.getByRole("region", { name: "Result" }).getByRole("cell");
  const status = page.locator("#sql-status");

  await opener.click();
  await expect(statement).toBeFocused();
  await expect(cells).toHaveText(["Trip", "8"]);
  await expect(status).toContainText("live");
  await bob.entry("Trip").click();
  await bob.text.fill("by bus");
  await expect(cells).toHaveText(["Trip", "6"]);

  await statement.fill("UPDATE notes SET title = 'Journey' WHERE title = 'Trip'");
  await statement.press("ControlOrMeta+Enter");
  await expect(status).toContainText("1 row changed");
  await expect(bob.title).toHaveValue("Journey");
  await statement.fill("SELEC");
  await statement.press("ControlOrMeta+Enter");
  await expect(page.getByRole("alert").filter({ hasText: "LEDGER_SQL_ERROR" })).toBeVisible();
  for (const _ of ["the error", "the update"]) await statement.press("ArrowUp");
  await expect(statement).toHaveValue(/^UPDATE/);
  await statement.fill(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, NULL FROM n",
  );
  await statement.press("ControlOrMeta+Enter");
  await expect(status).toContainText("The first 200 of 500 rows");
  await expect(cells).toHaveCount(400);
  await statement.press("Escape");
  await expect(statement).toBeHidden();
  await expect(opener).toBeFocused();
});
