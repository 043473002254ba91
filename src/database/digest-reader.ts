/**
 * The digest of everything that replicates, read in slices, so that whoever writes meanwhile waits for one of them and not for
 * all. A version with very many changes is cut by their places in it: whatever they are, each change lies in one slice.
 */

import { createDigestBuilder } from "../replication/digest.ts";
import type { Frontier } from "../replication/frontier.ts";
import type { TableDigest } from "../replication/message.ts";
import { cutOff, newestVersion, visitChanges } from "./change-reader.ts";
import type { Connection } from "./connection.ts";
import type { Database, SyncedTable } from "./database.ts";
import { clockOf } from "./engine-tables.ts";

/** About ten milliseconds of reading. */
const sliceChanges = 1_000;

/** Each slice of a large version looks at all of its index entries: more slices would take longer than they spare others. */
const mostSlicesOfVersion = 16;

export interface Digest {
  /** As of the end of reading, and of its beginning. */
  readonly frontier: Frontier;
  readonly tables: readonly TableDigest[];
}

/**
 * @param pause - resolves when others have had a turn: the engine answers at once, so that without one all slices would be read
 *   before anything is heard of a write
 * @returns undefined when something changed before all was read
 */
export const readDigest = async (
  database: Pick<Database, "read" | "syncedTables">,
  frontierNow: (connection: Connection) => Promise<Frontier>,
  pause: () => Promise<void>,
): Promise<Digest | undefined> => {
  const { syncedTables } = database;
  const tables = [...syncedTables.values()];
  const builder = createDigestBuilder();
  const begun = await database.read(async (connection) => ({
    newest: await newestVersion(connection, tables),
    frontier: await frontierNow(connection),
  }));

  /** Runs between other work; false when nothing is to be gone on with. */
  const inSlice = (work: (connection: Connection) => Promise<void>): Promise<boolean> =>
    database.read(async (connection) => {
      const isSame =
        database.syncedTables === syncedTables && (await newestVersion(connection, tables)) === begun.newest;
      if (isSame) await work(connection);
      return isSame;
    });

  for (let first = 1; first <= begun.newest;) {
    if (first > 1) await pause();
    let end = begun.newest;
    let size = 0;
    const isSame = await inSlice(async (connection) => {
      end = await cutOff(connection, tables, { first, last: begun.newest }, sliceChanges);
      if (first === end) size = await sizeOf(connection, tables, end);
      if (size <= 2 * sliceChanges) await visitChanges(connection, tables, { first, last: end }, builder.add);
    });
    if (!isSame) return undefined;
    if (size > 2 * sliceChanges) {
      const width = Math.max(sliceChanges, Math.ceil(size / mostSlicesOfVersion));
      for (let seq = 0; seq < size; seq += width) {
        await pause();
        const places = { from: seq, before: seq + width };
        const goesOn = await inSlice((connection) =>
          visitChanges(connection, tables, { first: end, last: end }, builder.add, places),
        );
        if (!goesOn) return undefined;
      }
    }
    first = end + 1;
  }
  // Of one moment: nothing changed since it was begun.
  return { frontier: begun.frontier, tables: builder.finish() };
};

/** Places that the changes of a version have in it: one more than the last. */
const sizeOf = async (connection: Connection, tables: readonly SyncedTable[], version: number): Promise<number> => {
  let size = 0;
  for (const table of tables) {
    const [row] = await connection.all(`SELECT max(seq) FROM ${clockOf(table)} WHERE db_version = ?`, [version]);
    size = Math.max(size, ((row?.[0] ?? -1) as number) + 1);
  }
  return size;
};
