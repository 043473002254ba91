/** Chromium and Firefox in one room. */

import { firefox } from "@playwright/test";
import { firefoxOptions } from "./support/launch.ts";
import { expect, expectEvent, expectPeers, expectRows, test } from "./support/test.ts";

test("Chromium and Firefox converge", async ({ newReplica }) => {
  const otherBrowser = await firefox.launch(firefoxOptions);
  try {
    const alice = await newReplica();
    const bob = await newReplica({ browser: otherBrowser });
    await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'written before')");
    await alice.call("connect");
    await bob.call("connect");
    await expectPeers(alice, bob);
    await expectPeers(bob, alice);

    await bob.exec("INSERT INTO notes (id, title) VALUES ('b', 'from Firefox')");
    await alice.exec("UPDATE notes SET title = 'from Chromium' WHERE id = 'a'");

    await expectRows([alice, bob], "SELECT id, title FROM notes ORDER BY id", [
      { id: "a", title: "from Chromium" },
      { id: "b", title: "from Firefox" },
    ]);
    expect((await expectEvent(alice, "sync")).args[1]).toBe(await bob.nodeId());
    expect((await expectEvent(bob, "sync")).args[1]).toBe(await alice.nodeId());

    await bob.call("disconnect");
    await expectPeers(alice);
    await bob.exec("UPDATE notes SET title = 'edited apart' WHERE id = 'a'");
    await alice.exec("DELETE FROM notes WHERE id = 'b'");
    await bob.call("connect");

    await expectRows([alice, bob], "SELECT id, title FROM notes", [{ id: "a", title: "edited apart" }]);
  } finally {
    await otherBrowser.close();
  }
});
