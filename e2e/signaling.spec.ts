/** The signaling server as seen from a replica: only needed for meeting, allowed to die, and no judge of who belongs. */

import { createSignalingServer } from "./support/signaling-server.ts";
import { expect, expectEvent, expectPeers, expectRows, test } from "./support/test.ts";

test("keeps live links while the signaling server is down, and lets a newcomer in when it is back", async ({
  newReplica,
  signaling,
}) => {
  test.setTimeout(120_000);
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(alice, bob);

  await signaling.kill();
  await expectEvent(alice, "reconnecting");
  expect(await alice.call("isConnected")).toBe(false);
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'without a server')");
  await expectRows([bob], "SELECT title FROM notes", [{ title: "without a server" }]);

  await signaling.start();
  await expect.poll(async () => (await alice.events("reconnected")).length, { timeout: 60_000 }).toBeGreaterThan(0);
  await expect.poll(async () => (await bob.events("reconnected")).length, { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await alice.call("isConnected")).toBe(true);
  expect(await alice.events("peer-leave")).toEqual([]);

  const carol = await newReplica();
  await carol.call("connect");
  await expectPeers(carol, alice, bob);
  await expectRows([carol], "SELECT title FROM notes", [{ title: "without a server" }]);
});

test("never links with a peer that holds another token", async ({ newReplica, token }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  const mallory = await newReplica({ token: `${token.slice(1)}x` });
  await mallory.call("connect");
  await alice.call("connect");
  await bob.call("connect");

  await expectPeers(alice, bob);
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'secret')");
  await expectRows([bob], "SELECT title FROM notes", [{ title: "secret" }]);

  expect(await mallory.call("isConnected")).toBe(true);
  expect(await mallory.peers()).toEqual([]);
  expect(await mallory.events("peer-ready")).toEqual([]);
  expect(await mallory.rows("SELECT * FROM notes")).toEqual([]);
  await expectPeers(alice, bob);
});

test("says connected and disconnected, and joins again after disconnect()", async ({ newReplica }) => {
  const alice = await newReplica();
  await alice.call("connect");
  await expectEvent(alice, "connected");
  expect(await alice.call("isConnected")).toBe(true);

  await alice.call("disconnect");
  await expectEvent(alice, "disconnected");
  expect(await alice.call("isConnected")).toBe(false);

  await alice.call("connect");
  expect(await alice.call("isConnected")).toBe(true);
  await expect.poll(async () => (await alice.events("connected")).length).toBe(2);
});

test("notices a tab that went without a word", async ({ newReplica }) => {
  const alice = await newReplica();
  const bob = await newReplica();
  await alice.call("connect");
  await bob.call("connect");
  await expectPeers(alice, bob);
  const bobId = await bob.nodeId();

  await bob.page.close({ runBeforeUnload: false });

  await expect.poll(() => alice.peers(), { timeout: 45_000 }).toEqual([]);
  expect((await expectEvent(alice, "peer-leave")).args).toEqual([bobId]);
});

test("enters a server that asks for a bearer, also from a tab that follows, and says what is missing", async ({
  newReplica,
}) => {
  const secret = "s3cret-s3cret-s3cret";
  const guarded = await createSignalingServer({ AUTH_SECRETS: secret });
  await guarded.start();
  const options = { signalingUrl: guarded.url, dbName: "shared" };
  const mallory = await newReplica(options);
  const leader = await newReplica({ ...options, bearer: secret });
  const follower = await newReplica({ ...options, bearer: secret, context: leader.page.context() });

  expect(await mallory.failureOf("connect")).toBe("LEDGER_SIGNALING_REFUSED");
  await follower.call("connect");

  expect((await follower.status()).role).toBe("follower");
  expect(await leader.call("isConnected")).toBe(true);
  expect(await follower.call("isConnected")).toBe(true);
  await guarded.kill();
});
