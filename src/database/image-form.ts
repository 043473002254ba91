/**
 * The form of an image: the tables in which a snapshot travels, derived from the synced tables by giver and taker alike, so
 * that nothing of a schema is taken from a peer.
 *
 * | table    | holds                                                                                        |
 * | -------- | -------------------------------------------------------------------------------------------- |
 * | `site`   | the writers of cells by the number that stands for them                                      |
 * | `run`    | which versions stand for which transactions of which replica, as a `Range`, none left out    |
 * | `rowN`   | the rows of the Nth synced table by name, by the number of their key: version, writer and    |
 * |          | place of a fresh row, or three NULLs; key columns; value columns                             |
 * | `deadN`  | the keys of deleted rows by their numbers                                                    |
 * | `cellN`  | the cells of all rows that are not fresh: number of the key, number of the column, versions, |
 * |          | number of the writer, place in its version                                                   |
 *
 * A fresh row is one that was inserted once and not touched since. Nearly all rows are, and their cells need no record:
 * each has column version 1, the version and writer of the row, and the place of the row plus its column's.
 */

import { rowSentinel } from "../replication/change.ts";
import type { SyncedTable } from "./database.ts";
import { list } from "./engine-tables.ts";

/** Schema name of an attached image. */
export const image = "image";

/** Stands for {@link rowSentinel} where a column has its number. */
export const sentinelNumber = 0;

/** Number of the giver in `site`, and of the own site in cr-sqlite's tables. */
export const ownOrdinal = 0;

export const columnsOf = ({ keyColumns, valueColumns }: SyncedTable): readonly string[] => [
  ...keyColumns,
  ...valueColumns,
];

/** What `cellN` may name, each at its number. */
export const cellColumns = ({ valueColumns }: SyncedTable): readonly string[] => [rowSentinel, ...valueColumns];

/** The cells of a fresh row, each at its place in it. A row of nothing but its key has the one that says that it is there. */
export const freshColumns = ({ valueColumns }: SyncedTable): readonly string[] =>
  valueColumns.length > 0 ? valueColumns : [rowSentinel];

export const inOrder = (tables: ReadonlyMap<string, SyncedTable>): readonly SyncedTable[] =>
  [...tables.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Without types: a value keeps the storage class that it has. No column of an app begins with `ledger_`. */
export const schemaOf = (tables: readonly SyncedTable[]): readonly (readonly [name: string, sql: string])[] => [
  ["site", "CREATE TABLE site (number INTEGER PRIMARY KEY, site)"],
  ["run", "CREATE TABLE run (first INTEGER PRIMARY KEY, last, site, origin_last)"],
  ...tables.flatMap((table, index) => [
    [
      `row${index}`,
      `CREATE TABLE row${index} (ledger_key INTEGER PRIMARY KEY, ledger_version, ledger_site, ledger_seq, ${list(columnsOf(table))})`,
    ] as const,
    [`dead${index}`, `CREATE TABLE dead${index} (ledger_key INTEGER PRIMARY KEY, ${list(table.keyColumns)})`] as const,
    [
      `cell${index}`,
      `CREATE TABLE cell${index} (key, col, col_version, db_version, site, seq, PRIMARY KEY (key, col)) WITHOUT ROWID`,
    ] as const,
  ]),
];
