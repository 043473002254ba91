/** Leaders that go without a word, or stay without one, as can be brought about in Chromium only. */

import { chromium } from "@playwright/test";
import type { LedgerStatus } from "../src/index.ts";
import { chromiumOptions } from "./support/launch.ts";
import { rendererPid } from "./support/renderer.ts";
import { expect, expectEvent, expectPeers, test, type Replica } from "./support/test.ts";

const crash = async ({ page }: Replica): Promise<void> => {
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  // Never answered: the page that would answer is gone.
  session.send("Page.crash").catch(() => {});
  await crashed;
};

test("makes the next tab lead when the leader's tab crashes", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  const nodeId = await alice.nodeId();
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");

  await crash(alice);
  await bob.exec("INSERT INTO notes (id) VALUES ('b')");

  expect(await bob.status()).toMatchObject({ role: "leader", storage: "opfs", nodeId });
  expect(await bob.rows("SELECT id FROM notes ORDER BY id")).toEqual([{ id: "a" }, { id: "b" }]);
});

test("stores every write of a follower once when the leader crashes under load", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  const outcomes = bob.page.evaluate(async () => {
    const ledger = window.ledgers.get("main")?.ledger;
    const codes: string[] = [];
    for (let n = 0; codes.length < 20 || ledger?.status().role === "follower"; n += 20) {
      const writes = Array.from({ length: 20 }, (_, i) =>
        ledger?.exec("INSERT INTO notes (id) VALUES (?)", [`${n + i}`]),
      );
      // A write that was stored twice would be refused the second time.
      for (const write of writes)
        codes.push(
          (await write?.then(
            () => "",
            (error: { code: string }) => error.code,
          )) ?? "",
        );
      (window as { written?: number }).written = codes.length;
    }
    return codes;
  });
  await bob.page.waitForFunction(() => ((window as { written?: number }).written ?? 0) > 100);

  await crash(alice);

  const codes = await outcomes;
  expect(new Set(codes)).toEqual(new Set([""]));
  expect(await bob.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: codes.length }]);
});

test("says when the leader stands still, and waits for it", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  // A dialog stops a page: nothing is received there until it is answered. (In Firefox messages still are.)
  const shown = alice.page.waitForEvent("dialog");
  const stopped = alice.page.evaluate(() => alert("stop"));
  const dialog = await shown;

  const write = bob.exec("INSERT INTO notes (id) VALUES ('b')");
  await expect.poll(async () => (await bob.status()).leader).toBe("unresponsive");
  const statuses = (await bob.events("status")).map(({ args }) => args[0] as LedgerStatus);
  expect(statuses.some(({ role, leader }) => role === "follower" && leader === "unresponsive")).toBe(true);

  await dialog.accept();
  await Promise.all([stopped, write]);
  await expect.poll(async () => (await bob.status()).leader).toBe("responding");
  expect(await alice.rows("SELECT id FROM notes")).toEqual([{ id: "b" }]);
});

test("takes over from a leader that hangs as soon as it is killed", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica({ context: alice.page.context() });
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");
  const pid = await rendererPid(alice.page);

  process.kill(pid, "SIGSTOP");
  const write = bob.exec("INSERT INTO notes (id) VALUES ('b')");
  await expect.poll(async () => (await bob.status()).leader).toBe("unresponsive");
  expect((await bob.status()).role).toBe("follower");
  process.kill(pid, "SIGKILL");
  await write;

  expect(await bob.status()).toMatchObject({ role: "leader", leader: "responding", storage: "opfs" });
  expect(await bob.rows("SELECT id FROM notes ORDER BY id")).toEqual([{ id: "a" }, { id: "b" }]);
});

test("rolls a follower's transaction back when its tab dies, is closed or is idle for too long", async ({
  newReplica,
}) => {
  const alice = await newReplica();
  const context = alice.page.context();
  /** A tab that has written in a transaction and leaves it open. */
  const begin = async (transactionIdleMs: number): Promise<Replica> => {
    const tab = await newReplica({ context, transactionIdleMs });
    await tab.page.evaluate(
      () =>
        new Promise<void>((opened) => {
          const run = window.ledgers.get("main")?.ledger.transaction(async (tx) => {
            await tx.exec("INSERT INTO notes (id) VALUES ('undone')");
            opened();
            await new Promise(() => {});
          });
          run?.catch(() => {});
        }),
    );
    return tab;
  };
  const ends = [
    { idleMs: 1_000, end: async () => {} },
    { idleMs: 600_000, end: crash },
    { idleMs: 600_000, end: ({ page }: Replica) => page.close() },
  ];

  for (const { idleMs, end } of ends) {
    const tab = await begin(idleMs);
    // Waits for the transaction's end: nothing of another tab comes between its statements.
    const rows = alice.rows("SELECT id FROM notes");
    await end(tab);
    expect(await rows).toEqual([]);
  }
});

test("comes back from the back/forward cache with its room", async ({ newReplica }) => {
  // Playwright switches that cache off. (A page with open links to peers is not kept there: it is loaded anew.)
  const browser = await chromium.launch({ ...chromiumOptions, ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  const alice = await newReplica({ browser });
  await alice.call("connect");
  await alice.page.evaluate(() => {
    addEventListener("pageshow", (event) => (document.title = event.persisted ? "restored" : "loaded"));
  });

  await alice.page.goto("data:text/html,elsewhere");
  await alice.page.goBack({ waitUntil: "commit" });

  await expect.poll(() => alice.page.title()).toBe("restored");
  await expectEvent(alice, "reconnected");
  const bob = await newReplica();
  await bob.call("connect");
  await expectPeers(bob, alice);
  await browser.close();
});
