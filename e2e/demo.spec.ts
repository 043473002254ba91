/** The notes demo as people use it: several windows, offline and online, by keyboard, and for screen readers. */

import { expect, expectOpen, type NotesPage, seriousViolations, test } from "./demo-page.ts";

const together = "Everyone sees the same notes";

// Replicas compare their notes the more rarely the longer it takes, so that a busy machine shows agreement late.
const agreementTimeoutMs = 50_000;
test.describe.configure({ timeout: 150_000 });

const expectTogether = async (...windows: readonly NotesPage[]): Promise<void> => {
  for (const { badge } of windows) await expect(badge).toHaveText(together, { timeout: agreementTimeoutMs });
};

const expectEntries = async (count: number, ...windows: readonly NotesPage[]): Promise<void> => {
  for (const { entries } of windows) await expect(entries).toHaveCount(count);
};

test("brings a note to another window of the room", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await expect(alice.badge).toHaveText(together, { timeout: agreementTimeoutMs });

  await alice.write("Sunday lunch", "Lentil soup for six.");

  await bob.entry("Sunday lunch").click();
  await expect(bob.text).toHaveValue("Lentil soup for six.");
  await expectTogether(alice, bob);
  await expect(bob.others).toContainText([await alice.name()]);
  await expect(bob.others).toContainText(["Linked directly"]);
  await expect(bob.page.locator("#announcer")).toContainText(await alice.name());
});

test("keeps what both wrote while they were offline", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await alice.write("Trip", "By train");
  await bob.entry("Trip").click();
  await expect(bob.text).toHaveValue("By train");

  await alice.online.click();
  await bob.online.click();
  for (const { badge, online } of [alice, bob]) {
    await expect(online).not.toBeChecked();
    await expect(badge).toContainText("Offline");
  }
  await alice.title.fill("Trip to the lake");
  await bob.text.fill("By bicycle");
  await alice.write("From Alice", "one");
  await bob.write("From Bob", "two");
  await expect(alice.entry("From Bob")).toHaveCount(0);
  await alice.online.click();
  await bob.online.click();

  await expectEntries(3, alice, bob);
  await expectTogether(alice, bob);
  for (const each of [alice, bob]) {
    await each.entry("Trip to the lake").click();
    await expect(each.title).toHaveValue("Trip to the lake");
    await expect(each.text).toHaveValue("By bicycle");
  }
});

test("takes in the edits of others without moving the caret", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await alice.write("List", "bread\nmilk");
  await bob.entry("List").click();
  await expect(bob.text).toHaveValue("bread\nmilk");
  await bob.text.press("ControlOrMeta+End");

  await alice.text.press("ControlOrMeta+Home");
  await alice.text.pressSequentially("salt\n");

  await expect(bob.text).toHaveValue("salt\nbread\nmilk");
  await bob.page.bringToFront();
  await expect(bob.text).toBeFocused();
  await bob.page.keyboard.type("!");
  await expect(bob.text).toHaveValue("salt\nbread\nmilk!");
  await expect(alice.text).toHaveValue("salt\nbread\nmilk!");
});

test("offers to bring back a note that somebody else deleted", async ({ openNotes }) => {
  const alice = await openNotes();
  const bob = await openNotes();
  await alice.write("Keep me", "please");
  await bob.entry("Keep me").click();
  await expect(bob.text).toHaveValue("please");

  await alice.page.getByRole("button", { name: "Delete" }).click();

  await expect(bob.page.getByRole("alert").filter({ hasText: "deleted this note" })).toContainText(await alice.name());
  await bob.page.getByRole("button", { name: "Bring it back" }).click();
  await expect(alice.entry("Keep me")).toBeVisible();
  await expectTogether(alice, bob);
});

test("finds notes by the words in them", async ({ openNotes }) => {
  const { entries, search, page, write } = await openNotes();
  await write("Äpfel", "from the market");
  await write("Bread", "with seeds, from the bakery");

  await search.fill("äpf");
  await expect(entries).toHaveText([/Äpfel/]);
  await search.fill("from bakery");
  await expect(entries).toHaveText([/Bread/]);
  await expect(page.locator("mark").first()).toHaveText("from");
  await search.fill("nowhere");
  await expect(page.getByText("Nothing found")).toBeVisible();
  await search.press("Escape");
  await expect(entries).toHaveCount(2);
});

test("works by keyboard alone", async ({ openNotes }) => {
  const { entries, page, search, text, title } = await openNotes();
  const { keyboard } = page;

  await keyboard.press("n");
  await expect(title).toBeFocused();
  await keyboard.type("Next n/ot shortcuts");
  await keyboard.press("Enter");
  await expect(text).toBeFocused();
  await keyboard.type("typed");
  await keyboard.press("Escape");
  await expect(entries.first()).toBeFocused();
  await expect(entries).toHaveText([/Next n\/ot shortcuts/]);
  await keyboard.press("n");
  await keyboard.type("Second");
  await keyboard.press("Escape");
  await expect(entries).toHaveText([/Second/, /Next/]);

  await keyboard.press("ArrowDown");
  await expect(entries.nth(1)).toBeFocused();
  await expect(title).toHaveValue("Next n/ot shortcuts");
  await keyboard.press("Delete");
  await expect(entries).toHaveText([/Second/]);
  await expect(entries.first()).toBeFocused();
  await keyboard.press("ControlOrMeta+z");
  await expect(entries).toHaveCount(2);
  await expect(text).toHaveValue("typed");

  await keyboard.press("/");
  await expect(search).toBeFocused();
  await keyboard.type("second");
  await expect(entries).toHaveText([/Second/]);
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await expect(text).toBeFocused();
});

test("undoes deleting by the button", async ({ openNotes }) => {
  const { entry, page, write } = await openNotes();
  await write("Oops", "did not mean it");

  await page.getByRole("button", { name: "Delete" }).click();
  await expect(entry("Oops")).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();

  await expect(entry("Oops")).toContainText("did not mean it");
});

test("keeps the notes and the name over a reload", async ({ openNotes }) => {
  const notes = await openNotes();
  await notes.write("Still here", "after a reload");
  const name = await notes.name();

  await notes.page.reload();

  await expectOpen(notes);
  await expect(notes.entry("Still here")).toContainText("after a reload");
  expect(await notes.name()).toBe(name);
});

test("makes every tab a person of its own", async ({ openNotes }) => {
  const first = await openNotes();
  const second = await openNotes({ context: first.page.context() });
  await first.write("Across tabs", "");

  await expect(second.entry("Across tabs")).toBeVisible();
  expect(await second.name()).not.toBe(await first.name());
  await expectTogether(first, second);
});

test("shows the same notes in tabs that share", async ({ openNotes }) => {
  const first = await openNotes({ shared: true });
  const second = await openNotes({ context: first.page.context(), shared: true });
  await first.write("One for both", "");

  await expect(second.entry("One for both")).toBeVisible();
  expect(await second.name()).toBe(await first.name());
  await expect(second.badge).toHaveText("Just you here");
});

test("opens a second window of the same room", async ({ openNotes }) => {
  const notes = await openNotes();
  const [page] = await Promise.all([
    notes.page.waitForEvent("popup"),
    notes.page.getByRole("link", { name: "Open a second window" }).first().click(),
  ]);

  await expect(page.locator("#badge")).toHaveText(together, { timeout: agreementTimeoutMs });
  const invitation = await notes.page.getByLabel("Invitation link").inputValue();
  expect(await page.getByLabel("Invitation link").inputValue()).toBe(invitation);
  expect(page.url()).toBe(invitation.slice(0, invitation.indexOf("#")));
});

test("leaves a room for a new one, and comes back by the invitation", async ({ openNotes }) => {
  const notes = await openNotes();
  await notes.write("Left behind", "");
  const link = notes.page.getByLabel("Invitation link");
  const invitation = await link.inputValue();

  notes.page.once("dialog", (dialog) => dialog.accept());
  await notes.page.getByRole("button", { name: "Leave this room" }).click();
  await expect(link).not.toHaveValue(invitation);
  await expectOpen(notes);
  await expect(notes.entries).toHaveCount(0);
  await notes.page.goto(invitation);

  await expect(notes.entry("Left behind")).toBeVisible();
});

test("shows the text of notes as text", async ({ openNotes }) => {
  const { entries, page, write } = await openNotes();
  const markup = "<img src=x onerror=document.title='gotcha'>";

  await write(markup, markup);
  await page.getByRole("searchbox").fill("img");

  await expect(entries.first()).toContainText(markup);
  await expect(entries.locator("img")).toHaveCount(0);
  expect(await page.title()).not.toBe("gotcha");
});

test("fits a phone and goes back by the browser's button", async ({ openNotes }) => {
  const { entries, page, title, write } = await openNotes({ viewport: { width: 360, height: 740 } });
  await write("Averylongwordthatneverends".repeat(8), "Averylongwordthatneverends".repeat(20));

  const overflow = (): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(await overflow()).toBe(0);
  await expect(entries.first()).toBeHidden();
  await page.goBack();
  await expect(entries.first()).toBeFocused();
  await expect(title).toBeHidden();
  expect(await overflow()).toBe(0);
  await page.getByRole("button", { name: "Room" }).click();
  await expect(page.getByRole("img", { name: "QR code" })).toBeVisible();
  expect(await overflow()).toBe(0);
  await page.getByRole("button", { name: "All notes" }).click();
  await expect(entries.first()).toBeVisible();
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const [screen, viewport] of Object.entries({
    desktop: { width: 1280, height: 800 },
    phone: { width: 360, height: 740 },
  })) {
    test(`has no barriers on a ${colorScheme} ${screen}`, async ({ openNotes }) => {
      const alice = await openNotes({ colorScheme, viewport, reducedMotion: "reduce" });
      const { entries, online, page, search, text, write } = alice;
      expect(await seriousViolations(alice)).toEqual([]);

      await write("Plans", "for tomorrow");
      await write("More", "plans");
      expect(await seriousViolations(alice)).toEqual([]);
      await page.getByRole("button", { name: "Delete" }).click();
      await expect(entries).toHaveCount(1);
      await search.fill("plans");
      expect(await seriousViolations(alice)).toEqual([]);

      await entries.first().click();
      await expect(text).toBeVisible();
      await openNotes();
      await expect(alice.badge).toHaveText(together, { timeout: agreementTimeoutMs });
      if (screen === "phone") await page.getByRole("button", { name: "Room" }).click();
      await page.getByText("How it works").click();
      expect(await seriousViolations(alice)).toEqual([]);
      await page.getByRole("button", { name: "Ask it in SQL" }).click();
      await expect(page.getByRole("region", { name: "Result" })).toBeVisible();
      expect(await seriousViolations(alice)).toEqual([]);
      await page.keyboard.press("Escape");
      await online.click();
      expect(await seriousViolations(alice)).toEqual([]);
    });
  }
}
