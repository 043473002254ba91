/**
 * The rows of `crsql_changes`, read by a statement of our own: cr-sqlite's virtual table compiles one whenever it is read,
 * which for a single write takes twice as long as all the rest of reading it, and looks up each value by another.
 * Says what cr-sqlite 0.16 says (core/rs/core/src/changes_vtab_read.rs).
 */

import { rowSentinel } from "../replication/change.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, isKeyOf, keysOf, list } from "./engine-tables.ts";
import { quoteName } from "./synced-tables.ts";

/** Columns of the statement: table, key, name of the cell, value, column version, causal length, place, version. */
const selectOf = (table: SyncedTable, where: string): string => {
  const { name, keyColumns, valueColumns } = table;
  const values = valueColumns.map((column) => `WHEN '${column}' THEN r.${quoteName(column)}`).join(" ");
  return `SELECT '${name}', crsql_pack_columns(${list(keyColumns, "k.")}), c.col_name,
      ${values === "" ? "NULL" : `CASE c.col_name ${values} END`},
      c.col_version, coalesce(s.col_version, 1), c.seq, c.db_version
    FROM ${clockOf(table)} c
    CROSS JOIN ${keysOf(table)} k ON k.__crsql_key = c.key
    LEFT JOIN ${clockOf(table)} s ON s.key = c.key AND s.col_name = '${rowSentinel}'
    LEFT JOIN main.${quoteName(name)} r ON ${isKeyOf(table)}
    WHERE ${where}`;
};

const unionOf = (tables: readonly SyncedTable[], selectFrom: (table: SyncedTable) => string): string =>
  tables.map(selectFrom).join("\nUNION ALL\n");

/** A text for the same tables is asked for again and again. */
const remembered = (textFor: (tables: readonly SyncedTable[]) => string) => {
  const known = new WeakMap<readonly SyncedTable[], string>();
  return (tables: readonly SyncedTable[]): string => {
    let text = known.get(tables);
    if (text === undefined) known.set(tables, (text = textFor(tables)));
    return text;
  };
};

const isWithin = "c.db_version BETWEEN ?1 AND ?2";

/** Changes of the versions ?1 to ?2, in any order. Of at least one table, as those below. */
export const changesOf = remembered((tables) => unionOf(tables, (table) => selectOf(table, isWithin)));

/** Changes of the versions ?1 to ?2, in the order of the log. */
export const changesInOrder = remembered((tables) => `${changesOf(tables)}\nORDER BY 8, 7`);

/** Changes of the versions ?1 to ?2 whose place in their version is ?3 or later, and before ?4. */
export const changesInPlaces = remembered((tables) =>
  unionOf(tables, (table) => selectOf(table, `${isWithin} AND c.seq >= ?3 AND c.seq < ?4`)),
);

/** The newest version of each table, NULL where there is none. */
export const newestVersions = remembered((tables) =>
  unionOf(tables, (table) => `SELECT max(db_version) FROM ${clockOf(table)}`),
);
