/** Faults that only Chromium's debugging protocol can make: a renderer that crashes, a live connection that is cut. */

import type { CDPSession } from "@playwright/test";
import { expect, expectEvent, expectPeers, expectRows, test, type Replica } from "./support/test.ts";

const cutMs = 8_000;

test("notices a tab that crashed", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(alice, bob);
  const bobId = await bob.nodeId();

  const session = await bob.page.context().newCDPSession(bob.page);
  // Never answered: the one who would answer is gone.
  void session.send("Page.crash").catch(() => {});

  await expect.poll(() => alice.peers(), { timeout: 45_000 }).toEqual([]);
  expect((await expectEvent(alice, "peer-leave")).args).toEqual([bobId]);
});

/** Throttling reaches WebRTC only when it was on before the RTCPeerConnection was made. */
const openValve = async (replica: Replica): Promise<CDPSession> => {
  const session = await replica.page.context().newCDPSession(replica.page);
  await session.send("Network.enable");
  await setOffline(session, false);
  return session;
};

const setOffline = (session: CDPSession, offline: boolean): Promise<unknown> =>
  session.send("Network.emulateNetworkConditions", {
    offline,
    latency: 1,
    downloadThroughput: -1,
    uploadThroughput: -1,
  });

test("recovers when a live connection is cut for 8 seconds", async ({ newReplica }) => {
  test.setTimeout(120_000);
  const alice = await newReplica();
  const bob = await newReplica();
  const valve = await openValve(alice);
  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(alice, bob);

  await setOffline(valve, true);
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");
  await bob.exec("INSERT INTO notes (id) VALUES ('b')");
  await new Promise((resolve) => setTimeout(resolve, cutMs));
  // Without this the test would pass on a cut that never was.
  expect(await bob.rows("SELECT id FROM notes")).toEqual([{ id: "b" }]);
  await setOffline(valve, false);

  await expect
    .poll(() => alice.rows("SELECT id FROM notes ORDER BY id"), { timeout: 60_000 })
    .toEqual([{ id: "a" }, { id: "b" }]);
  await expectRows([bob], "SELECT id FROM notes ORDER BY id", [{ id: "a" }, { id: "b" }]);
  await alice.exec("INSERT INTO notes (id) VALUES ('c')");
  await expectRows([bob], "SELECT id FROM notes ORDER BY id", [{ id: "a" }, { id: "b" }, { id: "c" }]);
});
