/** A database taken out and put back through real workers and tabs; the storages themselves are in support/test-engine.ts. */

import { expect, expectRows, test } from "./support/test.ts";

test("exports from a following tab, and imports there for all tabs under a new id", async ({ newReplica }) => {
  const alice = await newReplica();
  const follower = await newReplica({ context: alice.page.context() });
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'kept')");
  const before = await alice.nodeId();

  await follower.page.evaluate(async () => {
    const db = window.ledgers.get("main")?.ledger;
    const file = await db?.export();
    await db?.exec("DELETE FROM notes");
    await db?.exec("INSERT INTO notes (id, title) VALUES ('b', 'thrown away')");
    if (file !== undefined) await db?.import(file);
  });

  await expectRows([alice, follower], "SELECT id, title FROM notes", [{ id: "a", title: "kept" }]);
  expect(await follower.nodeId()).not.toBe(before);
  expect(await alice.nodeId()).toBe(await follower.nodeId());
  await alice.page.reload();
  await expectRows([follower], "SELECT id FROM notes", [{ id: "a" }]);
});
