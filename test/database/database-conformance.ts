/** The conformance suite of the Database port: the cases, and a runner for any storage. */

import type { Database } from "../../src/database/database.ts";
import { atOnceCases } from "./at-once-cases.ts";
import { backupCases } from "./backup-cases.ts";
import { commitCases } from "./commit-cases.ts";
import type { DatabaseCase, DatabaseFixture } from "./database-case.ts";
import { execCases } from "./exec-cases.ts";
import { guardCases } from "./guard-cases.ts";
import { queryCases } from "./query-cases.ts";
import { migrationCases } from "./migration-cases.ts";
import { storageCases } from "./storage-cases.ts";
import { syncCases } from "./sync-cases.ts";
import { transactionCases } from "./transaction-cases.ts";
import { watchCases } from "./watch-cases.ts";
import { valueCases } from "./value-cases.ts";

export const databaseCases: readonly DatabaseCase[] = [
  ...valueCases,
  ...execCases,
  ...atOnceCases,
  ...queryCases,
  ...guardCases,
  ...syncCases,
  ...commitCases,
  ...transactionCases,
  ...watchCases,
  ...migrationCases,
  ...storageCases,
  ...backupCases,
];

/** How a storage takes part: opens the database of the given name, the same one for the same name where it is persistent. */
export interface StorageUnderTest {
  readonly isPersistent: boolean;
  open(name: string): Promise<Database>;
}

/** Cases that make sense for `storage`. */
export const casesFor = ({ isPersistent }: { readonly isPersistent: boolean }): readonly DatabaseCase[] =>
  databaseCases.filter(({ needsPersistence }) => isPersistent || needsPersistence === undefined);

/** Runs one case on a database of its own. */
export const runCase = async ({ run }: DatabaseCase, storage: StorageUnderTest, name: string): Promise<void> => {
  const opened: Database[] = [];
  const fixture: DatabaseFixture = {
    isPersistent: storage.isPersistent,
    open: async () => {
      const database = await storage.open(name);
      opened.push(database);
      return database;
    },
  };
  try {
    await run(fixture);
  } finally {
    for (const database of opened) await database.close();
  }
};
