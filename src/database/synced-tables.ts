/** Which tables replicate, read from the schema. */

import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";

const clockSuffix = "__crsql_clock";

/** Quotes an identifier for SQL. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Tables of cr-sqlite, Ledger and SQLite itself: never an app's to write to, never reported as changed. */
export const isInternalName = (name: string): boolean => /^(crsql_|ledger_|sqlite_)|__crsql_|__ledger_/i.test(name);

export const readSyncedTables = async (connection: Connection): Promise<ReadonlyMap<string, SyncedTable>> => {
  const rows = await connection.all(
    `select t.name, c.name, c.pk from sqlite_master k
     join sqlite_master t on t.type = 'table' and k.name = t.name || '${clockSuffix}'
     join pragma_table_xinfo(t.name) c on c.hidden = 0
     where k.type = 'table' order by t.name, c.cid`,
  );
  const keysByTable = new Map<string, [number, string][]>();
  const valuesByTable = new Map<string, string[]>();
  for (const [table, column, keyPosition] of rows as [string, string, number][]) {
    const keys = keysByTable.get(table) ?? [];
    const values = valuesByTable.get(table) ?? [];
    if (keyPosition > 0) keys.push([keyPosition, column]);
    else values.push(column);
    keysByTable.set(table, keys);
    valuesByTable.set(table, values);
  }
  const tables = new Map<string, SyncedTable>();
  for (const [name, keys] of keysByTable) {
    keys.sort(([left], [right]) => left - right);
    tables.set(name, {
      name,
      keyColumns: keys.map(([, column]) => column),
      valueColumns: valuesByTable.get(name) ?? [],
    });
  }
  return tables;
};

/** Whether two readings of the schema mean the same replicated tables. */
export const areTablesEqual = (
  left: ReadonlyMap<string, SyncedTable>,
  right: ReadonlyMap<string, SyncedTable>,
): boolean => JSON.stringify([...left.values()]) === JSON.stringify([...right.values()]);
