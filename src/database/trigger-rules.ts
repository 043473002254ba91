/**
 * Finds user triggers that would write into a synced table while changes of a peer are merged: what they write then has no
 * clock and never replicates. Works on what SQLite compiles, so triggers that fire triggers are seen as well.
 */

import { LedgerError } from "../common/errors.ts";
import type { SyncedTable } from "./database.ts";
import type { Guard, SqliteConnection } from "./sqlite-connection.ts";
import { AuthAction } from "./sqlite-codes.ts";
import { stripSql } from "./sql-text.ts";
import { isInternalName, quoteName } from "./synced-tables.ts";

const writingActions: readonly number[] = [AuthAction.insert, AuthAction.update, AuthAction.delete];

/** A WHEN clause with this keeps the trigger still during merges. */
const localOnlyCondition = /\bwhen\b.*\bcrsql_internal_sync_bit\s*\(\s*\)\s*(=|==|is)\s*0\b.*\bbegin\b/is;

const compileOnly = async (connection: SqliteConnection, sql: string, guard: Guard): Promise<void> => {
  const script = connection.openScript(sql);
  try {
    await (await script.next(guard))?.finalize();
  } finally {
    script.close();
  }
};

/** Must run inside the transaction that made the trigger or the table, so that throwing undoes it. */
export const refuseHarmfulTriggers = async (
  connection: SqliteConnection,
  syncedTables: ReadonlyMap<string, SyncedTable>,
): Promise<void> => {
  const targetsByTrigger = new Map<string, string>();
  const record: Guard = (action, first, _second, trigger) => {
    const isWrite = writingActions.includes(action) && first !== null && syncedTables.has(first);
    if (isWrite && trigger !== null && !isInternalName(trigger)) targetsByTrigger.set(trigger, first);
    return true;
  };
  for (const { name, keyColumns, valueColumns } of syncedTables.values()) {
    const table = quoteName(name);
    const assignments = [...keyColumns, ...valueColumns].map((column) => `${quoteName(column)} = null`).join(", ");
    await compileOnly(connection, `insert into ${table} default values`, record);
    await compileOnly(connection, `update ${table} set ${assignments}`, record);
    await compileOnly(connection, `delete from ${table}`, record);
  }
  for (const [trigger, target] of targetsByTrigger) {
    const [row] = await connection.all(
      "select sql from (select name, sql from sqlite_master union all select name, sql from sqlite_temp_master) where name = ?",
      [trigger],
    );
    if (localOnlyCondition.test(stripSql(String(row?.[0])))) continue;
    throw new LedgerError(
      "LEDGER_SCHEMA_CHANGE_REFUSED",
      `trigger ${trigger} writes to the synced table ${target} while a peer's changes are merged, and that would never replicate; add WHEN crsql_internal_sync_bit() = 0 to it`,
    );
  }
};
