/**
 * Reads stretches of the own log out of `crsql_changes`. Cuts only between versions: a version is a transaction, and in
 * a merged one `seq` is no safe place to cut. Never has two cursors on `crsql_changes` open, which cr-sqlite forbids.
 */

import type { SiteId } from "../common/ids.ts";
import { utf8 } from "../common/utf8.ts";
import type { Change, ChangeGroup, ValueClass } from "../replication/change.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import { defaultReplicationLimits } from "../replication/limits.ts";
import { keyColumnCount } from "../replication/validate.ts";
import { readFrontierAt, readOrigins, type Origin } from "./bookkeeping.ts";
import type { Connection, Statement } from "./connection.ts";
import type { SyncedTable } from "./database.ts";

/** Versions whose sizes are looked up at a time. */
const plannedVersions = 512;

/** A stretch ends with the version in which it reaches this size; well within what a message may have. */
const stretchBytes = 8 * 1024 * 1024;

/** Changes that are counted of what is left; only people look at the number. */
const mostCounted = 100_000;

/** What a change costs besides its key and its value, about. */
const overheadBytes = 24;

const valueBytes = ({ value }: Change): number => {
  if (typeof value === "string") return value.length * 3; // The most that UTF-8 makes of it.
  return value instanceof Uint8Array ? value.length : 8;
};

/** Whether a peer would take the change: its limits are ours, and a key must be one. */
const isSendable = (change: Change): boolean => {
  const { maxKeyBytes, maxValueBytes } = defaultReplicationLimits;
  if (change.pk.length > maxKeyBytes || keyColumnCount(change.pk) === undefined) return false;
  if (valueBytes(change) <= maxValueBytes) return true;
  return typeof change.value === "string" && utf8.encode(change.value).length <= maxValueBytes;
};

const changeColumns = `"table", pk, cid, val, col_version, cl, seq, db_version`;

/** The newest stored version: of all that was ever stored here, not of what is left. 0 when nothing is. */
export const newestVersion = async (connection: Connection, tables: Iterable<SyncedTable>): Promise<number> => {
  let newest = 0;
  for (const table of tables) {
    const rows = await connection.all(`SELECT max(db_version) FROM "${table.name}__crsql_clock"`);
    newest = Math.max(newest, (rows[0]?.[0] as number | null | undefined) ?? 0);
  }
  return newest;
};

/** What this replica holds right now. */
export const readFrontier = async (
  connection: Connection,
  tables: Iterable<SyncedTable>,
  own: SiteId,
): Promise<Frontier> => {
  return readFrontierAt(connection, own, await newestVersion(connection, tables));
};

const changeOf = (statement: Statement): Change => ({
  table: statement.column(0) as string,
  pk: statement.column(1) as Uint8Array,
  cid: statement.column(2) as string,
  valueClass: statement.columnClass(3) as ValueClass,
  value: statement.column(3),
  colVersion: statement.column(4) as number,
  cl: statement.column(5) as number,
  seq: statement.column(6) as number,
});

interface Plan {
  /** The stretch ends here. */
  readonly to: number;
  /** Versions in the stretch that carry changes, ascending. */
  readonly versions: readonly number[];
}

/** How far a stretch of about `limit` changes reaches; at least one whole version. */
const planStretch = async (
  connection: Connection,
  tables: Iterable<SyncedTable>,
  after: number,
  newest: number,
  limit: number,
): Promise<Plan> => {
  if (newest === after + 1) return { to: newest, versions: [newest] };
  const sizes = new Map<number, number>();
  let known = newest;
  for (const table of tables) {
    const rows = await connection.all(
      `SELECT db_version, count(*) FROM "${table.name}__crsql_clock" WHERE db_version > ?
       GROUP BY db_version ORDER BY db_version LIMIT ?`,
      [after, plannedVersions],
    );
    for (const [version, size] of rows) {
      sizes.set(version as number, (sizes.get(version as number) ?? 0) + (size as number));
    }
    if (rows.length === plannedVersions) known = Math.min(known, rows.at(-1)?.[0] as number);
  }

  const versions: number[] = [];
  let total = 0;
  for (const version of [...sizes.keys()].sort((a, b) => a - b)) {
    if (version > known) break;
    if (total >= limit) return { to: versions.at(-1) as number, versions };
    versions.push(version);
    total += sizes.get(version) as number;
  }
  return { to: known, versions };
};

/** Runs of neighbouring versions that are wanted, so that each is one query. */
const wantedRanges = (
  versions: readonly number[],
  isWanted: (version: number) => boolean,
): readonly (readonly [first: number, last: number])[] => {
  const ranges: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const version of versions) {
    if (!isWanted(version)) {
      open = undefined;
    } else if (open === undefined) {
      open = [version, version];
      ranges.push(open);
    } else {
      open[1] = version;
    }
  }
  return ranges;
};

export interface Stretch {
  readonly groups: readonly ChangeGroup[];
  readonly to: number;
  readonly complete: boolean;
  /** Changes beyond `to`, counted up to {@link mostCounted} a table. */
  readonly rest: number;
  /** Changes left out because every peer would refuse them. */
  readonly unsendable: number;
}

/**
 * The changes after local version `after` in log order, about `limit` of them, without those of transactions that
 * `known` covers.
 */
export const readStretch = async (
  connection: Connection,
  tables: readonly SyncedTable[],
  own: SiteId,
  request: { readonly after: number; readonly known: Frontier; readonly limit: number },
): Promise<Stretch> => {
  const newest = await newestVersion(connection, tables);
  if (newest <= request.after) return { groups: [], to: request.after, complete: true, rest: 0, unsendable: 0 };

  const plan = await planStretch(connection, tables, request.after, newest, request.limit);
  let { to } = plan;
  const origins = await readOrigins(connection, request.after, to);
  const originOf = (version: number): Origin => origins.get(version) ?? { site: own, originVersion: version };
  const isWanted = (version: number): boolean => {
    const origin = originOf(version);
    return origin.originVersion > versionOf(request.known, origin.site);
  };

  const groups: ChangeGroup[] = [];
  let bytes = 0;
  let unsendable = 0;
  const statement = await connection.prepare(
    `SELECT ${changeColumns} FROM crsql_changes WHERE db_version >= ? AND db_version <= ? ORDER BY db_version, seq`,
  );
  try {
    for (const [first, last] of wantedRanges(plan.versions, isWanted)) {
      statement.bind(1, 1, first);
      statement.bind(2, 1, last);
      let version = -1;
      let changes: Change[] = [];
      for (;;) {
        const stepped = statement.step();
        if (!(typeof stepped === "boolean" ? stepped : await stepped)) break;
        const rowVersion = statement.column(7) as number;
        if (rowVersion !== version) {
          if (bytes >= stretchBytes) {
            to = rowVersion - 1;
            break;
          }
          version = rowVersion;
          changes = [];
          groups.push({ ...originOf(version), changes });
        }
        const change = changeOf(statement);
        if (isSendable(change)) {
          changes.push(change);
          bytes += change.pk.length + valueBytes(change) + overheadBytes;
        } else {
          unsendable += 1;
        }
      }
      await statement.reset();
      if (to !== plan.to) break;
    }
  } finally {
    await statement.reset();
  }
  const complete = to >= newest;
  const rest = complete ? 0 : await countBeyond(connection, tables, to);
  return { groups: groups.filter((group) => group.changes.length > 0), to, complete, rest, unsendable };
};

const countBeyond = async (connection: Connection, tables: Iterable<SyncedTable>, version: number): Promise<number> => {
  let total = 0;
  for (const table of tables) {
    const rows = await connection.all(
      `SELECT count(*) FROM (SELECT 1 FROM "${table.name}__crsql_clock" WHERE db_version > ? LIMIT ?)`,
      [version, mostCounted],
    );
    total += rows[0]?.[0] as number;
  }
  return total;
};

/** Every change that a peer would take, for `visit`; in no particular order. */
export const visitAllChanges = async (connection: Connection, visit: (change: Change) => void): Promise<void> => {
  const statement = await connection.prepare(`SELECT ${changeColumns} FROM crsql_changes`);
  try {
    for (;;) {
      const stepped = statement.step();
      if (!(typeof stepped === "boolean" ? stepped : await stepped)) break;
      const change = changeOf(statement);
      if (isSendable(change)) visit(change);
    }
  } finally {
    await statement.reset();
  }
};
