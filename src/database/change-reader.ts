/**
 * Reads stretches of the own log. Cuts only between versions: a version is a transaction, and in a merged one `seq` is no
 * safe place to cut.
 */

import type { SiteId } from "../common/ids.ts";
import { utf8 } from "../common/utf8.ts";
import type { Change, ChangeGroup, ValueClass } from "../replication/change.ts";
import type { Frontier } from "../replication/frontier.ts";
import { defaultReplicationLimits } from "../replication/limits.ts";
import { keyColumnCount } from "../replication/validate.ts";
import { readFrontierAt } from "./bookkeeping.ts";
import type { Connection, Statement } from "./connection.ts";
import { changesInOrder, changesInPlaces, changesOf, newestVersions } from "./change-rows.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf } from "./engine-tables.ts";
import { wantedRanges, type Range } from "./origin-runs.ts";

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

/** The newest stored version: of all that was ever stored here, not of what is left. 0 when nothing is. */
export const newestVersion = async (connection: Connection, tables: readonly SyncedTable[]): Promise<number> => {
  if (tables.length === 0) return 0;
  const rows = await connection.all(newestVersions(tables));
  return Math.max(0, ...rows.map(([version]) => (version as number | null) ?? 0));
};

/** What this replica holds right now. */
export const readFrontier = async (
  connection: Connection,
  tables: readonly SyncedTable[],
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

/** The last version up to which a table has about `limit` changes in `first` to `last`; at least one whole version. */
export const cutOff = async (
  connection: Connection,
  tables: Iterable<SyncedTable>,
  { first, last }: Pick<Range, "first" | "last">,
  limit: number,
): Promise<number> => {
  let end = last;
  for (const table of tables) {
    if (first === end) return end;
    const rows = await connection.all(
      `SELECT db_version FROM ${clockOf(table)} WHERE db_version >= ? AND db_version <= ?
       ORDER BY db_version LIMIT 1 OFFSET ?`,
      [first, end, limit],
    );
    const beyond = rows[0]?.[0] as number | undefined;
    if (beyond !== undefined) end = Math.max(first, beyond - 1);
  }
  return end;
};

/** Neighbouring ranges, each list to be read in one query. */
const joinRanges = (ranges: readonly Range[]): readonly (readonly Range[])[] => {
  const spans: Range[][] = [];
  for (const range of ranges) {
    const span = spans.at(-1);
    if (span?.at(-1)?.last === range.first - 1) span.push(range);
    else spans.push([range]);
  }
  return spans;
};

export interface Stretch {
  readonly groups: readonly ChangeGroup[];
  readonly to: number;
  readonly complete: boolean;
  /** Changes beyond `to`, counted up to {@link mostCounted} a table. */
  readonly rest: number;
  /** What this replica holds. */
  readonly frontier: Frontier;
  /** Changes left out because every peer would refuse them. */
  readonly unsendable: number;
}

/**
 * The changes after local version `after` in log order, about `limit` of them, without those of transactions that
 * `known` covers. Costs as much as it answers, however long the log and whatever else is in it.
 */
export const readStretch = async (
  connection: Connection,
  tables: readonly SyncedTable[],
  own: SiteId,
  request: { readonly after: number; readonly known: Frontier; readonly limit: number },
): Promise<Stretch> => {
  const { after, known, limit } = request;
  const newest = await newestVersion(connection, tables);
  const frontier = await readFrontierAt(connection, own, newest);
  if (newest <= after) return { groups: [], to: after, complete: true, rest: 0, frontier, unsendable: 0 };

  const wanted = await wantedRanges(connection, own, { after, known, held: frontier, newest });
  const groups: { readonly site: SiteId; readonly originVersion: number; readonly changes: Change[] }[] = [];
  let { to } = wanted;
  let count = 0;
  let bytes = 0;
  let unsendable = 0;
  const statement = await connection.prepare(changesInOrder(tables));

  /** Reads one span; false when the stretch ends in it. */
  const readSpan = async (span: readonly Range[]): Promise<boolean> => {
    const [{ first }, { last }] = [span[0] as Range, span.at(-1) as Range];
    const end = await cutOff(connection, tables, { first, last }, limit - count);
    statement.bind(1, 1, first);
    statement.bind(2, 1, end);
    let version = -1;
    let at = 0;
    for (;;) {
      const stepped = statement.step();
      if (!(typeof stepped === "boolean" ? stepped : await stepped)) break;
      const rowVersion = statement.column(7) as number;
      if (rowVersion !== version) {
        if (bytes >= stretchBytes) {
          to = rowVersion - 1;
          return false;
        }
        version = rowVersion;
        while ((span[at] as Range).last < version) at += 1;
        const { site, distance } = span[at] as Range;
        groups.push({ site, originVersion: version - distance, changes: [] });
      }
      const change = changeOf(statement);
      count += 1;
      if (isSendable(change)) {
        groups.at(-1)?.changes.push(change);
        bytes += change.pk.length + valueBytes(change) + overheadBytes;
      } else {
        unsendable += 1;
      }
    }
    if (end < last) to = end;
    return end === last;
  };

  try {
    for (const span of joinRanges(wanted.ranges)) {
      if (count >= limit || bytes >= stretchBytes) {
        to = (span[0] as Range).first - 1;
        break;
      }
      const isWhole = await readSpan(span);
      await statement.reset();
      if (!isWhole) break;
    }
  } finally {
    await statement.reset();
  }
  const complete = to >= newest;
  const rest = complete ? 0 : await countBeyond(connection, tables, to);
  return { groups: groups.filter((group) => group.changes.length > 0), to, complete, rest, frontier, unsendable };
};

const countBeyond = async (connection: Connection, tables: Iterable<SyncedTable>, version: number): Promise<number> => {
  let total = 0;
  for (const table of tables) {
    const rows = await connection.all(
      `SELECT count(*) FROM (SELECT 1 FROM ${clockOf(table)} WHERE db_version > ? LIMIT ?)`,
      [version, mostCounted],
    );
    total += rows[0]?.[0] as number;
  }
  return total;
};

/**
 * Every change of the versions `first` to `last` that a peer would take, for `visit`; in no particular order.
 * @param places - of changes in their version, to visit those only
 */
export const visitChanges = async (
  connection: Connection,
  tables: readonly SyncedTable[],
  { first, last }: Pick<Range, "first" | "last">,
  visit: (change: Change) => void,
  places?: { readonly from: number; readonly before: number },
): Promise<void> => {
  const statement = await connection.prepare(places === undefined ? changesOf(tables) : changesInPlaces(tables));
  try {
    const bounds = places === undefined ? [first, last] : [first, last, places.from, places.before];
    bounds.forEach((bound, index) => statement.bind(index + 1, 1, bound));
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
