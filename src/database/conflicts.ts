/**
 * Own writes that a merge replaced before any peer had seen them: nobody but this replica ever had the value, so it is kept
 * for the app to offer. Looked for only while there are own writes that no peer said to hold.
 */

import { bytesToSiteId, siteIdToBytes, type SiteId } from "../common/ids.ts";
import { rowSentinel, type Change } from "../replication/change.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, keysOf } from "./engine-tables.ts";
import type { RowValues } from "./row-change.ts";
import { quoteName } from "./synced-tables.ts";
import type { SqlValue } from "./value.ts";

/** A value that was written here, and what a peer's write made of it. */
export interface Conflict {
  /** For `dismiss()`. */
  readonly id: number;
  readonly table: string;
  readonly key: RowValues;
  readonly column: string;
  readonly mine: SqlValue;
  /** Null when the row was deleted. */
  readonly theirs: SqlValue;
  readonly isDeleted: boolean;
  /** Id of the replica whose write won. */
  readonly who: SiteId;
  /** When it was merged here, milliseconds since the epoch. */
  readonly at: number;
}

/** The newest that are kept, and how much of them, bytes of values, about. */
const [keptConflicts, keptBytes] = [1_000, 32 * 1024 * 1024];

export const conflictSchema = `
  CREATE TABLE IF NOT EXISTS ledger_conflict (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, pk BLOB NOT NULL, col TEXT NOT NULL, deleted INTEGER NOT NULL,
    mine, theirs, who BLOB NOT NULL, at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
  );
  CREATE TABLE IF NOT EXISTS ledger_seen (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);
`;

/** Newest own version that any peer said to hold; 0 when none did. */
export const readSeen = async (connection: Connection): Promise<number> =>
  ((await connection.all("SELECT max(version) FROM ledger_seen"))[0]?.[0] ?? 0) as number;

export const writeSeen = (connection: Connection, version: number): Promise<unknown> =>
  connection.all("INSERT OR REPLACE INTO ledger_seen VALUES (1, ?)", [version]);

interface Cell {
  readonly column: string;
  readonly mine: SqlValue;
}

interface LookedAt {
  readonly table: string;
  readonly pk: Uint8Array;
  readonly key: readonly SqlValue[];
  readonly columns: readonly string[];
}

export interface UnseenWrites {
  /** The own cells that merging `change` may replace. */
  before(change: Change): Promise<readonly Cell[]>;
  /** Keeps those of them that it did replace. */
  after(change: Change, cells: readonly Cell[], who: SiteId): Promise<void>;
}

/** @param seen - own versions above it are known to no peer */
export const createUnseenWrites = (
  connection: Connection,
  tables: ReadonlyMap<string, SyncedTable>,
  seen: number,
): UnseenWrites => {
  const isRow = ({ keyColumns }: SyncedTable, alias: string): string =>
    keyColumns.map((key) => `${alias}.${quoteName(key)} = ?`).join(" AND ");
  /** The row that was looked at last: the changes of a row come one after the other. */
  let row: LookedAt | undefined;

  /** Finds the row's own cells that nobody has seen. */
  const look = async (table: SyncedTable, pk: Uint8Array): Promise<LookedAt> => {
    const key = await unpackKey(connection, pk);
    const found = await connection.all(
      `SELECT c.col_name FROM ${keysOf(table)} p
       JOIN ${clockOf(table)} c ON c.key = p.__crsql_key
       WHERE ${isRow(table, "p")} AND c.site_id = 0 AND c.db_version > ?`,
      [...key, seen],
    );
    const columns = found.map(([column]) => column as string).filter((column) => table.valueColumns.includes(column));
    return { table: table.name, pk, key, columns };
  };
  const read = async (
    table: SyncedTable,
    columns: readonly string[],
    key: readonly SqlValue[],
  ): Promise<SqlValue[] | undefined> => {
    const list = columns.map(quoteName).join(", ");
    return (await connection.all(`SELECT ${list} FROM ${quoteName(table.name)} t WHERE ${isRow(table, "t")}`, key))[0];
  };

  return {
    before: async (change) => {
      const table = tables.get(change.table);
      // A row that is made anew brings its cells with it.
      if (table === undefined || (change.cid === rowSentinel && change.cl % 2 === 1)) return [];
      if (row?.table !== change.table || !isSame(row.pk, change.pk)) row = await look(table, change.pk);
      const columns = row.columns.filter((column) => change.cid === rowSentinel || change.cid === column);
      if (columns.length === 0) return [];
      const values = await read(table, columns, row.key);
      return values === undefined ? [] : columns.map((column, index) => ({ column, mine: values[index] as SqlValue }));
    },
    after: async (change, cells, who) => {
      if (cells.length === 0) return;
      const columns = cells.map(({ column }) => column);
      const now = await read(tables.get(change.table) as SyncedTable, columns, row?.key ?? []);
      row = undefined; // Some of its cells are a peer's now.
      for (const [index, { column, mine }] of cells.entries()) {
        const theirs = now?.[index] ?? null;
        if (now !== undefined && isSame(mine, theirs)) continue;
        await connection.all(
          "INSERT INTO ledger_conflict (tbl, pk, col, deleted, mine, theirs, who) VALUES (?, ?, ?, ?, ?, ?, ?)",
          [change.table, change.pk, column, now === undefined ? 1 : 0, mine, theirs, siteIdToBytes(who)],
        );
      }
    },
  };
};

const unpackKey = async (connection: Connection, pk: Uint8Array): Promise<readonly SqlValue[]> =>
  (await connection.all("SELECT cell FROM crsql_unpack_columns WHERE package = ?", [pk])).map(
    ([cell]) => cell as SqlValue,
  );

const isSame = (left: SqlValue, right: SqlValue): boolean =>
  left instanceof Uint8Array && right instanceof Uint8Array
    ? left.length === right.length && left.every((byte, index) => byte === right[index])
    : left === right;

/** Id of the newest conflict ever. */
export const newestConflict = async (connection: Connection): Promise<number> =>
  ((await connection.all("SELECT seq FROM sqlite_sequence WHERE name = 'ledger_conflict'"))[0]?.[0] ?? 0) as number;

export const forgetOldConflicts = (connection: Connection): Promise<unknown> =>
  connection.all(
    `DELETE FROM ledger_conflict WHERE id NOT IN (SELECT id FROM (
       SELECT id, row_number() OVER newest AS n, sum(ifnull(length(mine), 0) + ifnull(length(theirs), 0)) OVER newest AS size
       FROM ledger_conflict WINDOW newest AS (ORDER BY id DESC)
     ) WHERE n <= ? AND size <= ?)`,
    [keptConflicts, keptBytes],
  );

/** The conflicts after `after`, oldest first, without those of tables that do not sync any more. */
export const readConflicts = async (
  connection: Connection,
  tables: ReadonlyMap<string, SyncedTable>,
  after = 0,
): Promise<readonly Conflict[]> => {
  const rows = await connection.all(
    "SELECT id, tbl, pk, col, deleted, mine, theirs, who, at FROM ledger_conflict WHERE id > ? ORDER BY id",
    [after],
  );
  const conflicts: Conflict[] = [];
  for (const [id, table, pk, column, deleted, mine, theirs, who, at] of rows) {
    const known = tables.get(table as string);
    if (known === undefined) continue;
    const cells = await unpackKey(connection, pk as Uint8Array);
    conflicts.push({
      id: id as number,
      table: known.name,
      key: Object.fromEntries(known.keyColumns.map((key, index) => [key, cells[index] as SqlValue])),
      column: column as string,
      mine: mine as SqlValue,
      theirs: theirs as SqlValue,
      isDeleted: deleted === 1,
      who: bytesToSiteId(who as Uint8Array),
      at: at as number,
    });
  }
  return conflicts;
};

export const dismissConflicts = async (connection: Connection, ids: readonly number[]): Promise<void> => {
  for (const id of ids) await connection.all("DELETE FROM ledger_conflict WHERE id = ?", [id]);
};
