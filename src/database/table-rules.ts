/** What a table must be like to replicate without ever diverging. Each rule has its code and says the remedy. */

import { LedgerError, type LedgerErrorCode } from "../common/errors.ts";
import { defaultReplicationLimits } from "../replication/limits.ts";
import { isPlainName } from "../replication/validate.ts";
import type { Connection } from "./connection.ts";
import { stripSql } from "./sql-text.ts";
import { isInternalName } from "./synced-tables.ts";

interface Column {
  readonly name: string;
  readonly isNotNull: boolean;
  readonly hasDefault: boolean;
  /** From 1 in PRIMARY KEY order; 0 outside the key. */
  readonly keyPosition: number;
  readonly isGenerated: boolean;
}

/** What peers take as the name of a table or column. */
const isSyncableName = (name: string): boolean =>
  isPlainName(name) && name.length <= defaultReplicationLimits.maxNameLength;

const refuse = (code: LedgerErrorCode, message: string): never => {
  throw new LedgerError(code, message);
};

/** @throws LedgerError LEDGER_TABLE_NAME_INVALID */
export const assertTableName = (name: unknown): void => {
  if (typeof name !== "string" || !isSyncableName(name)) {
    refuse(
      "LEDGER_TABLE_NAME_INVALID",
      `${JSON.stringify(name)} cannot be synced: give the table a plain name of at most 128 letters, digits and underscores`,
    );
  } else if (isInternalName(name)) {
    refuse("LEDGER_TABLE_NAME_INVALID", `${name} is a name that the engine keeps for itself; choose another`);
  }
};

const readColumns = async (connection: Connection, table: string): Promise<Column[]> => {
  const rows = await connection.all('select name, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(?)', [
    table,
  ]);
  return rows.map(([name, notNull, defaultValue, keyPosition, hidden]) => ({
    name: name as string,
    isNotNull: notNull === 1,
    hasDefault: defaultValue !== null && String(defaultValue).toLowerCase() !== "null",
    keyPosition: keyPosition as number,
    isGenerated: hidden !== 0,
  }));
};

/** Their values before and after an UPDATE, and the table's name, are arguments of one function, which SQLite gives 127. */
const mostColumns = 63;

const checkColumns = (table: string, columns: readonly Column[]): void => {
  for (const { name, isNotNull, hasDefault, keyPosition, isGenerated } of columns) {
    if (!isSyncableName(name) || isInternalName(name)) {
      refuse(
        "LEDGER_TABLE_NAME_INVALID",
        `column ${JSON.stringify(name)} of ${table} needs a plain name of at most 128 letters, digits and underscores`,
      );
    }
    if (keyPosition > 0 && !isNotNull) {
      refuse(
        "LEDGER_TABLE_KEY_INVALID",
        `key column ${name} of ${table} may be NULL; write ${name} TEXT PRIMARY KEY NOT NULL (or its type with NOT NULL)`,
      );
    }
    if (keyPosition === 0 && isNotNull && !hasDefault && !isGenerated) {
      refuse(
        "LEDGER_TABLE_DEFAULT_MISSING",
        `column ${name} of ${table} is NOT NULL and needs a DEFAULT, because peers send a row column by column; add DEFAULT or drop NOT NULL`,
      );
    }
  }
  if (!columns.some(({ keyPosition }) => keyPosition > 0)) {
    refuse("LEDGER_TABLE_KEY_INVALID", `${table} has no primary key; add id TEXT PRIMARY KEY NOT NULL`);
  }
  const count = columns.filter(({ isGenerated }) => !isGenerated).length;
  if (count > mostColumns) {
    refuse(
      "LEDGER_TABLE_TOO_WIDE",
      `${table} has ${count} columns, and a synced table can have ${mostColumns}; put some into a table of the same key, or several into one as JSON`,
    );
  }
};

const checkIndexes = async (connection: Connection, table: string): Promise<void> => {
  const indexes = await connection.all('select name, origin from pragma_index_list(?) where "unique" = 1', [table]);
  for (const [index, origin] of indexes as [string, string][]) {
    if (origin !== "pk") {
      refuse(
        "LEDGER_TABLE_UNIQUE",
        `${table} has a UNIQUE constraint or index beside its key, which two replicas can break together; use a plain index, or make it the primary key`,
      );
    }
    const collations = await connection.all(
      "select name, upper(coll) from pragma_index_xinfo(?) where key = 1 and upper(coll) <> 'BINARY'",
      [index],
    );
    for (const [column, collation] of collations) {
      refuse(
        "LEDGER_TABLE_COLLATION",
        `key column ${String(column)} of ${table} compares by ${String(collation)}; a key needs the BINARY collation, so put COLLATE into queries or a plain index instead`,
      );
    }
  }
};

/**
 * @returns the table's name as the schema spells it
 * @throws LedgerError LEDGER_TABLE_*
 */
export const assertTableCanSync = async (connection: Connection, given: string): Promise<string> => {
  assertTableName(given);
  const [found] = await connection.all(
    `select m.name, m.sql, l.type from sqlite_master m join pragma_table_list l on l.name = m.name and l.schema = 'main'
     where m.name = ? collate nocase and m.type in ('table', 'view')`,
    [given],
  );
  if (found === undefined)
    return refuse("LEDGER_TABLE_NOT_FOUND", `there is no table ${given}; create it before enableSync()`);
  const [table, sql, type] = found as [string, string, string];
  if (type !== "table")
    return refuse("LEDGER_TABLE_NOT_FOUND", `${table} is a ${type}; only plain tables can be synced`);
  checkColumns(table, await readColumns(connection, table));
  if (/\bautoincrement\b/i.test(stripSql(sql))) {
    refuse(
      "LEDGER_TABLE_AUTOINCREMENT",
      `${table} uses AUTOINCREMENT, and two replicas would give the same key to different rows; use id TEXT PRIMARY KEY NOT NULL with uuidv7()`,
    );
  }
  await checkIndexes(connection, table);
  const foreignKeys = await connection.all("select 1 from pragma_foreign_key_list(?)", [table]);
  if (foreignKeys.length > 0) {
    refuse(
      "LEDGER_TABLE_FOREIGN_KEY",
      `${table} has a foreign key, which a merge can break for a while; drop REFERENCES and keep the column`,
    );
  }
  return table;
};
