/**
 * Ledger's own tables beside cr-sqlite's: which local version stands for which transaction of which replica, what this
 * replica holds, how far it has read each peer's log, and what it cannot apply yet. Written only inside the transaction
 * of the rows they speak for.
 */

import { bytesToHex, bytesToSiteId, hexToBytes, siteIdToBytes, type Epoch, type SiteId } from "../common/ids.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import type { Cursor } from "../replication/message.ts";
import type { Connection } from "./connection.ts";
import { closeOwnRun, isOwnVersion, ownSite, runSchema } from "./origin-runs.ts";
import { requestLogSchema } from "./request-log.ts";

/** Openings of the database that are remembered; a peer whose cursor is of an older one reads from the beginning. */
const keptEpochs = 64;

const schema = `
  CREATE TABLE IF NOT EXISTS ledger_site (id INTEGER PRIMARY KEY, site BLOB NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS ledger_frontier (site INTEGER PRIMARY KEY, version INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS ledger_cursor (site INTEGER PRIMARY KEY, epoch BLOB NOT NULL, position INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS ledger_epoch (
    id INTEGER PRIMARY KEY, epoch BLOB NOT NULL, from_version INTEGER NOT NULL, skipped_to INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ledger_quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site INTEGER NOT NULL, origin_version INTEGER NOT NULL,
    tbl TEXT NOT NULL, pk BLOB NOT NULL, cid TEXT NOT NULL, value_class INTEGER NOT NULL, value,
    col_version INTEGER NOT NULL, cl INTEGER NOT NULL, seq INTEGER NOT NULL,
    UNIQUE (site, origin_version, tbl, pk, cid)
  );
`;

/** One opening of the database, and the newest version that was stored then. */
export interface EpochRecord {
  readonly epoch: Epoch;
  readonly fromVersion: number;
  /** The versions after `fromVersion` up to this one were never used. */
  readonly skippedTo: number;
}

export const createBookkeepingTables = (connection: Connection): Promise<void> =>
  connection.run(schema + runSchema + requestLogSchema);

/**
 * Records that the database is open under `epoch` and answers all remembered openings, oldest first. Every opening but
 * the first skips versions, see {@link firstVersionAt}.
 * @param newestVersion - that is stored
 */
export const recordEpoch = async (
  connection: Connection,
  opening: { readonly epoch: Epoch; readonly newestVersion: number; readonly nowMs: number },
): Promise<readonly EpochRecord[]> => {
  const { epoch, newestVersion, nowMs } = opening;
  const isFirst = (await connection.all("SELECT 1 FROM ledger_epoch LIMIT 1")).length === 0;
  const skippedTo = isFirst ? newestVersion : Math.max(newestVersion, firstVersionAt(nowMs));
  if (!isFirst) {
    // cr-sqlite goes on from the larger of this entry, kept for its own compaction, and what is stored.
    await connection.all("INSERT OR REPLACE INTO crsql_master (key, value) VALUES ('pre_compact_dbversion', ?)", [
      skippedTo,
    ]);
  }
  await connection.all("INSERT INTO ledger_epoch (epoch, from_version, skipped_to) VALUES (?, ?, ?)", [
    hexToBytes(epoch),
    newestVersion,
    skippedTo,
  ]);
  await connection.all(
    "DELETE FROM ledger_epoch WHERE id NOT IN (SELECT id FROM ledger_epoch ORDER BY id DESC LIMIT ?)",
    [keptEpochs],
  );
  const rows = await connection.all("SELECT epoch, from_version, skipped_to FROM ledger_epoch ORDER BY id");
  return rows.map(([bytes, from, to]) => ({
    epoch: bytesToHex(bytes as Uint8Array) as Epoch,
    fromVersion: from as number,
    skippedTo: to as number,
  }));
};

/**
 * Where own writes begin in an opening of the database: above everything that any earlier opening can have written, also
 * when its end was lost in a crash or an older file was put back, so that no version ever stands for two writes. Taken
 * from the clock at 1,024 versions a millisecond, which no replica writes. A clock set back weakens only this protection:
 * merging never looks at it.
 */
const firstVersionAt = (nowMs: number): number => Math.trunc(nowMs) * 1024;

/**
 * Gives this replica the id `site`, under which all its own writes stand from then on. What peers hold under the old id is
 * read from them again, from the beginning: they left out what this replica seemed to have written itself.
 * The engine must be opened anew behind it.
 */
export const changeSiteId = async (connection: Connection, site: Uint8Array): Promise<void> => {
  await connection.all("UPDATE crsql_site_id SET site_id = ? WHERE ordinal = 0", [site]);
  await connection.all("DELETE FROM ledger_cursor");
};

/** Newest own version before the gap in which `version` lies; undefined when it lies in none. */
export const lostAfter = (epochs: readonly EpochRecord[], version: number): number | undefined =>
  epochs.find((record) => version > record.fromVersion && version <= record.skippedTo)?.fromVersion;

/**
 * Place in the own log that a peer's cursor stands for. What was written in an opening after the place where the next
 * one began was lost in between (a crash, a restored file), so a cursor beyond it is set back to it.
 */
export const resumePosition = (epochs: readonly EpochRecord[], cursor: Cursor | undefined): number => {
  if (cursor === undefined) return 0;
  const index = epochs.findLastIndex((record) => record.epoch === cursor.epoch);
  if (index === -1) return 0;
  const next = epochs[index + 1];
  return next === undefined ? cursor.position : Math.min(cursor.position, next.fromVersion);
};

/** The small number that stands for a site in Ledger's tables; given to it when it is new. */
export const siteNumber = async (connection: Connection, site: SiteId): Promise<number> => {
  const bytes = siteIdToBytes(site);
  const found = await connection.all("SELECT id FROM ledger_site WHERE site = ?", [bytes]);
  if (found[0] !== undefined) return found[0][0] as number;
  const made = await connection.all("INSERT INTO ledger_site (site) VALUES (?) RETURNING id", [bytes]);
  return made[0]?.[0] as number;
};

/** {@link siteNumber} that looks each site up once; for one transaction, since undoing it takes numbers back. */
export type SiteNumbers = (site: SiteId) => Promise<number>;

export const createSiteNumbers = (connection: Connection): SiteNumbers => {
  const numbers = new Map<SiteId, Promise<number>>();
  return (site) => {
    let number = numbers.get(site);
    if (number === undefined) numbers.set(site, (number = siteNumber(connection, site)));
    return number;
  };
};

/** Raises an entry of the frontier; never lowers it. @param site - number of the site, or {@link ownSite} */
export const raiseEntry = async (connection: Connection, site: number, version: number): Promise<void> => {
  await connection.all(
    `INSERT INTO ledger_frontier (site, version) VALUES (?, ?)
     ON CONFLICT (site) DO UPDATE SET version = max(version, excluded.version)`,
    [site, version],
  );
};

export const readCursor = async (connection: Connection, peer: SiteId): Promise<Cursor | undefined> => {
  const rows = await connection.all(
    "SELECT c.epoch, c.position FROM ledger_cursor c JOIN ledger_site s ON s.id = c.site WHERE s.site = ?",
    [siteIdToBytes(peer)],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return { epoch: bytesToHex(row[0] as Uint8Array) as Epoch, position: row[1] as number };
};

/** @param peer - its number */
export const writeCursor = async (connection: Connection, peer: number, cursor: Cursor): Promise<void> => {
  await connection.all("INSERT OR REPLACE INTO ledger_cursor (site, epoch, position) VALUES (?, ?, ?)", [
    peer,
    hexToBytes(cursor.epoch),
    cursor.position,
  ]);
};

/** Where a transaction was written. */
export interface Origin {
  readonly site: SiteId;
  readonly originVersion: number;
}

/**
 * What is held. Of the own writes the newest stored version tells, unless it came from elsewhere: then it is what
 * {@link noteOwnVersion} wrote down before that.
 * @param newest - version that is stored; 0 when none is
 */
export const readFrontierAt = async (connection: Connection, own: SiteId, newest: number): Promise<Frontier> => {
  const rows = await connection.all(
    "SELECT s.site, f.version FROM ledger_frontier f LEFT JOIN ledger_site s ON s.id = f.site",
  );
  const frontier = new Map(
    rows.map(([site, version]) => [site === null ? own : bytesToSiteId(site as Uint8Array), version as number]),
  );
  // A migration may have dropped what was newest: what was written down is higher then.
  if (newest > 0 && (await isOwnVersion(connection, newest)))
    frontier.set(own, Math.max(newest, versionOf(frontier, own)));
  return frontier;
};

/** To be called before a merge, which makes the newest version one from elsewhere. */
export const noteOwnVersion = async (connection: Connection, newest: number): Promise<void> => {
  if (newest > 0 && (await closeOwnRun(connection, newest))) await raiseEntry(connection, ownSite, newest);
};
