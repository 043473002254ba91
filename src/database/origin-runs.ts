/**
 * Which local versions stand for which transactions of which replica. Kept as runs: neighbouring local versions whose
 * transactions one replica wrote at the same distance, so that a log that was read in one go is one row. Own versions
 * between those from elsewhere are runs as well (site 0); those after the last run are own. Versions that no run has, and
 * versions of a run that carry no change any more, mean nothing. Written only inside the transaction of their rows.
 */

import { bytesToSiteId, siteIdToBytes, type SiteId } from "../common/ids.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf } from "./engine-tables.ts";

export const runSchema = `
  CREATE TABLE IF NOT EXISTS ledger_run (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, site INTEGER NOT NULL, origin_last INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS ledger_run_origin ON ledger_run (site, origin_last);
`;

/** Stands for this replica where others have the number of `ledger_site`, whatever its id. */
export const ownSite = 0;

/** Runs that a peer lacks are looked up by their origin up to this number a site; beyond it the log is read in its order. */
const mostRuns = 1_000;

/** Local versions `first` to `last`, which stand for those of `site` that are lower by `distance`. */
export interface Range {
  readonly first: number;
  readonly last: number;
  readonly site: SiteId;
  readonly distance: number;
}

/** What a peer lacks of the versions up to `to`, in log order. */
export interface WantedRanges {
  readonly ranges: readonly Range[];
  readonly to: number;
}

const newestRun = "(SELECT max(first) FROM ledger_run)";

const endOfRuns = async (connection: Connection): Promise<{ readonly last: number; readonly site: number }> => {
  const [row] = await connection.all("SELECT last, site FROM ledger_run ORDER BY first DESC LIMIT 1");
  return { last: (row?.[0] ?? 0) as number, site: (row?.[1] ?? ownSite) as number };
};

/** Whether the newest stored version was written here. */
export const isOwnVersion = async (connection: Connection, newest: number): Promise<boolean> => {
  const { last, site } = await endOfRuns(connection);
  return newest > last || (newest > 0 && site === ownSite);
};

/** Appends `version`, the newest local one, to the last run or as a new one. */
export const addToRuns = async (
  connection: Connection,
  version: number,
  site: number,
  originVersion: number,
): Promise<void> => {
  await connection.all(
    `UPDATE ledger_run SET last = ?1, origin_last = ?3
     WHERE first = ${newestRun} AND last = ?1 - 1 AND site = ?2 AND origin_last = ?3 - 1`,
    [version, site, originVersion],
  );
  if (connection.changes() > 0) return;
  await connection.all("INSERT INTO ledger_run (first, last, site, origin_last) VALUES (?1, ?1, ?2, ?3)", [
    version,
    site,
    originVersion,
  ]);
};

/**
 * To be called before versions from elsewhere are added: what lies between them and the last run was written here.
 * @returns whether the newest stored version was
 */
export const closeOwnRun = async (connection: Connection, newest: number): Promise<boolean> => {
  const { last, site } = await endOfRuns(connection);
  if (newest <= last) return newest > 0 && site === ownSite;
  if (site === ownSite && last > 0) {
    await connection.all(`UPDATE ledger_run SET last = ?1, origin_last = ?1 WHERE first = ${newestRun}`, [newest]);
  } else {
    await connection.all("INSERT INTO ledger_run (first, last, site, origin_last) VALUES (?1, ?2, 0, ?2)", [
      last + 1,
      newest,
    ]);
  }
  return true;
};

/**
 * Forgets versions above the newest stored one: all their rows lost to later ones of the same transaction, and the next
 * local write will take the number.
 */
export const cutRuns = async (connection: Connection, newest: number): Promise<void> => {
  await connection.all("DELETE FROM ledger_run WHERE first > ?", [newest]);
  await connection.all("UPDATE ledger_run SET origin_last = origin_last - last + ?1, last = ?1 WHERE last > ?1", [
    newest,
  ]);
};

type RunRow = [first: number, last: number, originLast: number, site: Uint8Array | null];

const runColumns = "r.first, r.last, r.origin_last, s.site";

/**
 * The local versions after `after` whose transactions `known` does not cover. Costs as much as there are runs of those,
 * besides one look at each site; only when there are very many is the log read in its order, a part at a time.
 * @param held - the frontier of this replica
 * @param newest - version that is stored
 */
export const wantedRanges = async (
  connection: Connection,
  own: SiteId,
  request: { readonly after: number; readonly known: Frontier; readonly held: Frontier; readonly newest: number },
): Promise<WantedRanges> => {
  const { after, known, held, newest } = request;
  const rowsByFirst = new Map<number, RunRow>();
  let scannedTo = newest;
  const add = (rows: readonly unknown[][]): boolean => {
    for (const row of rows as RunRow[]) rowsByFirst.set(row[0], row);
    return rows.length === mostRuns;
  };

  // What no frontier speaks of yet: parts of logs whose links were lost. There is little of it.
  let tooMany = add(
    await connection.all(
      `SELECT ${runColumns} FROM ledger_site s LEFT JOIN ledger_frontier f ON f.site = s.id
       CROSS JOIN ledger_run r ON r.site = s.id AND r.origin_last > coalesce(f.version, 0)
       WHERE r.last > ? LIMIT ${mostRuns}`,
      [after],
    ),
  );
  for (const [site, version] of held) {
    if (tooMany || version <= versionOf(known, site)) continue;
    tooMany = add(
      site === own
        ? await connection.all(
            `SELECT first, last, origin_last, NULL FROM ledger_run
             WHERE site = ${ownSite} AND origin_last > ? LIMIT ${mostRuns}`,
            [Math.max(after, versionOf(known, site))],
          )
        : await connection.all(
            `SELECT ${runColumns} FROM ledger_site s CROSS JOIN ledger_run r ON r.site = s.id
             WHERE s.site = ? AND r.origin_last > ? LIMIT ${mostRuns}`,
            [siteIdToBytes(site), versionOf(known, site)],
          ),
    );
  }
  if (tooMany) {
    rowsByFirst.clear();
    const isCut = add(
      await connection.all(
        `SELECT ${runColumns} FROM ledger_run r LEFT JOIN ledger_site s ON s.id = r.site
         WHERE r.first >= coalesce((SELECT max(first) FROM ledger_run WHERE first <= ?), 0) ORDER BY r.first LIMIT ${mostRuns}`,
        [after],
      ),
    );
    if (isCut) scannedTo = Math.min(newest, Math.max(...[...rowsByFirst.values()].map(([, last]) => last)));
  }

  const { last: end } = await endOfRuns(connection);
  const rows = [...rowsByFirst.values()].sort(([a], [b]) => a - b);
  if (scannedTo > end) rows.push([end + 1, scannedTo, scannedTo, null]);
  const ranges: Range[] = [];
  for (const [first, last, originLast, bytes] of rows) {
    const site = bytes === null ? own : bytesToSiteId(bytes);
    const distance = last - originLast;
    const from = Math.max(first, after + 1, versionOf(known, site) + distance + 1);
    const to = Math.min(last, scannedTo);
    if (from <= to) ranges.push({ first: from, last: to, site, distance });
  }
  return { ranges, to: scannedTo };
};

/**
 * Looks at the next few runs after `after`: drops those whose changes were all overwritten since, and joins those that
 * became neighbours. To be called with what it answered the time before, from 0.
 */
export const tidyRuns = async (
  connection: Connection,
  tables: Iterable<SyncedTable>,
  after: number,
  count: number,
): Promise<number> => {
  const isAlive = [...tables].map(
    (table) => `EXISTS (SELECT 1 FROM ${clockOf(table)} WHERE db_version BETWEEN r.first AND r.last)`,
  );
  const rows = (await connection.all(
    `SELECT r.first, r.last, r.site, r.origin_last, ${isAlive.join(" OR ") || 1} FROM ledger_run r
     WHERE r.first > ? ORDER BY r.first LIMIT ?`,
    [after, count],
  )) as [number, number, number, number, number][];
  let before: [first: number, site: number, distance: number] | undefined;
  for (const [first, last, site, originLast, alive] of rows) {
    const joins = before?.[1] === site && before[2] === last - originLast;
    if (alive === 1 && !joins) {
      before = [first, site, last - originLast];
      continue;
    }
    await connection.all("DELETE FROM ledger_run WHERE first = ?", [first]);
    if (alive === 1 && before !== undefined) {
      await connection.all("UPDATE ledger_run SET last = ?, origin_last = ? WHERE first = ?", [
        last,
        originLast,
        before[0],
      ]);
    }
  }
  if (rows.length < count) return 0;
  // The last one may join with what comes next.
  return before === undefined ? (rows.at(-1)?.[0] ?? 0) : before[0] - 1;
};
