/** The demo without its web server: the copy that the service worker keeps. */

import { serveDemo } from "../demo/serve-demo.mjs";
import { expect, expectOpen, test } from "./demo-page.ts";

test("opens again while the web server is gone", async ({ demoFolder, openNotes }) => {
  const site = await serveDemo(demoFolder);
  const notes = await openNotes({ site: site.url });
  const name = await notes.name();
  await notes.write("Written before", "the server went away");
  await notes.page.evaluate(async () => void (await navigator.serviceWorker.ready));

  await site.close();
  await notes.page.reload();

  await expectOpen(notes);
  await expect(notes.entry("Written before")).toContainText("the server went away");
  expect(await notes.name()).toBe(name);
  await notes.write("Written after", "without it");
  await expect(notes.entries).toHaveCount(2);
});
