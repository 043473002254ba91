/** A Kysely dialect over a Ledger. Migrations are Ledger's: Kysely's know nothing of tables that sync. */

import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseMetadataOptions,
  type Dialect,
  type TableMetadata,
} from "kysely";
import type { Ledger } from "../index.ts";
import { createLedgerDriver } from "./driver.ts";

/**
 * For `new Kysely({ dialect })`. `db` must be open before the first query, and stays the app's to close: `destroy()` of the
 * Kysely does nothing to it.
 */
export const createLedgerDialect = (db: Ledger): Dialect => ({
  createDriver: () => createLedgerDriver(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  createAdapter: () => new LedgerAdapter(),
  createIntrospector: (kysely) => new LedgerIntrospector(kysely),
});

const migrationsRefused = (): Error =>
  new Error("Kysely's migrations would break tables that sync; use migrate() of the Ledger instead");

class LedgerAdapter extends SqliteAdapter {
  override acquireMigrationLock(): Promise<void> {
    return Promise.reject(migrationsRefused());
  }
}

class LedgerIntrospector extends SqliteIntrospector {
  override async getTables(options?: DatabaseMetadataOptions): Promise<TableMetadata[]> {
    // Kysely's migrator asks so before it makes tables of its own.
    if (options?.withInternalKyselyTables === true) throw migrationsRefused();
    const tables = await super.getTables(options);
    return tables.filter(({ name }) => !/^(crsql_|ledger_)|__crsql_/.test(name));
  }
}
