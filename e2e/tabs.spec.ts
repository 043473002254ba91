/** The tabs of one origin: one replica, whoever leads. See tabs.chromium.spec.ts for leaders that crash. */

import { expect, expectEvent, expectPeers, expectRows, test, type Replica } from "./support/test.ts";

const roleOf = async (replica: Replica): Promise<string | undefined> => (await replica.status()).role;

/** Waits until one of `tabs` leads, and returns it first. */
const leaderFirst = async (tabs: readonly Replica[]): Promise<readonly [Replica, ...Replica[]]> => {
  let sorted: Replica[] = [];
  const leaders = async (): Promise<number> => {
    const roles = await Promise.all(tabs.map(roleOf));
    sorted = tabs.toSorted(
      (a, b) => Number(roles[tabs.indexOf(a)] === "follower") - Number(roles[tabs.indexOf(b)] === "follower"),
    );
    return roles.filter((role) => role === "leader").length;
  };
  await expect.poll(leaders).toBe(1);
  return sorted as unknown as readonly [Replica, ...Replica[]];
};

test("shows a write of one tab to the others, each telling of it once", async ({ newReplica }) => {
  const alice = await newReplica();
  const context = alice.page.context();
  const tabs = [alice, await newReplica({ context }), await newReplica({ context })];
  const changesBefore = await Promise.all(tabs.map(async (tab) => (await tab.events("change")).length));
  expect(await Promise.all(tabs.map(roleOf))).toEqual(["leader", "follower", "follower"]);

  await tabs[1]?.exec("INSERT INTO notes (id, title) VALUES ('a', 'one')");
  await tabs[2]?.exec("UPDATE notes SET title = 'two'");

  for (const [index, tab] of tabs.entries()) {
    await expect.poll(async () => (await tab.events("change")).length - (changesBefore[index] ?? 0)).toBe(2);
    expect(await tab.rows("SELECT title FROM notes")).toEqual([{ title: "two" }]);
    expect(await tab.call("getVersion")).toBe(await alice.call("getVersion"));
  }
});

test("shows every tab the peers and what comes from them", async ({ newReplica }) => {
  const alice = await newReplica();
  const context = alice.page.context();
  const tabs = [alice, await newReplica({ context }), await newReplica({ context })];
  const bob = await newReplica();
  await tabs[1]?.call("connect");
  await bob.call("connect");
  await expectPeers(bob, alice);
  for (const tab of tabs) await expectPeers(tab, bob);

  await bob.exec("INSERT INTO notes (id, title) VALUES ('a', 'from elsewhere')");

  await expectRows(tabs, "SELECT title FROM notes", [{ title: "from elsewhere" }]);
  for (const tab of tabs) {
    await expect.poll(async () => (await tab.events("sync")).length).toBe(1);
    expect(await tab.events("peer-ready")).toHaveLength(1);
  }
});

test("leaves the others alone when a follower closes", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  await alice.call("connect");
  await bob.call("connect");

  await bob.call("close");
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");

  expect(await alice.call("isConnected")).toBe(true);
  await expectRows([alice], "SELECT id FROM notes", [{ id: "a" }]);
});

test("makes the next tab lead when the leader's tab is closed", async ({ newReplica }) => {
  const alice = await newReplica();
  const context = alice.page.context();
  const rest = [await newReplica({ context }), await newReplica({ context })];
  const nodeId = await alice.nodeId();
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");

  await alice.page.close();

  const [leader, follower] = await leaderFirst(rest);
  await follower?.exec("INSERT INTO notes (id) VALUES ('b')");
  await expectRows(rest, "SELECT id FROM notes ORDER BY id", [{ id: "a" }, { id: "b" }]);
  expect(await leader.nodeId()).toBe(nodeId);
  expect((await leader.status()).storage).toBe("opfs");
});

test("hands over when the leader calls close(), and answers what was asked meanwhile", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });

  const writes = Promise.all(
    Array.from({ length: 50 }, (_, n) => bob.failureOf("exec", "INSERT INTO notes (id) VALUES (?)", [`${n}`])),
  );
  await alice.call("close");

  expect(new Set(await writes)).toEqual(new Set([undefined]));
  await expect.poll(() => roleOf(bob)).toBe("leader");
  expect(await bob.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 50 }]);
});

test("reloads the leading tab again and again", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  const nodeId = await alice.nodeId();

  for (let round = 0; round < 4; round += 1) {
    const [leader, follower] = await leaderFirst([alice, bob]);
    await leader.reload();
    await follower?.exec("INSERT INTO notes (id) VALUES (?)", [`${round}`]);
    await leader.call("init");
    expect(await leader.nodeId()).toBe(nodeId);
  }

  expect(await bob.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 4 }]);
});

test("brings the links back after a hand-over, with the same node id", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  const carol = await newReplica();
  await Promise.all([bob.call("connect"), carol.call("connect")]);
  await expectPeers(carol, alice);
  await expectPeers(bob, carol);
  expect(await bob.eventNames()).toEqual(expect.arrayContaining(["connected", "peer-join", "peer-ready"]));

  await alice.page.close();

  await expectEvent(bob, "reconnected");
  await expectPeers(carol, bob);
  await expectPeers(bob, carol);
  await carol.exec("INSERT INTO notes (id) VALUES ('c')");
  await expectRows([bob], "SELECT id FROM notes", [{ id: "c" }]);
});

test("gives way in the back/forward cache and comes back from it", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  const carol = await newReplica();
  await Promise.all([alice.call("connect"), carol.call("connect")]);
  await expectPeers(carol, alice);
  const transition = (type: "pagehide" | "pageshow"): Promise<boolean> =>
    alice.page.evaluate((name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true })), type);

  await transition("pagehide");
  await expect.poll(() => roleOf(bob)).toBe("leader");
  // Told at once by a goodbye, not after the seconds that a dead peer takes to be noticed.
  expect((await expectEvent(carol, "peer-leave")).args).toEqual([await bob.nodeId()]);
  await expectPeers(carol, bob);

  const write = alice.call("exec", "INSERT INTO notes (id) VALUES ('a')");
  await transition("pageshow");
  await write;
  expect(await roleOf(alice)).toBe("follower");
  await expectRows([alice, bob, carol], "SELECT id FROM notes", [{ id: "a" }]);
});

for (const storage of ["opfs", "idb"] as const) {
  test(`removes a database in ${storage} from under all its tabs`, async ({ newReplica }) => {
    const alice = await newReplica({ storage });
    const context = alice.page.context();
    const bob = await newReplica({ storage, context });
    const nodeId = await alice.nodeId();
    await alice.exec("INSERT INTO notes (id) VALUES ('a')");

    await bob.call("destroy");

    expect((await expectEvent(alice, "error")).args).toMatchObject([{ code: "LEDGER_DESTROYED" }]);
    expect(await alice.failureOf("exec", "SELECT 1")).toBe("LEDGER_DESTROYED");
    expect((await alice.status()).state).toBe("closed");
    const next = await newReplica({ storage, context });
    expect(await next.nodeId()).not.toBe(nodeId);
    expect(await next.rows("SELECT id FROM notes")).toEqual([]);
  });
}

test("does not share a database that was asked for in memory", async ({ newReplica }) => {
  const alice = await newReplica({ storage: "memory" });
  const bob = await newReplica({ storage: "memory", context: alice.page.context() });

  expect(await bob.nodeId()).not.toBe(await alice.nodeId());
  expect(await roleOf(bob)).toBe("leader");
});
