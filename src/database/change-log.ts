/**
 * A replica's log as replication sees it: what is held, what a peer lacks, and merging what a peer sent. All of it on
 * the database's one queue, so its answers are of one moment each and come in the order of those moments.
 */

import { LedgerError } from "../common/errors.ts";
import type { Epoch, SiteId } from "../common/ids.ts";
import type { LogStretch } from "../replication/core-state.ts";
import type { ChangeGroup } from "../replication/change.ts";
import { createDigestBuilder } from "../replication/digest.ts";
import { maxImageBytes } from "../replication/limits.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import type { Cursor, TableDigest } from "../replication/message.ts";
import * as books from "./bookkeeping.ts";
import { newestVersion, readFrontier, readStretch, visitAllChanges, type Stretch } from "./change-reader.ts";
import { isApplicable, mergeGroups } from "./change-writer.ts";
import type { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { forgetOldRequests } from "./request-log.ts";
import { tidyRuns } from "./origin-runs.ts";
import { SnapshotRefusedError } from "./snapshot-refused.ts";
import { countCells, takeSnapshot, writeSnapshot, type Snapshot } from "./snapshot.ts";
import { readQuarantine, takeFromQuarantine } from "./quarantine.ts";

/** Below this, merging takes no longer than a person notices. */
const defaultLeastSnapshotCells = 2_000;

/** Beyond this an image most likely does not fit into a message, and making it would stall the app for too long. */
const mostSnapshotCells = 1_000_000;

/** Changes of one stretch, about. Larger ones hold up what the app asks for, smaller ones cost more per change. */
const defaultStretchChanges = 4000;

/** Runs that are looked at for tidying in one merge, at most. */
const mostTidied = 512;

export interface ReadRequest {
  readonly after: number;
  readonly quarantineAfter: number;
  readonly known: Frontier;
}

export interface Delta {
  readonly peer: SiteId;
  readonly groups: readonly ChangeGroup[];
  readonly cursor: Cursor;
  readonly claims: Frontier;
}

/** A stretch that begins with the log and has an image in place of its groups. */
export type SnapshotStretch = Omit<LogStretch, "quarantineTo"> & Pick<Snapshot, "image">;

export interface SnapshotDelta {
  readonly peer: SiteId;
  readonly image: Uint8Array;
  /** After it everything in the image was read. */
  readonly cursor: Cursor;
}

export interface Applied {
  /** Changes that had an effect. */
  readonly count: number;
  /** Whether there is something new to pass on. */
  readonly grew: boolean;
  /** The whole frontier after it. */
  readonly frontier: Frontier;
}

export interface ChangeLog {
  readonly epoch: Epoch;
  /** No version up to this one is given to a write any more, unless it was before. */
  readonly reservedTo: number;
  /** What is held, and how far `peer`'s log was read. */
  greeting(peer: SiteId): Promise<{ readonly frontier: Frontier; readonly cursor: Cursor | undefined }>;
  /** What is held. */
  frontier(): Promise<Frontier>;
  /** Place in the own log that a peer's cursor stands for. */
  resumePosition(cursor: Cursor | undefined): number;
  /**
   * When `version` is one of our own that no opening of this database can have written, or one that was lost since: the
   * newest version before the loss. Undefined when nothing is missing.
   */
  lostAfter(version: number): number | undefined;
  /** The newest version that was written here; 0 when none was. */
  ownVersion(): Promise<number>;
  read(request: ReadRequest): Promise<LogStretch & Pick<Stretch, "unsendable">>;
  /** Rows, cursor and frontier in one transaction; all or nothing. */
  apply(delta: Delta): Promise<Applied>;
  /**
   * Everything that replicates as one image, for a replica that holds nothing; undefined when there is so little of it that
   * changes are as good, or so much that it would not fit into a message.
   */
  readSnapshot(): Promise<SnapshotStretch | undefined>;
  /** Takes in what readSnapshot() gave at a peer, with the cursor in one transaction. @throws SnapshotRefusedError */
  takeSnapshot(given: SnapshotDelta): Promise<Applied>;
  digest(): Promise<{ readonly frontier: Frontier; readonly tables: readonly TableDigest[] }>;
  /** Applies what the schema can take by now; answers the number of changes that had an effect. */
  replayQuarantine(): Promise<number>;
}

export interface ChangeLogOptions {
  readonly database: Database;
  /** Fresh for this opening of the database. */
  readonly epoch: Epoch;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Changes of one stretch, about; whole versions always. Default 4,000. */
  readonly stretchChanges?: number;
  /** Cells below which no snapshot is made. Default 2,000. */
  readonly leastSnapshotCells?: number;
}

export const openChangeLog = async (options: ChangeLogOptions): Promise<ChangeLog> => {
  const { database, epoch, nowMs, stretchChanges = defaultStretchChanges } = options;
  const { leastSnapshotCells = defaultLeastSnapshotCells } = options;
  const own = database.siteId;
  const tables = () => [...database.syncedTables.values()];
  const frontierNow = (connection: Connection): Promise<Frontier> => readFrontier(connection, tables(), own);

  /** Where the tidying of runs goes on; a rolled back one is made up for in the next round. */
  let tidiedTo = 0;

  const epochs = await database.transact({ type: "local" }, async (connection) => {
    await books.createBookkeepingTables(connection);
    await forgetOldRequests(connection);
    const result = await books.recordEpoch(connection, {
      epoch,
      // What was newest may have gone with a table that a migration dropped.
      newestVersion: Math.max(await newestVersion(connection, tables()), versionOf(await frontierNow(connection), own)),
      nowMs,
    });
    return { result, tables: [] };
  });

  const replayQuarantine = (): Promise<number> =>
    database.transact({ type: "remote", peerId: own }, async (connection, wrote) => {
      const groups = await takeFromQuarantine(connection, (change) => isApplicable(database.syncedTables, change));
      if (groups.length === 0) return { result: 0, tables: [] };
      const merged = await mergeGroups({ connection, tables: database.syncedTables, own, groups, wrote });
      return { result: merged.count, tables: merged.tables };
    });
  // What became applicable just before the process ended.
  await replayQuarantine();

  return {
    epoch,
    reservedTo: epochs.at(-1)?.skippedTo ?? 0,

    greeting: (peer) =>
      database.read(async (connection) => ({
        frontier: await frontierNow(connection),
        cursor: await books.readCursor(connection, peer),
      })),

    frontier: () => database.read(frontierNow),

    resumePosition: (cursor) => books.resumePosition(epochs, cursor),

    lostAfter: (version) => books.lostAfter(epochs, version),

    ownVersion: async () => versionOf(await database.read(frontierNow), own),

    read: (request) =>
      database.read(async (connection) => {
        const stretch = await readStretch(connection, tables(), own, { ...request, limit: stretchChanges });
        if (!stretch.complete) return { ...stretch, quarantineTo: request.quarantineAfter };
        const quarantine = await readQuarantine(connection, request.quarantineAfter, request.known);
        return { ...stretch, groups: [...stretch.groups, ...quarantine.groups], quarantineTo: quarantine.to };
      }),

    apply: (delta) =>
      database.transact({ type: "remote", peerId: delta.peer }, async (connection, wrote) => {
        const merged =
          delta.groups.length === 0
            ? { count: 0, quarantined: 0, tables: [] }
            : await mergeGroups({ connection, tables: database.syncedTables, own, groups: delta.groups, wrote });
        for (const [site, version] of delta.claims) {
          // What was written here is known from the log itself.
          if (site !== own) await books.raiseEntry(connection, await books.siteNumber(connection, site), version);
        }
        await books.writeCursor(connection, delta.peer, delta.cursor);
        tidiedTo = await tidyRuns(connection, tables(), tidiedTo, Math.min(2 * delta.groups.length + 2, mostTidied));
        const result = {
          count: merged.count,
          grew: merged.count + merged.quarantined > 0,
          frontier: await frontierNow(connection),
        };
        return { result, tables: merged.tables };
      }),

    readSnapshot: () =>
      database.read(async (connection) => {
        const cells = await countCells(connection, database.syncedTables, mostSnapshotCells + 1);
        if (cells < leastSnapshotCells || cells > mostSnapshotCells) return undefined;
        const snapshot = await writeSnapshot(connection, database.syncedTables, own);
        if (snapshot.image.length > maxImageBytes) return undefined;
        // Not complete: it says nothing of the quarantine, and claims nothing.
        return { ...snapshot, groups: [], rest: 0, complete: false, frontier: await frontierNow(connection) };
      }),

    takeSnapshot: ({ peer, image, cursor }) =>
      database
        .transact(
          { type: "remote", peerId: peer },
          async (connection, wrote) => {
            const taken = await takeSnapshot(connection, database.syncedTables, own, cursor.position);
            await wrote(peer);
            await books.writeCursor(connection, peer, cursor);
            const result = { count: taken.count, grew: true, frontier: await frontierNow(connection) };
            return { result, tables: taken.tables };
          },
          image,
        )
        .catch((error: unknown) => {
          // Not even a database.
          if (!(error instanceof LedgerError) || error.code !== "LEDGER_SQL_ERROR") throw error;
          throw new SnapshotRefusedError("malformed", error.message);
        }),

    digest: () =>
      database.read(async (connection) => {
        const builder = createDigestBuilder();
        await visitAllChanges(connection, builder.add);
        return { frontier: await frontierNow(connection), tables: builder.finish() };
      }),

    replayQuarantine,
  };
};
