/** The ways between a tab that follows and the one that leads. Everything else about tabs runs over ports in Chromium anyway. */

import { countBroadcasts } from "./support/broadcasts.ts";
import { expect, test, type Replica } from "./support/test.ts";

/** How many messages 20 calls of the tab post on a BroadcastChannel. */
const broadcastsOfCalls = ({ page }: Replica): Promise<number> =>
  page.evaluate(async () => {
    const ledger = window.ledgers.get("main")?.ledger;
    const before = window.broadcasts;
    for (let n = 0; n < 20; n += 1) await ledger?.exec("SELECT 1");
    return window.broadcasts - before;
  });

test("a following tab reaches its leader by a port, and the next one after a crash that took the broker along", async ({
  browser,
  baseURL,
  newReplica,
}) => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  await countBroadcasts(context);
  const alice = await newReplica({ context });
  const bob = await newReplica({ context });
  const carol = await newReplica({ context });
  await expect.poll(() => broadcastsOfCalls(bob)).toBe(0);
  await expect.poll(() => broadcastsOfCalls(carol)).toBe(0);

  // A tab that awaited its write has heard of it.
  const heard = await bob.page.evaluate(async () => {
    const opened = window.ledgers.get("main");
    const changes = (): number => opened?.events.filter(({ name }) => name === "change").length ?? 0;
    const before = changes();
    const counts: number[] = [];
    for (let n = 1; n <= 20; n += 1) {
      await opened?.ledger.exec("INSERT INTO notes (id) VALUES (?)", [`${n}`]);
      counts.push(changes() - before - n);
    }
    return counts;
  });
  expect(new Set(heard)).toEqual(new Set([0]));

  const session = await context.newCDPSession(alice.page);
  const crashed = alice.page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {}); // Never answered: the page that would answer is gone.
  await crashed;
  expect(await carol.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 20 }]);
  await expect.poll(async () => (await bob.status()).role).toBe("leader");
  await expect.poll(() => broadcastsOfCalls(carol)).toBe(0);
  await context.close();
});

for (const broker of ["is missing", "cannot be loaded"] as const) {
  test(`a following tab goes on over BroadcastChannel when the broker ${broker}`, async ({
    browser,
    baseURL,
    newReplica,
  }) => {
    const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
    await countBroadcasts(context);
    await context.addInitScript((isMissing) => {
      if (isMissing) return void Reflect.deleteProperty(window, "SharedWorker");
      window.SharedWorker = new Proxy(SharedWorker, {
        construct: (target, [, options]: [string, WorkerOptions]) => new target("/nowhere.js", options),
      });
    }, broker === "is missing");
    const alice = await newReplica({ context });
    const bob = await newReplica({ context });

    expect(await broadcastsOfCalls(bob)).toBeGreaterThanOrEqual(20);
    await bob.exec("INSERT INTO notes (id) VALUES ('b')");

    expect(await alice.rows("SELECT id FROM notes")).toEqual([{ id: "b" }]);
    await context.close();
  });
}
