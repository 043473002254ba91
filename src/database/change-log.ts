/**
 * A replica's log as replication sees it: what is held, what a peer lacks, and merging what a peer sent. All of it on
 * the database's one queue, so its answers are of one moment each and come in the order of those moments.
 */

import type { Epoch, SiteId } from "../common/ids.ts";
import type { LogStretch } from "../replication/core-state.ts";
import type { ChangeGroup } from "../replication/change.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import type { Cursor } from "../replication/message.ts";
import { stampOf, type SchemaStamp } from "../replication/schema-stamp.ts";
import * as books from "./bookkeeping.ts";
import { newestVersion, readFrontier, readStretch, type Stretch } from "./change-reader.ts";
import { isApplicable, mergeGroups, type Applied, type Merged } from "./change-writer.ts";
import {
  conflictSchema,
  createUnseenWrites,
  forgetOldConflicts,
  newestConflict,
  readConflicts,
  readSeen,
  writeSeen,
  type Conflict,
} from "./conflicts.ts";
import type { Connection, MaybePromise } from "./connection.ts";
import type { Database, SyncedTable } from "./database.ts";
import { readDigest, type Digest } from "./digest-reader.ts";
import { createLogSnapshots, type LogSnapshots } from "./log-snapshots.ts";
import { newestMigration } from "./migration-log.ts";
import { forgetOldRequests } from "./request-log.ts";
import { ownSite, tidyRuns } from "./origin-runs.ts";
import { readQuarantine, takeFromQuarantine } from "./quarantine.ts";

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

export interface ChangeLog extends LogSnapshots {
  readonly epoch: Epoch;
  /** No version up to this one is given to a write any more, unless it was before. */
  readonly reservedTo: number;
  /** What is held, and how far `peer`'s log was read. */
  greeting(peer: SiteId): Promise<{ readonly frontier: Frontier; readonly cursor: Cursor | undefined }>;
  /** What is held. */
  frontier(): Promise<Frontier>;
  /** What replicates here. */
  schema(): Promise<SchemaStamp>;
  /** Place in the own log that a peer's cursor stands for. */
  resumePosition(cursor: Cursor | undefined): number;
  /**
   * When `version` is one of our own that no opening of this database can have written, or one that was lost since: the
   * newest version before the loss. Undefined when nothing is missing.
   */
  lostAfter(version: number): number | undefined;
  /** A peer says that it holds own writes up to `version`. */
  noteSeen(version: number): void;
  /** The newest version that was written here; 0 when none was. */
  ownVersion(): Promise<number>;
  read(request: ReadRequest): Promise<LogStretch & Pick<Stretch, "unsendable">>;
  /** Rows, cursor and frontier in one transaction; all or nothing. */
  apply(delta: Delta): Promise<Applied>;
  /** Of everything, for as long as nothing changes: undefined when something did before all was read. */
  digest(): Promise<Digest | undefined>;
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
  /** Keys that are copied into an image at a time. Default 2,000. */
  readonly snapshotSliceKeys?: number;
  /** Resolves when others have had a turn; by default of the event loop. */
  readonly pause?: () => Promise<void>;
  /** Of an image in one message, at most. Default 256 KiB. */
  readonly imagePartBytes?: number;
  /** Told once it is stored. */
  readonly onConflict?: (conflict: Conflict) => void;
}

export const openChangeLog = async (options: ChangeLogOptions): Promise<ChangeLog> => {
  const { database, epoch, nowMs, stretchChanges = defaultStretchChanges, onConflict = () => {} } = options;
  const { pause = () => new Promise<void>((resolve) => setTimeout(resolve)) } = options;
  const own = database.siteId;
  let listed = { of: database.syncedTables, tables: [...database.syncedTables.values()] };
  const tables = (): readonly SyncedTable[] => {
    const of = database.syncedTables;
    if (of !== listed.of) listed = { of, tables: [...of.values()] };
    return listed.tables;
  };
  const frontierNow = (connection: Connection): Promise<Frontier> => readFrontier(connection, tables(), own);

  /** Where the tidying of runs goes on; a rolled back one is made up for in the next round. */
  let tidiedTo = 0;

  const epochs = await database.transact({ type: "local" }, async (connection) => {
    await books.createBookkeepingTables(connection);
    await connection.run(conflictSchema);
    await forgetOldRequests(connection);
    const result = await books.recordEpoch(connection, {
      epoch,
      // What was newest may have gone with a table that a migration dropped.
      newestVersion: Math.max(await newestVersion(connection, tables()), versionOf(await frontierNow(connection), own)),
      nowMs,
    });
    return { result, tables: [] };
  });

  /** Newest own version that a peer said to hold, and what is stored of it. */
  let seen = await database.read(readSeen);
  let storedSeen = seen;
  /** Own writes up to this version that were lost are held again; only a peer's claim can name a version of a gap. */
  const newestOwn = versionOf(await database.read(frontierNow), own);
  let regainedTo = books.lostAfter(epochs, newestOwn) === undefined ? 0 : newestOwn;
  /** What the transaction under way found. */
  let found: { readonly conflicts: readonly Conflict[]; readonly seen: number } = { conflicts: [], seen };
  // In the commit itself, so that the answer of apply() is as early as ever: the order of facts depends on it.
  database.onCommit(({ origin }) => {
    if (origin.type === "local") return;
    const { conflicts } = found;
    storedSeen = found.seen;
    found = { conflicts: [], seen: storedSeen };
    for (const conflict of conflicts) onConflict(conflict);
  });

  /** @param seenThen - as of the arrival of `groups`: what a peer says after it sent them makes nothing undone */
  const merge = async (
    connection: Connection,
    groups: readonly ChangeGroup[],
    seenThen: number,
    numberOf: books.SiteNumbers,
    wrote: (who: SiteId) => MaybePromise<void>,
  ): Promise<Merged> => {
    found = { conflicts: [], seen: storedSeen };
    const readNewest = (): Promise<number> => newestVersion(connection, tables());
    const newest = await readNewest();
    if (groups.length === 0) return { count: 0, quarantined: 0, unknown: false, tables: [], newest };
    const known = database.syncedTables;
    const isUnseen = versionOf(await books.readFrontierAt(connection, own, newest), own) > seenThen;
    const unseen = isUnseen ? createUnseenWrites(connection, known, seenThen) : undefined;
    const before = isUnseen ? await newestConflict(connection) : 0;
    const merged = await mergeGroups({
      connection,
      tables: known,
      own,
      groups,
      newest,
      readNewest,
      numberOf,
      unseen,
      wrote,
    });
    if (seen > storedSeen) await writeSeen(connection, seen);
    const hasConflicts = isUnseen && (await newestConflict(connection)) !== before;
    if (hasConflicts) await forgetOldConflicts(connection);
    found = { conflicts: hasConflicts ? await readConflicts(connection, known, before) : [], seen };
    return merged;
  };

  const replayQuarantine = (): Promise<number> =>
    database.transact({ type: "remote", peerId: own }, async (connection, wrote) => {
      const groups = await takeFromQuarantine(connection, (change) => isApplicable(database.syncedTables, change));
      const merged = await merge(connection, groups, seen, books.createSiteNumbers(connection), wrote);
      return { result: merged.count, tables: merged.tables };
    });
  const snapshots = createLogSnapshots({
    database,
    readFrontier: frontierNow,
    pause,
    leastCells: options.leastSnapshotCells,
    sliceKeys: options.snapshotSliceKeys,
    partBytes: options.imagePartBytes,
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

    schema: () => database.read(async (connection) => stampOf(tables(), await newestMigration(connection))),

    resumePosition: (cursor) => books.resumePosition(epochs, cursor),

    lostAfter: (version) => (version <= regainedTo ? undefined : books.lostAfter(epochs, version)),

    ownVersion: async () => versionOf(await database.read(frontierNow), own),

    read: (request) =>
      database.read(async (connection) => {
        const stretch = await readStretch(connection, tables(), own, { ...request, limit: stretchChanges });
        if (!stretch.complete) return { ...stretch, quarantineTo: request.quarantineAfter };
        const quarantine = await readQuarantine(connection, request.quarantineAfter, request.known);
        return { ...stretch, groups: [...stretch.groups, ...quarantine.groups], quarantineTo: quarantine.to };
      }),

    apply: async (delta) => {
      const seenThen = seen;
      const applied = await database.transact({ type: "remote", peerId: delta.peer }, async (connection, wrote) => {
        const numberOf = books.createSiteNumbers(connection);
        const merged = await merge(connection, delta.groups, seenThen, numberOf, wrote);
        for (const [site, version] of delta.claims) {
          // Of the own writes others can tell only what was lost: the rest is known from the log itself.
          if (site === own && books.lostAfter(epochs, version) === undefined) continue;
          const number = site === own ? ownSite : await numberOf(site);
          await books.raiseEntry(connection, number, version);
        }
        await books.writeCursor(connection, await numberOf(delta.peer), delta.cursor);
        tidiedTo = await tidyRuns(connection, tables(), tidiedTo, Math.min(2 * delta.groups.length + 2, mostTidied));
        const result = {
          count: merged.count,
          grew: merged.count + merged.quarantined > 0,
          unknown: merged.unknown,
          frontier: await books.readFrontierAt(connection, own, merged.newest),
        };
        return { result, tables: merged.tables };
      });
      const claimed = versionOf(delta.claims, own);
      if (books.lostAfter(epochs, claimed) !== undefined) regainedTo = Math.max(regainedTo, claimed);
      return applied;
    },

    noteSeen: (version) => {
      seen = Math.max(seen, version);
    },

    ...snapshots,

    digest: () => readDigest(database, frontierNow, pause),

    replayQuarantine,
  };
};
