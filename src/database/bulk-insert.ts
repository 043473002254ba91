/**
 * Rows of one INSERT into a synced table, many at a time. cr-sqlite's trigger writes a row's key and the clock of its cells one
 * by one, which takes longer than the row itself; here its triggers are silent, and keys and cells follow set-wise.
 * Knows neither parameters nor answers: its caller inserts the rows.
 *
 * 1. What is in the tables afterwards, and what the engine keeps in memory, is exactly what the triggers would have made.
 * 2. So every key must be new: of a row that was there before, the clock goes on. When one is not, everything is undone.
 * 3. No row is inserted while the triggers are silent that anything else but the statement itself wrote.
 */

import type { Connection, MaybePromise } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, keysOf, list } from "./engine-tables.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { stripSql } from "./sql-text.ts";
import { isInternalName, quoteName } from "./synced-tables.ts";

/**
 * Inserts `count` rows, each by one call of `insertRow`, in a transaction that is undone when this throws.
 * @returns false when no row was inserted, because they have to be inserted one by one
 */
export type BulkInsert = (count: number, insertRow: (index: number) => MaybePromise<unknown>) => Promise<boolean>;

const value = String.raw`(?:\?\d*|[:@$]\w+|[-+]?[\d.]+|''|null)`;
const plainInsert = new RegExp(
  String.raw`^[\s;]*insert\s+into\s+\w+\s*(?:\(([\w\s,]+)\)\s*)?values\s*\(\s*${value}(?:\s*,\s*${value})*\s*\)[\s;]*$`,
  "i",
);
/** What an INSERT may do with a row besides inserting it, and what CHECK or DEFAULT could tell one way from the other by. */
const peculiar = /\bon\s+conflict\b|\b(crsql_\w+|(total_)?changes|last_insert_rowid)\s*\(/i;

/** Undefined when `sql` has to run the ordinary way: whatever is not known to be the same in bulk. */
export const openBulkInsert = async (
  connection: SqliteConnection,
  table: SyncedTable,
  sql: string,
): Promise<BulkInsert | undefined> => {
  const columns = plainInsert.exec(stripSql(sql));
  if (columns === null || !(await isOrdinary(connection, table.name))) return undefined;
  const known = new Set([...table.keyColumns, ...table.valueColumns].map((name) => name.toLowerCase()));
  const named = columns[1]?.split(",") ?? [];
  // The row's number has a name as well, and keys are numbered in its order.
  if (!named.every((name) => known.has(name.trim().toLowerCase()))) return undefined;
  return createBulkInsert(connection, table);
};

/** A table whose rows are numbered as they come, with nothing of an app's that would notice. */
const isOrdinary = async (connection: Connection, table: string): Promise<boolean> => {
  const [row] = await connection.all(
    `SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1
       AND EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table' AND wr = 0)
       AND EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')
       AND NOT EXISTS (SELECT 1 FROM sqlite_temp_master t WHERE t.name = ?1 COLLATE NOCASE)
       AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 0 OR name = 'rowid' COLLATE NOCASE)`,
    [table],
  );
  if (row === undefined || peculiar.test(stripSql(row[0] as string))) return false;
  const triggers = await connection.all(
    `SELECT name FROM (SELECT * FROM sqlite_master UNION ALL SELECT * FROM sqlite_temp_master)
     WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE`,
    [table],
  );
  return triggers.every(([name]) => isInternalName(name as string));
};

const createBulkInsert = (connection: SqliteConnection, table: SyncedTable): BulkInsert => {
  const rows = `main.${quoteName(table.name)}`;
  const keys = keysOf(table);
  const cells = clockOf(table);
  const keyColumns = list(table.keyColumns);
  // A row without any other column has one cell that says that it is there.
  const names = table.valueColumns.length === 0 ? ["-1"] : table.valueColumns;
  const cellNames = names.map((name) => `('${name}')`).join(", ");

  const before = `SELECT coalesce((SELECT max(rowid) FROM ${rows}), 0), coalesce((SELECT max(__crsql_key) FROM ${keys}), 0),
    coalesce((SELECT max(key) FROM ${cells}), 0), crsql_next_db_version()`;
  // NOT INDEXED: an index of the key alone would do as well, in another order.
  const addKeys = `INSERT OR IGNORE INTO ${keys} (${keyColumns})
    SELECT ${keyColumns} FROM ${rows} NOT INDEXED WHERE rowid > ? ORDER BY rowid`;
  const addCells = `INSERT INTO ${cells} (key, col_name, col_version, db_version, site_id, seq)
    SELECT k.__crsql_key, c.column1, 1, ?2, 0, crsql_increment_and_get_seq()
    FROM ${keys} k NOT INDEXED CROSS JOIN (VALUES ${cellNames}) c WHERE k.__crsql_key > ?1 ORDER BY k.__crsql_key`;

  const silently = async (work: () => Promise<void>): Promise<void> => {
    await connection.all("SELECT crsql_internal_sync_bit(1)");
    try {
      await work();
    } finally {
      if (connection.crash === undefined) await connection.all("SELECT crsql_internal_sync_bit(0)");
    }
  };

  return async (count, insertRow) => {
    const [numbers = []] = await connection.all(before);
    const [row, key, keyOfCells, version] = numbers as number[];
    // Beyond 2^53 they come as bigints; above the last number of all, SQLite chooses some that is free.
    if (
      typeof row !== "number" ||
      typeof key !== "number" ||
      typeof version !== "number" ||
      (keyOfCells as number) > key
    )
      return false;
    await silently(async () => {
      for (let index = 0; index < count; index += 1) {
        const inserted = insertRow(index);
        if (inserted instanceof Promise) await inserted;
      }
    });
    await connection.all(addKeys, [row]);
    if (connection.changes() !== count) {
      // Keeps 2.
      await connection.all(`DELETE FROM ${keys} WHERE __crsql_key > ?`, [key]);
      await silently(async () => void (await connection.all(`DELETE FROM ${rows} WHERE rowid > ?`, [row])));
      return false;
    }
    await connection.all(addCells, [key, version]);
    return true;
  };
};
