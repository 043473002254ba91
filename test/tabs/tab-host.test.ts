/** What tabs do for each other, whichever way their messages go. */

import { describe, expect, test } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import type { TransactionId } from "../../src/replica-call.ts";
import { bobId } from "./fake-replica.ts";
import { createFakeTabs, eventTexts, ways, type OpenTab } from "./fake-tabs.ts";
import { enableSyncOn, execOn } from "../support/calls.ts";

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: unknown) => (error instanceof LedgerError ? error.code : String(error)),
  );

const replicaOf = ({ replicas }: OpenTab) => {
  const replica = replicas.at(-1);
  if (replica === undefined) throw new Error("this tab opened no replica");
  return replica;
};

describe.each(ways)("tabs over %s", (way) => {
  test("gives two tabs one replica: the first leads, the second follows", async () => {
    const tabs = createFakeTabs(way);

    const alice = await tabs.open();
    const bob = await tabs.open();

    expect(alice.host.snapshot).toMatchObject({ role: "leader", leader: "responding", storage: "opfs" });
    expect(bob.host.snapshot).toMatchObject({ role: "follower", leader: "responding", storage: "opfs" });
    expect(bob.host.snapshot.nodeId).toBe(alice.host.snapshot.nodeId);
    expect(tabs.file.opened).toBe(1);
  });

  test("opens one replica when three tabs start at once", async () => {
    const tabs = createFakeTabs(way);

    const opened = await Promise.all([tabs.open(), tabs.open(), tabs.open()]);

    expect(opened.map(({ host }) => host.snapshot.role).sort()).toEqual(["follower", "follower", "leader"]);
    expect(tabs.file.opened).toBe(1);
  });

  test("carries a follower's calls and their refusals", async () => {
    const tabs = createFakeTabs(way);
    await tabs.open();
    const bob = await tabs.open();

    const result = await execOn(bob.host, { sql: "insert 1" });
    await enableSyncOn(bob.host, "notes");
    const refusal = await execOn(bob.host, { sql: "bad" }).catch((error: unknown) => error);

    expect(result).toEqual({ columns: ["n"], rows: [{ n: 1 }], rowsAffected: 1 });
    expect(bob.host.snapshot.version).toBe(1);
    expect(tabs.file.written).toEqual(["insert 1", "sync notes"]);
    expect(refusal).toMatchObject({ code: "LEDGER_SQL_ERROR", message: "no such thing", cause: { message: "at 1" } });
  });

  test("refuses a parameter that cannot be cloned", async () => {
    const tabs = createFakeTabs(way);
    await tabs.open();
    const bob = await tabs.open();
    const params = [() => 1] as unknown as readonly string[];

    expect(await codeOf(execOn(bob.host, { sql: "insert ?", params }))).toBe("LEDGER_PARAMS_INVALID");
  });

  test("tells every tab every event once, in order, with the snapshot that belongs to it", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    const versions: number[] = [];
    carol.host.onEvent(() => versions.push(carol.host.snapshot.version));

    await Promise.all([
      execOn(bob.host, { sql: "one" }),
      execOn(alice.host, { sql: "two" }),
      execOn(carol.host, { sql: "three" }),
    ]);
    replicaOf(alice).emit({ name: "error", args: [new LedgerError("LEDGER_PEER_FAULT", "bad frame")] });
    await tabs.rest();

    const order = eventTexts(alice.events);
    expect(order).toHaveLength(4);
    expect(eventTexts(bob.events)).toEqual(order);
    expect(eventTexts(carol.events)).toEqual(order);
    expect(versions).toEqual([1, 2, 3, 3]);
    expect(bob.events.at(-1)?.args[0]).toBeInstanceOf(LedgerError);
  });

  test("tells a tab that joins late of the connection and the peers that are there", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    await alice.host.connect("ws://a", "t");
    replicaOf(alice).meet(bobId);

    const late = await tabs.open();
    await tabs.rest();

    expect(late.host.snapshot.signaling).toBe("connected");
    expect(eventTexts(late.events)).toEqual(["connected", "peer-join bbbb", "peer-ready bbbb"]);
  });

  test("enters the room once however many tabs call connect()", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();

    await Promise.all([alice.host.connect("ws://a", "t"), bob.host.connect("ws://a", "t")]);
    await bob.host.connect("ws://a", "t");
    await bob.host.connect("ws://a", "other");

    expect(replicaOf(alice).rooms).toEqual(["ws://a t", "ws://a other"]);
  });

  test("hands over when the leader closes: what it was asked is answered, and nothing is open twice", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();

    const calls = [execOn(bob.host, { sql: "one" }), execOn(carol.host, { sql: "two" })];
    const closed = alice.host.close();
    const later = execOn(carol.host, { sql: "three" });
    await Promise.all([...calls, closed, later]);
    await tabs.rest();

    expect(tabs.file.written.toSorted()).toEqual(["one", "three", "two"]);
    expect(bob.host.snapshot.role).toBe("leader");
    expect(carol.host.snapshot.role).toBe("follower");
    expect(bob.known).toEqual(["opfs"]);
    expect(await codeOf(execOn(alice.host, { sql: "four" }))).toBe("LEDGER_CLOSED");
  });

  test("gets ready to lead in the tab that is next, and in no other", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    const warmed = (): readonly number[] => [alice, bob, carol].map((tab) => tab.warmed());

    await tabs.pass(1_500);
    expect(warmed()).toEqual([0, 1, 0]);
    await alice.host.close();
    await tabs.pass(1_500);

    expect(warmed()).toEqual([0, 1, 1]);
    expect(bob.host.snapshot.role).toBe("leader");
  });

  test("hands over when the leader crashes: what a follower asked is done once, whether it was done before or not", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    replicaOf(alice).stalls = "after-write";

    const write = execOn(carol.host, { sql: "insert 1" });
    await tabs.rest();
    replicaOf(alice).stalls = "before-write";
    const several = execOn(carol.host, { sql: "delete; select 1" });
    const read = execOn(carol.host, { sql: "SELECT count(*) FROM notes" });
    const ofTheNext = execOn(bob.host, { sql: "insert 2" });
    await tabs.rest();
    alice.tab.crash();
    await tabs.rest();

    expect((await write).rowsAffected).toBe(1);
    await Promise.all([several, ofTheNext]);
    expect((await read).rows[0]).toBeDefined();
    expect(bob.host.snapshot.role).toBe("leader");
    expect(tabs.file.written.toSorted()).toEqual(["delete; select 1", "insert 1", "insert 2"]);
  });

  test("rejects the writes of a tab whose own worker died: nobody knows whether they were stored", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    replicaOf(alice).stalls = "after-write";
    const write = codeOf(execOn(alice.host, { sql: "insert 1" }));
    await tabs.rest();

    replicaOf(alice).emit({ name: "error", args: [new LedgerError("LEDGER_ENGINE_CRASHED", "worker failed")] });
    await tabs.pass(500);

    expect(await write).toBe("LEDGER_LEADER_CHANGED");
  });

  test("keeps calls made while nobody leads, in their order", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    tabs.file.busy = 2;
    alice.tab.crash();
    await tabs.rest();

    const calls = ["one", "two", "three"].map((sql) => execOn(bob.host, { sql }));
    expect(tabs.file.written).toEqual([]);
    await tabs.pass(600);
    await Promise.all(calls);

    expect(tabs.file.written).toEqual(["one", "two", "three"]);
  });

  test("brings the room back after a hand-over and tells of what happened to it", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    await carol.host.connect("ws://a", "t");
    replicaOf(alice).meet(bobId);
    await tabs.rest();

    alice.tab.crash();
    await tabs.rest();
    replicaOf(bob).meet(bobId);
    await tabs.rest();

    const all = ["connected", "peer-join bbbb", "peer-ready bbbb"];
    const again = ["peer-leave bbbb", "disconnected", "reconnected", "peer-join bbbb", "peer-ready bbbb"];
    expect(replicaOf(bob).rooms).toEqual(["ws://a t"]);
    expect(eventTexts(bob.events)).toEqual([...all, ...again]);
    expect(eventTexts(carol.events)).toEqual([...all, ...again]);
  });

  test("asks the next leader again what the last one was asked to read and did not answer", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    await tabs.open();
    const carol = await tabs.open();
    replicaOf(alice).stalls = "before-write";

    const rows = carol.host.call({ type: "query", request: { sql: "with c as (select 1) select * from c" } });
    await tabs.rest();
    alice.tab.crash();
    await tabs.pass(300);

    expect(await rows).toEqual({ columns: ["n"], rows: [{ n: 0 }], readTables: ["notes"] });
  });

  test("does not bring back a room that was left", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    await alice.host.connect("ws://a", "t");
    await bob.host.disconnect();

    alice.tab.crash();
    await tabs.rest();

    expect(replicaOf(bob).rooms).toEqual([]);
    expect(bob.host.snapshot.signaling).toBe("off");
  });

  test("forgets a room in all tabs, and does not bring it back", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    await alice.host.connect("ws://test", "room");
    await tabs.rest();
    expect(bob.host.token).toBe("room");

    await bob.host.forgetRoom("another room");
    expect(alice.host.snapshot.signaling).toBe("connected");
    await bob.host.forgetRoom("room");
    await tabs.rest();

    expect(replicaOf(alice).rooms).toEqual(["ws://test room", "forgot another room", "left", "forgot room"]);
    expect([alice.host.token, bob.host.token]).toEqual([undefined, undefined]);
    for (const { events } of [alice, bob]) expect(eventTexts(events)).toEqual(["connected", "disconnected"]);
    alice.tab.crash();
    await tabs.rest();
    expect(replicaOf(bob).rooms).toEqual([]);
  });

  test("enters the room that was asked for while nobody led", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    await alice.host.connect("ws://a", "t");
    tabs.file.busy = 1;
    alice.tab.crash();
    await tabs.rest();

    const calls = [bob.host.connect("ws://b", "t"), carol.host.disconnect(), carol.host.connect("ws://c", "t")];
    await tabs.pass(100);
    await Promise.all(calls);
    await tabs.rest();

    expect(replicaOf(bob).rooms).toEqual(["ws://b t", "left", "ws://c t"]);
  });

  test("says so when the room cannot be entered after a hand-over", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    await alice.host.connect("ws://a", "t");
    const bob = await tabs.open();
    alice.tab.hide(false);
    alice.tab.crash();
    tabs.file.refusal = new LedgerError("LEDGER_SIGNALING_REFUSED", "full");
    await tabs.rest();

    expect(bob.events.at(-1)).toMatchObject({ name: "error", args: [{ code: "LEDGER_SIGNALING_REFUSED" }] });
  });

  test("says when the leader stands still, and opens nothing of its own", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();

    alice.tab.freeze();
    const call = execOn(bob.host, { sql: "one" });
    await tabs.pass(6_500);
    expect(bob.host.snapshot.leader).toBe("unresponsive");
    expect(tabs.file.opened).toBe(1);

    alice.tab.thaw();
    await call;
    await tabs.rest();
    expect(bob.host.snapshot.leader).toBe("responding");
    expect(tabs.file.written).toEqual(["one"]);
  });

  test("says when the leader was put away before it was done, though its page still hears", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    replicaOf(alice).stalls = "before-write";
    const write = execOn(bob.host, { sql: "insert 1" });
    await tabs.rest();
    let release = (): void => {};
    replicaOf(alice).close = () => new Promise((resolve) => (release = resolve));

    alice.tab.hide(true);
    await tabs.pass(8_000);
    expect(bob.host.snapshot).toMatchObject({ role: "follower", leader: "unresponsive" });
    expect(tabs.file.opened).toBe(1);

    alice.tab.crash();
    release();
    await write;
    expect(bob.host.snapshot).toMatchObject({ role: "leader", leader: "responding" });
    expect(tabs.file.written).toEqual(["insert 1"]);
  });

  test("takes over from a leader that stood still and then died", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    alice.tab.freeze();
    await tabs.pass(6_500);

    alice.tab.crash();
    await tabs.rest();

    expect(bob.host.snapshot).toMatchObject({ role: "leader", leader: "responding" });
  });

  test("does not wait for ever to open behind a leader that stands still", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    alice.tab.freeze();

    const bob = codeOf(tabs.open());
    await tabs.pass(11_000);

    expect(await bob).toBe("LEDGER_STORAGE_BUSY");
    expect(tabs.file.opened).toBe(1);
  });

  test("waits behind a leader that takes its time to open", async () => {
    const tabs = createFakeTabs(way);
    tabs.file.busy = 3;

    const opening = Promise.all([tabs.open(), tabs.open()]);
    await tabs.pass(10_000);
    const [alice, bob] = await opening;

    expect([alice.host.snapshot.role, bob.host.snapshot.role]).toEqual(["leader", "follower"]);
  });

  test("passes on why the database cannot be opened, and lets the next tab try", async () => {
    const tabs = createFakeTabs(way);
    tabs.file.fault = new LedgerError("LEDGER_QUOTA_EXCEEDED", "full");

    expect(await codeOf(tabs.open())).toBe("LEDGER_QUOTA_EXCEEDED");
    tabs.file.fault = undefined;
    expect((await tabs.open()).host.snapshot.role).toBe("leader");
  });

  test("goes on trying when a hand-over fails", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    tabs.file.fault = new LedgerError("LEDGER_QUOTA_EXCEEDED", "full");
    alice.tab.crash();
    expect(await codeOf(execOn(bob.host, { sql: "select" }))).toBe("LEDGER_QUOTA_EXCEEDED");
    expect(bob.events.at(-1)).toMatchObject({ name: "error", args: [{ code: "LEDGER_QUOTA_EXCEEDED" }] });

    tabs.file.fault = undefined;
    const next = execOn(bob.host, { sql: "two" });
    await tabs.pass(1_500);
    await next;

    expect(tabs.file.written).toEqual(["two"]);
  });

  test("gives way when the page is put away, and comes back as a follower", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    await alice.host.connect("ws://a", "t");
    await tabs.rest();

    alice.tab.hide(true);
    await tabs.rest();
    expect(replicaOf(alice).rooms).toEqual(["ws://a t", "left"]);
    expect(bob.host.snapshot).toMatchObject({ role: "leader", signaling: "connected" });
    expect(alice.tab.openChannels).toBe(0);

    const call = execOn(alice.host, { sql: "one" });
    alice.tab.show();
    await call;
    await tabs.rest();
    expect(alice.host.snapshot).toMatchObject({ role: "follower", signaling: "connected" });
    expect(eventTexts(alice.events).slice(0, 3)).toEqual(["connected", "disconnected", "reconnected"]);
  });

  test("lets a follower's page be put away and come back", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    replicaOf(alice).stalls = "before-write";
    const write = codeOf(execOn(bob.host, { sql: "one" }));
    await tabs.rest();

    bob.tab.hide(true);
    await tabs.rest();
    expect(alice.tab.openChannels).toBe(1);
    await tabs.pass(300);

    replicaOf(alice).stalls = "not";
    bob.tab.show();
    await execOn(bob.host, { sql: "two" });
    expect(await write).toBe("answered");
    expect(tabs.file.written).toEqual(["one", "two"]);
  });

  test("finishes its work before it gives way", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();

    const write = execOn(alice.host, { sql: "the last" });
    alice.tab.hide(true);
    await write;
    await tabs.rest();

    expect(bob.host.snapshot.role).toBe("leader");
    expect((await execOn(bob.host, { sql: "select" })).rows).toEqual([{ n: 1 }]);
  });

  test("repeats what a page that ends did not receive", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();

    const write = execOn(bob.host, { sql: "one" });
    alice.tab.hide(false);
    const later = execOn(bob.host, { sql: "two" });
    await tabs.rest();
    expect(tabs.file.written).toEqual([]);
    alice.tab.crash();
    await Promise.all([write, later]);

    expect(tabs.file.written).toEqual(["one", "two"]);
  });

  test("lets go of followers that leave or die", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();
    expect(alice.tab.openChannels).toBe(3);

    await bob.host.close();
    carol.tab.crash();
    await tabs.rest();

    expect(alice.tab.openChannels).toBe(1);
  });

  test("opens the replica again when its worker died", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    await alice.host.connect("ws://a", "t");

    replicaOf(alice).emit({ name: "error", args: [new LedgerError("LEDGER_ENGINE_CRASHED", "worker failed")] });
    await tabs.rest();
    const write = execOn(alice.host, { sql: "one" });
    await tabs.pass(500);
    await write;

    expect(alice.replicas).toHaveLength(2);
    expect(replicaOf(alice).rooms).toEqual(["ws://a t"]);
    expect(eventTexts(alice.events)).toEqual([
      "connected",
      expect.stringContaining("error"),
      "disconnected",
      expect.stringContaining("change"),
      "reconnected",
    ]);
  });

  test("answers what was called before close() and refuses what comes after", async () => {
    const tabs = createFakeTabs(way);
    await tabs.open();
    const bob = await tabs.open();

    const before = execOn(bob.host, { sql: "one" });
    const closed = bob.host.close();
    const after = codeOf(execOn(bob.host, { sql: "two" }));
    await Promise.all([before, closed]);

    expect(await after).toBe("LEDGER_CLOSED");
    expect(tabs.file.written).toEqual(["one"]);
    expect(bob.host.close()).toBe(closed);
  });

  test("tells a closing follower that its connection is over", async () => {
    const tabs = createFakeTabs(way);
    await tabs.open();
    const bob = await tabs.open();
    await bob.host.connect("ws://a", "t");

    await bob.host.close();

    expect(eventTexts(bob.events)).toEqual(["connected", "disconnected"]);
  });

  test("does not work with a tab that runs another version", async () => {
    const tabs = createFakeTabs(way);
    const newer = tabs.openTab();
    const channel = newer.channels.open("ledger:notes");
    const announce = (): void => channel.post({ type: "leader", tabsVersion: 99, tab: "newer", state: "open" });
    channel.onMessage(announce);
    const release = await newer.locks.acquire("ledger:notes", "exclusive", new AbortController().signal);

    expect(await codeOf(tabs.open())).toBe("LEDGER_VERSION_MISMATCH");
    release();
    channel.close();
    expect((await tabs.open()).host.snapshot.role).toBe("leader");
  });

  test("refuses calls under a leader of another version until that one is gone", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const newer = tabs.openTab();
    const locked = newer.locks.acquire("ledger:notes", "exclusive", new AbortController().signal);
    const bob = await tabs.open();
    await alice.host.close();
    const release = await locked;
    newer.channels.open("ledger:notes").post({ type: "leader", tabsVersion: 99, tab: "newer", state: "open" });
    await tabs.rest();

    expect(await codeOf(execOn(bob.host, { sql: "one" }))).toBe("LEDGER_VERSION_MISMATCH");
    expect(bob.events.at(-1)).toMatchObject({ name: "error", args: [{ code: "LEDGER_VERSION_MISMATCH" }] });
    release();
    await tabs.rest();
    await execOn(bob.host, { sql: "two" });
    expect(tabs.file.written).toEqual(["two"]);
  });

  test.each(["crashes", "leaves"] as const)("rolls back what a following tab left open when it %s", async (how) => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const begin = (digit: string) =>
      bob.host.call({ type: "begin", transaction: digit.repeat(32) as TransactionId, idleMs: 5_000 });
    await begin("1");
    await begin("2");
    await bob.host.call({ type: "commit", transaction: "1".repeat(32) as TransactionId });

    if (how === "crashes") bob.tab.crash();
    else await bob.host.close();
    await tabs.rest();

    expect(replicaOf(alice).calls.at(-1)).toEqual({ type: "rollback", transaction: "2".repeat(32) });
    expect(replicaOf(alice).calls).toHaveLength(4);
  });

  test("answers a follower's wait, and lets the next leader go on with it", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const receipt = { version: 3, peers: [bobId] };
    const goal = { type: "replicated", peers: 1 } as const;

    const waiting = bob.host.call({ type: "wait", goal, timeoutMs: 1_000 });
    await tabs.rest();
    await alice.host.close();
    await tabs.rest();
    replicaOf(bob).waits[0]?.answer(receipt);

    expect(replicaOf(alice).waits).toMatchObject([{ goal }]);
    expect(await waiting).toEqual(receipt);
  });

  test("does not hold up closing a follower or a leader for a wait", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const goal = { type: "in-step" } as const;
    const waits = [alice, bob].map(({ host }) => codeOf(host.call({ type: "wait", goal, timeoutMs: 1_000 })));
    await tabs.rest();

    await bob.host.close();
    await alice.host.close();

    expect(await Promise.all(waits)).toEqual(["LEDGER_CLOSED", "LEDGER_CLOSED"]);
  });

  test.each(["crashes", "leaves"] as const)("ends what a following tab watched when it %s", async (how) => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    await bob.host.call({ type: "watch", owner: "bob", tables: ["notes"] });

    if (how === "crashes") bob.tab.crash();
    else await bob.host.close();
    await tabs.rest();

    expect(replicaOf(alice).calls.at(-1)).toEqual({ type: "watch", owner: "bob", tables: [] });
  });

  test("tells that another opening of the database answers, to whoever waited for it", async () => {
    const tabs = createFakeTabs(way);
    const alice = await tabs.open();
    const bob = await tabs.open();
    const told: string[] = [];
    bob.host.onReopened(() => told.push(bob.host.snapshot.role));

    alice.tab.crash();
    await tabs.rest();

    expect(told).toEqual(["leader"]);
  });
});

describe("tabs that meet over ports", () => {
  test("leave the channel of their line once each has an end", async () => {
    const tabs = createFakeTabs("ports");
    const alice = await tabs.open();
    expect([alice.tab.openChannels, alice.tab.openPorts]).toEqual([1, 0]);

    const bob = await tabs.open();

    for (const { tab } of [alice, bob]) expect([tab.openChannels, tab.openPorts]).toEqual([2, 1]);
  });

  test("store a write once and end a transaction when a port breaks between two tabs that live", async () => {
    const tabs = createFakeTabs("ports");
    const alice = await tabs.open();
    const bob = await tabs.open();
    const transaction = "1".repeat(32) as TransactionId;
    await bob.host.call({ type: "begin", transaction, idleMs: 5_000 });
    replicaOf(alice).stalls = "after-write";
    const write = execOn(bob.host, { sql: "insert 1" });
    await tabs.rest();
    replicaOf(alice).stalls = "not";

    bob.tab.breakPorts();
    await write;
    await execOn(bob.host, { sql: "insert 2" });

    expect(tabs.file.written).toEqual(["insert 1", "insert 2"]);
    expect(replicaOf(alice).calls.at(-1)).toEqual({ type: "rollback", transaction });
    expect(bob.host.snapshot).toMatchObject({ role: "follower", leader: "responding" });
  });

  test("do not try another port with the leader to which one broke, but with the next", async () => {
    const tabs = createFakeTabs("ports");
    const alice = await tabs.open();
    const bob = await tabs.open();
    const carol = await tabs.open();

    carol.tab.breakPorts();
    await tabs.rest();
    expect([bob.tab.openPorts, carol.tab.openPorts]).toEqual([1, 0]);
    alice.tab.crash();
    await tabs.rest();

    expect([bob.host.snapshot.role, carol.host.snapshot.role]).toEqual(["leader", "follower"]);
    expect([bob.tab.openPorts, carol.tab.openPorts]).toEqual([1, 1]);
  });
});
