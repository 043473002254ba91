/** What everybody comes for: replicas that converge, however the edits met. */

import { expect, expectEvent, expectPeers, expectRows, expectSame, type Replica, test } from "./support/test.ts";

const insert = "INSERT INTO notes (id, title, body) VALUES (?, ?, ?)";
const allNotes = "SELECT id, title, body FROM notes ORDER BY id";

const linked = async (...replicas: readonly Replica[]): Promise<void> => {
  for (const replica of replicas) await replica.call("connect");
  for (const replica of replicas) await expectPeers(replica, ...replicas.filter((other) => other !== replica));
};

const apart = async (...replicas: readonly Replica[]): Promise<void> => {
  for (const replica of replicas) {
    await replica.call("disconnect");
    await expectPeers(replica);
  }
};

test("carries writes both ways and tells of them by events", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await linked(alice, bob);

  await alice.exec(insert, ["a", "from Alice", ""]);
  await bob.exec(insert, ["b", "from Bob", ""]);

  await expectRows([alice, bob], allNotes, [
    { id: "a", title: "from Alice", body: "" },
    { id: "b", title: "from Bob", body: "" },
  ]);
  const bobId = await bob.nodeId();
  expect((await expectEvent(alice, "peer-join")).args).toEqual([bobId]);
  expect((await expectEvent(alice, "peer-ready")).args).toEqual([bobId]);
  const [count, from] = (await expectEvent(alice, "sync")).args;
  expect(count).toBeGreaterThan(0);
  expect(from).toBe(bobId);
  const remote = (await alice.events("change")).map((event) => event.args[0]);
  expect(remote).toContainEqual({ tables: ["notes"], origin: "remote", peerId: bobId });
  const names = await alice.eventNames();
  expect(names.indexOf("peer-join")).toBeLessThan(names.indexOf("peer-ready"));
});

test("brings a newcomer everything that was there before", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO notes (id, title, body) SELECT printf('%05d', i), 'title ' || i, 'body ' || i FROM n`;
  await alice.exec(many);

  await linked(alice, bob);

  await expect.poll(() => bob.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 2000 }]);
  await expectSame([alice, bob], allNotes);
});

test("relays along a line whose ends are never linked", async ({ newReplica }) => {
  const [alice, bob, carol] = [await newReplica(), await newReplica(), await newReplica()];
  const [aliceId, bobId, carolId] = [await alice.nodeId(), await bob.nodeId(), await carol.nodeId()];
  await alice.accept(bobId);
  await bob.accept(aliceId, carolId);
  await carol.accept(bobId);
  for (const replica of [alice, bob, carol]) await replica.call("connect");
  await expectPeers(bob, alice, carol);

  await alice.exec(insert, ["a", "from Alice", ""]);
  await carol.exec(insert, ["c", "from Carol", ""]);

  await expectRows([alice, bob, carol], allNotes, [
    { id: "a", title: "from Alice", body: "" },
    { id: "c", title: "from Carol", body: "" },
  ]);
  expect((await alice.events("peer-ready")).map((event) => event.args)).toEqual([[bobId]]);
  expect((await carol.events("peer-ready")).map((event) => event.args)).toEqual([[bobId]]);
});

test("merges what both sides wrote while they were apart", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.exec(insert, ["n", "title", "body"]);
  await linked(alice, bob);
  await expectSame([alice, bob], allNotes);
  await apart(alice, bob);

  await alice.exec("UPDATE notes SET title = 'by Alice' WHERE id = 'n'");
  await alice.exec(insert, ["a", "new at Alice", ""]);
  await expect.poll(() => bob.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 1 }]);
  await bob.exec("UPDATE notes SET body = 'by Bob' WHERE id = 'n'");
  await bob.exec(insert, ["b", "new at Bob", ""]);
  await linked(alice, bob);

  await expectRows([alice, bob], allNotes, [
    { id: "a", title: "new at Alice", body: "" },
    { id: "b", title: "new at Bob", body: "" },
    { id: "n", title: "by Alice", body: "by Bob" },
  ]);
});

test("settles on one value when both sides edited the same cell", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.exec(insert, ["n", "title", ""]);
  await linked(alice, bob);
  await expectRows([bob], allNotes, [{ id: "n", title: "title", body: "" }]);
  await apart(alice, bob);

  await alice.exec("UPDATE notes SET title = 'by Alice' WHERE id = 'n'");
  await bob.exec("UPDATE notes SET title = 'by Bob' WHERE id = 'n'");
  await linked(alice, bob);

  const rows = await expectSame([alice, bob], allNotes);
  expect(["by Alice", "by Bob"]).toContain(rows[0]?.["title"]);
});

test("lets a deletion win over an edit made meanwhile", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.exec(insert, ["n", "title", ""]);
  await linked(alice, bob);
  await expectRows([bob], allNotes, [{ id: "n", title: "title", body: "" }]);
  await apart(alice, bob);

  await alice.exec("DELETE FROM notes WHERE id = 'n'");
  await bob.exec("UPDATE notes SET title = 'by Bob' WHERE id = 'n'");
  await linked(alice, bob);

  await expectRows([alice, bob], allNotes, []);
});

test("keeps every kind of value as it is", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  for (const replica of [alice, bob]) {
    await replica.exec("CREATE TABLE IF NOT EXISTS kinds (id INTEGER PRIMARY KEY NOT NULL, v)");
    await replica.call("enableSync", "kinds");
  }
  await linked(alice, bob);

  const values = [null, 1, 1.5, 2n ** 60n, "text", "", "ärger 🎈", true];
  for (const [index, value] of values.entries()) {
    await alice.exec("INSERT INTO kinds (id, v) VALUES (?, ?)", [index, value]);
  }
  await alice.exec("INSERT INTO kinds (id, v) VALUES (100, x''), (101, x'00ff')");

  const typed = "SELECT id, typeof(v) AS type, quote(v) AS v FROM kinds ORDER BY id";
  await expect.poll(() => bob.rows("SELECT count(*) AS n FROM kinds")).toEqual([{ n: 10 }]);
  await expectSame([alice, bob], typed);
  expect((await bob.rows(typed)).map((row) => row["type"])).toEqual([
    "null",
    "integer",
    "real",
    "integer",
    "text",
    "text",
    "text",
    "integer",
    "blob",
    "blob",
  ]);
});
