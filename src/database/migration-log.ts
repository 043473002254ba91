/** Which migrations were applied to this database, written in the transaction of each. */

import type { Connection } from "./connection.ts";

/** A migration as it is recorded. */
export interface MigrationRecord {
  readonly version: number;
  readonly name: string;
  /** What it ran, when that was text. */
  readonly text: string | null;
}

export const createMigrationTable = (connection: Connection): Promise<unknown> =>
  connection.all(
    `create table if not exists ledger_migration (
       version integer primary key, name text not null, text text, at integer not null default (unixepoch()))`,
  );

/** @throws LedgerError LEDGER_CONSTRAINT when it was applied before */
export const recordMigration = (connection: Connection, { version, name, text }: MigrationRecord): Promise<unknown> =>
  connection.all("insert into ledger_migration (version, name, text) values (?, ?, ?)", [version, name, text]);

/** The highest version that was applied; 0 when none was. */
export const newestMigration = async (connection: Connection): Promise<number> => {
  const found = await connection.all("select 1 from sqlite_master where name = 'ledger_migration'");
  if (found.length === 0) return 0;
  const rows = await connection.all("select coalesce(max(version), 0) from ledger_migration");
  return rows[0]?.[0] as number;
};
