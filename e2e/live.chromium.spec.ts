/** Live queries across tabs and through a change of the leading tab. Everything else about them is test/live. */

import type { Page } from "@playwright/test";
import { expect, expectPeers, test } from "./support/test.ts";

declare global {
  interface Window {
    /** Titles as the live query told them last. */
    titles?: string;
  }
}

const watchTitles = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const live = window.ledgers.get("main")?.ledger.live<{ title: string }>("SELECT title FROM notes ORDER BY id");
    live?.subscribe((rows) => {
      window.titles = rows.map(({ title }) => title).join();
    });
  });

const expectTitles = (page: Page, titles: string): Promise<void> =>
  expect.poll(() => page.evaluate(() => window.titles)).toBe(titles);

test("a live query hears of every tab and every peer, and goes on when its leading tab goes", async ({
  browser,
  baseURL,
  newReplica,
}) => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const alice = await newReplica({ context });
  const follower = await newReplica({ context });
  const bob = await newReplica();
  expect((await follower.status()).role).toBe("follower");
  await watchTitles(follower.page);
  await expectTitles(follower.page, "");

  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'in the leading tab')");
  await expectTitles(follower.page, "in the leading tab");
  await follower.exec("UPDATE notes SET title = 'here'");
  await expectTitles(follower.page, "here");

  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(bob, alice);
  await bob.exec("INSERT INTO notes (id, title) VALUES ('b', 'at Bob')");
  await expectTitles(follower.page, "here,at Bob");

  await alice.page.close();
  await follower.exec("INSERT INTO notes (id, title) VALUES ('c', 'after')");
  await expectTitles(follower.page, "here,at Bob,after");
  await bob.exec("UPDATE notes SET title = 'again' WHERE id = 'b'");
  await expectTitles(follower.page, "here,again,after");
  await context.close();
});
