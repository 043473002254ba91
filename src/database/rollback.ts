/**
 * Undoing, with what cr-sqlite needs after it: it reads its list of synced tables and columns anew only when the schema's
 * version is higher than any it has seen. A rollback sets that number back, and what the schema becomes after it may go
 * unseen: writes to a new synced table fail then, and after an ALTER they would go to the wrong column. So the number is
 * raised above all that were undone.
 * @see https://github.com/vlcn-io/cr-sqlite/blob/v0.16.0/core/src/ext-data.c crsql_fetchPragmaSchemaVersion
 */

import type { SqliteConnection } from "./sqlite-connection.ts";

export interface Rollback {
  all(): Promise<void>;
  to(savepoint: string): Promise<void>;
  /** To be called before anything else, once no transaction is open. */
  mend(): Promise<void>;
}

export const createRollback = (connection: SqliteConnection): Rollback => {
  let highestUndone = -1;

  const schemaVersion = async (): Promise<number> => (await connection.all("pragma schema_version"))[0]?.[0] as number;
  const undo = async (sql: string): Promise<void> => {
    const undone = await schemaVersion();
    await connection.run(sql);
    if ((await schemaVersion()) < undone) highestUndone = Math.max(highestUndone, undone);
  };

  return {
    all: () => undo("rollback"),
    to: (savepoint) => undo(`rollback to ${savepoint}`),
    mend: async () => {
      if (highestUndone === -1) return;
      if ((await schemaVersion()) <= highestUndone)
        await connection.run(`pragma schema_version = ${highestUndone + 1}`);
      highestUndone = -1;
    },
  };
};
