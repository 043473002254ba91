/** A private window of Firefox, which has no OPFS. */

import { firefox } from "@playwright/test";
import { firefoxOptions } from "./support/launch.ts";
import { expect, test } from "./support/test.ts";

test("keeps its database in IndexedDB in a private window, and shares it between tabs", async ({ newReplica }) => {
  const browser = await firefox.launch({
    ...firefoxOptions,
    firefoxUserPrefs: { ...firefoxOptions.firefoxUserPrefs, "browser.privatebrowsing.autostart": true },
  });
  try {
    const alice = await newReplica({ browser });
    const bob = await newReplica({ context: alice.page.context() });

    await bob.exec("INSERT INTO notes (id) VALUES ('b')");

    expect(await alice.status()).toMatchObject({ role: "leader", storage: "idb" });
    expect(await alice.rows("SELECT id FROM notes")).toEqual([{ id: "b" }]);
    expect(await bob.nodeId()).toBe(await alice.nodeId());
  } finally {
    await browser.close();
  }
});
