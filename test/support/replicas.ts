/** Replicas with the real engine, linked in memory. */

import type { Clock } from "../../src/common/clock.ts";
import type { LinkId, SiteId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { openReplica, type Replica } from "../../src/replica.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import type { Link } from "../../src/transport/link.ts";
import { createMemoryNetwork, type MemoryPair } from "../../src/transport/memory-network.ts";
import { enableSyncOn, execOn } from "./calls.ts";

export const notesTable = `CREATE TABLE IF NOT EXISTS notes (
  id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', body TEXT NOT NULL DEFAULT '', stars INTEGER)`;

let nextLink = 1;

/** A replica in memory, with the notes table unless `schema` says otherwise. */
export const openMemoryReplica = async (
  options: { readonly schema?: string | false; readonly clock?: Clock } = {},
): Promise<Replica> => {
  const replica = await openReplica(
    { name: crypto.randomUUID(), ladder: ["memory"], relayDelayMs: 30 },
    { clock: options.clock ?? createSystemClock(), random: createSystemRandom(), logger: createSilentLogger() },
  );
  if (options.schema !== false) {
    await execOn(replica, { sql: options.schema ?? notesTable });
    await enableSyncOn(replica, "notes");
  }
  return replica;
};

export interface Connection {
  readonly pair: MemoryPair;
  readonly links: readonly [Link, Link];
  /** Closes the link as if the channel had gone. */
  drop(): void;
}

/** Links two replicas. */
export const connect = (alice: Replica, bob: Replica, clock: Clock = createSystemClock()): Connection => {
  const pair = createMemoryNetwork().connect();
  const linkTo = (channel: typeof pair.alice, peer: Replica): Link =>
    createLink(channel, { id: nextLink++ as LinkId, peer: { siteId: peer.siteId, epoch: peer.epoch }, clock });
  const links = [linkTo(pair.alice, bob), linkTo(pair.bob, alice)] as const;
  alice.attach(links[0]);
  bob.attach(links[1]);
  return { pair, links, drop: () => links[0].close("test") };
};

/** Resolves once `replica` is in step with all of `peers` as far as it knows. */
export const settled = (replica: Replica, ...peers: readonly Replica[]): Promise<void> =>
  new Promise((resolve) => {
    const isSettled = (): boolean =>
      peers.every((peer) =>
        replica.progress.some(
          (entry) => entry.peerId === peer.siteId && entry.pending.changes === 0 && entry.digest === "same",
        ),
      );
    if (isSettled()) return resolve();
    const off = replica.on("progress", () => {
      if (!isSettled()) return;
      off();
      resolve();
    });
  });

/** What must be equal on every replica in the end. */
export const changesOf = async (replica: Replica): Promise<unknown> =>
  (
    await execOn(replica, {
      sql: `SELECT "table", hex(pk) AS pk, cid, typeof(val) AS class, quote(val) AS val, col_version, cl
            FROM crsql_changes`,
    })
  ).rows
    .map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)))
    .sort();

export const rowsOf = async (replica: Replica, sql = "SELECT * FROM notes ORDER BY id"): Promise<unknown> =>
  (await execOn(replica, { sql })).rows;

export type { SiteId };
