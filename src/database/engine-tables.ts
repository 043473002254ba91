/** The tables that cr-sqlite 0.16 keeps beside a synced one, as they are named in SQL. */

import type { SyncedTable } from "./database.ts";
import { quoteName } from "./synced-tables.ts";

/** One row for each cell: key, col_name, col_version, db_version, site_id, seq. */
export const clockOf = ({ name }: Pick<SyncedTable, "name">): string => `main.${quoteName(`${name}__crsql_clock`)}`;

/** One row for each key that ever was: __crsql_key, which numbers it, and the key columns. */
export const keysOf = ({ name }: Pick<SyncedTable, "name">): string => `main.${quoteName(`${name}__crsql_pks`)}`;

export const list = (names: readonly string[], prefix = ""): string =>
  names.map((name) => prefix + quoteName(name)).join(", ");

/** Whether row `r` of the table has the key of record `k`. */
export const isKeyOf = ({ keyColumns }: SyncedTable): string =>
  keyColumns.map((name) => `r.${quoteName(name)} = k.${quoteName(name)}`).join(" AND ");
