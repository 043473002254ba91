/** Two replicas that should hold the same and do not: a damaged file, or a defect. */

import { afterEach, expect, test } from "vitest";
import type { LinkId, SiteId } from "../src/common/ids.ts";
import { createSilentLogger } from "../src/common/logger.ts";
import { createSystemClock } from "../src/common/system-clock.ts";
import { defaultDelays } from "../src/replication/core-state.ts";
import { createReplicator, type Replicator } from "../src/replicator.ts";
import { createLink } from "../src/transport/channel-link.ts";
import { createMemoryNetwork } from "../src/transport/memory-network.ts";
import { closeLogs, openLog, type Log } from "./change-log/logs.ts";

const clock = createSystemClock();
const replicators: Replicator[] = [];

afterEach(async () => {
  await Promise.all(replicators.splice(0).map((replicator) => replicator.close()));
  await closeLogs();
});

const replicate = ({ database, log }: Log): Replicator => {
  const delays = { ...defaultDelays, digestDelayMs: 20 };
  const replicator = createReplicator({ database, log, clock, logger: createSilentLogger(), delays });
  replicators.push(replicator);
  return replicator;
};

let nextLink = 1;

const connect = (alice: Log, ofAlice: Replicator, bob: Log, ofBob: Replicator): void => {
  const pair = createMemoryNetwork().connect();
  const linkTo = (channel: typeof pair.alice, { site, log }: Log) =>
    createLink(channel, { id: nextLink++ as LinkId, peer: { siteId: site, epoch: log.epoch }, clock });
  ofAlice.attach(linkTo(pair.alice, bob));
  ofBob.attach(linkTo(pair.bob, alice));
};

const untilDigestIs = (replicator: Replicator, digest: "same" | "different"): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (replicator.progress()[0]?.digest !== digest) return;
      off();
      resolve();
    };
    const off = replicator.on("progress", look);
    look();
  });

const nextDiverged = (replicator: Replicator): Promise<SiteId> =>
  new Promise((resolve) => {
    replicator.on("diverged", resolve);
  });

test("is told on both sides and repaired, and the rows are the same afterwards", async () => {
  const schema = "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT)";
  const [alice, bob] = [await openLog(schema), await openLog(schema)];
  const [ofAlice, ofBobBefore] = [replicate(alice), replicate(bob)];
  await alice.exec("INSERT INTO notes VALUES ('a', 'as it was'), ('b', 'as it was')");
  connect(alice, ofAlice, bob, ofBobBefore);
  await Promise.all([untilDigestIs(ofAlice, "same"), untilDigestIs(ofBobBefore, "same")]);
  await ofBobBefore.close();
  // Behind the back of all bookkeeping, as a flipped bit would.
  await bob.database.transact({ type: "local" }, async (connection) => {
    await connection.run("UPDATE notes__crsql_clock SET col_version = 9 WHERE col_name = 'title' AND key = 1");
    return { result: undefined, tables: [] };
  });
  const ofBob = replicate(bob);
  const told = Promise.all([nextDiverged(ofAlice), nextDiverged(ofBob)]);

  connect(alice, ofAlice, bob, ofBob);
  const diverged = await told;
  await Promise.all([untilDigestIs(ofAlice, "same"), untilDigestIs(ofBob, "same")]);

  expect(diverged).toEqual([bob.site, alice.site]);
  const cells = "SELECT hex(pk), cid, val, col_version, cl FROM crsql_changes ORDER BY 1, 2";
  expect(await alice.rows(cells)).toEqual(await bob.rows(cells));
  expect(await alice.rows("SELECT max(col_version) FROM crsql_changes")).toEqual([[9]]);
});
