/** Makes a table replicate: the rules, cr-sqlite's call, and the guard of the primary key. */

import type { SyncedTable } from "./database.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { keyUpdateRefusal } from "./sqlite-errors.ts";
import { quoteName, readSyncedTables } from "./synced-tables.ts";
import { assertTableCanSync } from "./table-rules.ts";
import { refuseHarmfulTriggers } from "./trigger-rules.ts";

/**
 * SQL of the trigger that refuses a change of the key. An update of the key loses the row's other columns at peers that have
 * it already: the moved cells keep their old versions.
 * Must stay silent during merges, and for an UPDATE that assigns the key its own value.
 * @see https://github.com/superfly/cr-sqlite/pull/1
 */
export const keyGuardSql = ({ name, keyColumns }: SyncedTable): string => {
  const keys = keyColumns.map(quoteName);
  const isChanged = keys.map((key) => `new.${key} is not old.${key}`).join(" or ");
  return `create trigger if not exists ${quoteName(`${name}__ledger_key`)} before update of ${keys.join(", ")} on ${quoteName(name)}
    when crsql_internal_sync_bit() = 0 and (${isChanged})
    begin select raise(abort, '${keyUpdateRefusal}'); end`;
};

/**
 * Must run in a transaction, which its caller undoes when this throws.
 * @returns the table when its existing rows began to replicate
 */
export const enableSyncOf = async (connection: SqliteConnection, given: string): Promise<readonly string[]> => {
  const before = await readSyncedTables(connection);
  const table = before.has(given) ? given : await assertTableCanSync(connection, given);
  if (before.has(table)) return [];
  await connection.all("select crsql_as_crr(?)", [table]);
  const after = await readSyncedTables(connection);
  await connection.run(keyGuardSql(after.get(table) as SyncedTable));
  await refuseHarmfulTriggers(connection, after);
  const rows = await connection.all(`select 1 from ${quoteName(table)} limit 1`);
  return rows.length > 0 ? [table] : [];
};
