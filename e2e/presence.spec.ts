/** Presence and broadcasts between real pages: how soon a page that goes is no longer shown. */

import { expect, expectPeers, test, type Replica } from "./support/test.ts";

const show = (replica: Replica, state: unknown): Promise<void> =>
  replica.page.evaluate((value) => window.ledgers.get("main")?.ledger.presence.set(value), state);

const shownTo = (replica: Replica): Promise<readonly unknown[]> =>
  replica.page.evaluate(() =>
    (window.ledgers.get("main")?.ledger.presence.peers ?? []).map(({ state }) => String(state)).sort(),
  );

/** Resolves with the time of the page's clock at which it shows exactly `states`. */
const shownAtMs = (replica: Replica, states: readonly unknown[]): Promise<number> =>
  replica.page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const presence = window.ledgers.get("main")?.ledger.presence;
        const look = (): void => {
          const present = presence?.peers.map(({ state }) => String(state)).sort();
          if (JSON.stringify(present) === JSON.stringify(wanted)) resolve(Date.now());
        };
        window.ledgers.get("main")?.ledger.on("presence", look);
        look();
      }),
    [...states],
  );

test("shows every tab's state, and none of a page within a second after it went", async ({ newReplica }) => {
  const alice = await newReplica();
  const follower = await newReplica({ context: alice.page.context() });
  const bob = await newReplica();
  for (const replica of [alice, bob]) await replica.call("connect");
  await expectPeers(bob, alice);

  await show(alice, "leads");
  await show(follower, "follows");
  await show(bob, "elsewhere");
  await expect.poll(() => shownTo(bob)).toEqual(["follows", "leads"]);
  await expect.poll(() => shownTo(follower)).toEqual(["elsewhere", "leads"]);

  const withoutFollower = shownAtMs(bob, ["leads"]);
  let leftAtMs = Date.now();
  await follower.page.goto("about:blank");
  expect((await withoutFollower) - leftAtMs).toBeLessThan(1_000);

  const withoutAlice = shownAtMs(bob, []);
  leftAtMs = Date.now();
  await alice.page.goto("about:blank");
  expect((await withoutAlice) - leftAtMs).toBeLessThan(1_000);
});
