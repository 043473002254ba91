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

/** The text for the same tables is asked for again and again. */
const known = new WeakMap<readonly SyncedTable[], Map<string, string>>();

const textFor = (tables: readonly SyncedTable[], where: string, order = ""): string => {
  let texts = known.get(tables);
  if (texts === undefined) known.set(tables, (texts = new Map()));
  const key = where + order;
  let text = texts.get(key);
  if (text === undefined) {
    text = tables.map((table) => selectOf(table, where)).join("\nUNION ALL\n") + order;
    texts.set(key, text);
  }
  return text;
};

/** Changes of the versions ?1 to ?2, in the order of the log. @param tables - at least one */
export const changesInOrder = (tables: readonly SyncedTable[]): string =>
  textFor(tables, "c.db_version BETWEEN ?1 AND ?2", "\nORDER BY 8, 7");

/** Changes of the versions ?1 to ?2, in any order. @param tables - at least one */
export const changesOf = (tables: readonly SyncedTable[]): string => textFor(tables, "c.db_version BETWEEN ?1 AND ?2");

/** Those of them whose place in their version is ?3 or later, and before ?4. @param tables - at least one */
export const changesInPlaces = (tables: readonly SyncedTable[]): string =>
  textFor(tables, "c.db_version BETWEEN ?1 AND ?2 AND c.seq >= ?3 AND c.seq < ?4");
