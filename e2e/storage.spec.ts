/** What outlives a page. */

import { expect, expectPeers, expectRows, notesTable, test } from "./support/test.ts";

test("keeps rows and node id over a reload", async ({ newReplica }) => {
  const alice = await newReplica();
  const before = await alice.nodeId();
  expect((await alice.status()).storage).toBe("opfs");
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'kept')");
  const version = await alice.call<number>("getVersion");

  await alice.reload();
  await alice.call("init");

  expect(await alice.nodeId()).toBe(before);
  // An opening may skip versions, so that none is used twice after a crash; it never goes back.
  expect(await alice.call<number>("getVersion")).toBeGreaterThanOrEqual(version);
  expect(await alice.rows("SELECT id, title FROM notes")).toEqual([{ id: "a", title: "kept" }]);
});

test("comes back into the room after a reload and catches up", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(bob, alice);
  await alice.exec("INSERT INTO notes (id, title) VALUES ('1', 'before')");
  await expectRows([bob], "SELECT id FROM notes", [{ id: "1" }]);

  await bob.reload();
  await expectPeers(alice);
  await alice.exec("INSERT INTO notes (id, title) VALUES ('2', 'meanwhile')");
  await bob.call("init");
  await bob.exec(notesTable);
  await bob.call("enableSync", "notes");
  await bob.call("connect");

  await expectPeers(alice, bob);
  await expectRows([alice, bob], "SELECT id FROM notes ORDER BY id", [{ id: "1" }, { id: "2" }]);
});

test("keeps two databases of one origin apart", async ({ newReplica }) => {
  const one = await newReplica({ dbName: "one" });
  const two = await newReplica({ dbName: "two", context: one.page.context() });

  await one.exec("INSERT INTO notes (id) VALUES ('a')");

  expect(await two.rows("SELECT id FROM notes")).toEqual([]);
  expect(await two.nodeId()).not.toBe(await one.nodeId());
});

test("shares one replica between the tabs of an origin", async ({ newReplica }) => {
  const first = await newReplica();
  const second = await newReplica({ context: first.page.context() });

  await second.exec("INSERT INTO notes (id, title) VALUES ('a', 'from the second tab')");

  expect(await second.nodeId()).toBe(await first.nodeId());
  expect(await first.rows("SELECT title FROM notes")).toEqual([{ title: "from the second tab" }]);
});

test("stays in IndexedDB when it began there, and says so and whether it will be kept", async ({ newReplica }) => {
  const first = await newReplica({ storage: "idb" });
  const nodeId = await first.nodeId();
  await first.exec("INSERT INTO notes (id) VALUES ('a')");
  await first.call("close");

  const later = await newReplica({ context: first.page.context() });

  expect(await later.status()).toMatchObject({ storage: "idb", nodeId });
  expect(await later.rows("SELECT id FROM notes")).toEqual([{ id: "a" }]);
  // Browsers decide for themselves, so only that it is told can be known.
  const promised = await later.call<boolean>("persist");
  expect((await later.status()).persistent).toBe(promised);
});
