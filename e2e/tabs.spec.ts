/** Tabs of one origin with one `dbName`: one replica, one leader, and a quick heir when the leader goes. */

import { expect, expectPeers, expectRows, type Replica, test } from "./support/test.ts";

const allNotes = "SELECT id, title FROM notes ORDER BY id";

const roleOf = async (replica: Replica): Promise<string | undefined> => (await replica.status()).role;

test("one tab leads and the others follow, and all see every event", async ({ newReplica }) => {
  const first = await newReplica();
  const second = await newReplica({ context: first.page.context() });
  const third = await newReplica({ context: first.page.context() });
  const elsewhere = await newReplica();
  expect(await Promise.all([first, second, third].map(roleOf))).toEqual(["leader", "follower", "follower"]);

  await second.call("connect");
  await elsewhere.call("connect");
  await expectPeers(elsewhere, first);
  for (const tab of [first, second, third]) await expectPeers(tab, elsewhere);
  await elsewhere.exec("INSERT INTO notes (id, title) VALUES ('a', 'from elsewhere')");

  await expectRows([first, second, third], allNotes, [{ id: "a", title: "from elsewhere" }]);
  for (const tab of [first, second, third]) {
    await expect.poll(async () => (await tab.events("sync")).length).toBe(1);
    await expect.poll(async () => (await tab.events("peer-ready")).length).toBe(1);
  }
});

test("the next tab leads when the leader is closed, and nothing acknowledged is lost", async ({ newReplica }) => {
  const leader = await newReplica();
  const heir = await newReplica({ context: leader.page.context() });
  const elsewhere = await newReplica();
  for (const replica of [leader, heir, elsewhere]) await replica.call("connect");
  await expectPeers(elsewhere, leader);
  const nodeId = await leader.nodeId();
  await leader.exec("INSERT INTO notes (id, title) VALUES ('1', 'by the leader')");
  await heir.exec("INSERT INTO notes (id, title) VALUES ('2', 'by the follower')");

  await leader.page.close();

  await expect.poll(() => roleOf(heir)).toBe("leader");
  expect(await heir.nodeId()).toBe(nodeId);
  await heir.exec("INSERT INTO notes (id, title) VALUES ('3', 'by the heir')");
  await expectPeers(heir, elsewhere);
  await expectRows([heir, elsewhere], allNotes, [
    { id: "1", title: "by the leader" },
    { id: "2", title: "by the follower" },
    { id: "3", title: "by the heir" },
  ]);
});

test("a follower that closes leaves the others alone", async ({ newReplica }) => {
  const leader = await newReplica();
  const follower = await newReplica({ context: leader.page.context() });
  await leader.call("connect");
  await follower.call("connect");

  await follower.call("close");
  await leader.exec("INSERT INTO notes (id, title) VALUES ('a', 'still here')");

  expect(await leader.call("isConnected")).toBe(true);
  await expectRows([leader], allNotes, [{ id: "a", title: "still here" }]);
});
