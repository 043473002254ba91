/** The images of a log: made for newcomers, given in parts, and taken in from a peer. */

import { LedgerError } from "../common/errors.ts";
import type { SiteId } from "../common/ids.ts";
import type { LogStretch } from "../replication/core-state.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import { maxImageBytes } from "../replication/limits.ts";
import type { Cursor, ImagePart, ImagePlace } from "../replication/message.ts";
import { readCursor, siteNumber, writeCursor } from "./bookkeeping.ts";
import type { Applied } from "./change-writer.ts";
import type { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { createImageShelf, type MadeImage } from "./image-shelf.ts";
import { SnapshotRefusedError } from "./snapshot-refused.ts";
import { takeSnapshot } from "./take-snapshot.ts";
import { countCells, createSnapshotWriter } from "./write-snapshot.ts";

/** Below this, merging takes no longer than a person notices. */
const defaultLeastSnapshotCells = 2_000;

/** Beyond this taking an image, which is one transaction, would hold up its taker for too long. */
const mostSnapshotCells = 1_000_000;

/** Beyond this an image is not made before somebody asks for it: perhaps nobody will. */
const mostExpectedCells = 200_000;

/** Cells that an image may lack to be given to one more newcomer: those come as changes after it. */
const mostMissedCells = 4_000;

/** A stretch that begins with the log and has an image in place of its groups, of which this is the part to begin with. */
export type SnapshotStretch = Omit<LogStretch, "quarantineTo"> & { readonly part: ImagePart };

export interface SnapshotDelta {
  readonly peer: SiteId;
  readonly part: ImagePart;
  /** After it everything in the image was read. */
  readonly cursor: Cursor;
}

export interface LogSnapshots {
  /**
   * Everything that replicates as one image, for a replica that holds nothing; undefined when there is so little of it that
   * changes are as good, or so much that an image would be too large. An image that is here is given again.
   * @param resume - where to go on in an image that is perhaps still here
   */
  readSnapshot(resume?: ImagePlace): Promise<SnapshotStretch | undefined>;
  /** Makes the image for a replica that may be linked soon, if nothing was ever heard of it: it will most likely ask. */
  expect(peer: SiteId): Promise<void>;
  /** The next part of an image, after others have had a turn; undefined when it is gone. */
  readImagePart(place: ImagePlace): Promise<ImagePart | undefined>;
  /**
   * Takes in what readSnapshot() and readImagePart() gave at a peer, with the cursor in one transaction; undefined before
   * the last part is there. @throws SnapshotRefusedError
   */
  takeSnapshot(given: SnapshotDelta): Promise<Applied | undefined>;
  /** Forgets all other images: `made` here, by number, and in parts from peers. */
  keepImages(made: readonly number[], from: readonly SiteId[]): void;
}

export interface LogSnapshotsOptions {
  readonly database: Database;
  readonly readFrontier: (connection: Connection) => Promise<Frontier>;
  /** Resolves when others have had a turn. */
  readonly pause: () => Promise<void>;
  /** Cells below which no image is made. Default 2,000. */
  readonly leastCells?: number | undefined;
  /** Keys that are copied at a time. Default 2,000. */
  readonly sliceKeys?: number | undefined;
  /** Of an image in one message, at most. Default 256 KiB. */
  readonly partBytes?: number | undefined;
}

export const createLogSnapshots = (options: LogSnapshotsOptions): LogSnapshots => {
  const { database, readFrontier, pause, leastCells = defaultLeastSnapshotCells, sliceKeys, partBytes } = options;
  const images = createImageShelf(partBytes);
  database.onSchemaChange(images.dropMade);
  let making: Promise<MadeImage | undefined> | undefined;

  const isWorthAnImage = async (most: number): Promise<boolean> => {
    const cells = await database.read((connection) => countCells(connection, database.syncedTables, most + 1));
    return cells >= leastCells && cells <= most;
  };

  const makeImage = async (): Promise<MadeImage | undefined> => {
    if (!(await isWorthAnImage(mostSnapshotCells))) return undefined;
    const writer = createSnapshotWriter(() => database.syncedTables, sliceKeys);
    for (;;) {
      const made = await database.read(async (connection) => {
        const snapshot = await writer.next(connection);
        if (snapshot === undefined) return "more";
        return snapshot.bytes.length > maxImageBytes ? undefined : images.add(snapshot);
      });
      if (made !== "more") return made;
      await pause();
    }
  };

  /** Not by versions: from one opening of the database to the next they jump. */
  const missedBy = ({ to }: MadeImage): Promise<number> =>
    database.read((connection) => countCells(connection, database.syncedTables, mostMissedCells + 1, to));

  /** One that is here and not much older, one that is being made, or a new one. */
  const imageOfNow = async (): Promise<MadeImage | undefined> => {
    const newest = images.newest();
    if (newest !== undefined && (await missedBy(newest)) <= mostMissedCells) return newest;
    making ??= makeImage().finally(() => (making = undefined));
    return making;
  };

  const takeImage = (peer: SiteId, image: Uint8Array, cursor: Cursor): Promise<Applied> =>
    database
      .transact(
        { type: "remote", peerId: peer },
        async (connection, wrote) => {
          const taken = await takeSnapshot(connection, database.syncedTables, database.siteId, cursor.position);
          await wrote(peer);
          await writeCursor(connection, await siteNumber(connection, peer), cursor);
          const result = { count: taken.count, grew: true, unknown: false, frontier: await readFrontier(connection) };
          return { result, tables: taken.tables };
        },
        image,
      )
      .catch((error: unknown) => {
        // Not even a database.
        if (!(error instanceof LedgerError) || error.code !== "LEDGER_SQL_ERROR") throw error;
        throw new SnapshotRefusedError("malformed", error.message);
      });

  return {
    readSnapshot: async (resume) => {
      const given = resume === undefined ? undefined : images.find(resume.image);
      const image = given ?? (await imageOfNow());
      if (image === undefined) return undefined;
      return database.read(async (connection) => {
        const offset = given === undefined ? 0 : (resume?.offset ?? 0);
        const part = images.partAt({ image: image.image, offset });
        if (part === undefined) return undefined;
        // Not complete: it says nothing of the quarantine, and claims nothing.
        return { part, to: image.to, groups: [], rest: 0, complete: false, frontier: await readFrontier(connection) };
      });
    },

    expect: async (peer) => {
      const isKnown = await database.read(async (connection) => {
        const cursor = await readCursor(connection, peer);
        return cursor !== undefined || versionOf(await readFrontier(connection), peer) > 0;
      });
      if (!isKnown && (await isWorthAnImage(mostExpectedCells))) await imageOfNow();
    },

    readImagePart: async (place) => {
      await pause();
      return images.partAt(place);
    },

    takeSnapshot: async ({ peer, part, cursor }) => {
      const bytes = images.collect(peer, part);
      return bytes === undefined ? undefined : takeImage(peer, bytes, cursor);
    },

    keepImages: images.keepOnly,
  };
};
