/** The database as one plain SQLite file, as of one moment: whoever writes meanwhile waits. */

import type { SqliteConnection } from "./sqlite-connection.ts";
import { isInternalName, quoteName } from "./synced-tables.ts";

const scratchFile = "export.db";

/**
 * @param withMetadata - whether what cr-sqlite and Ledger keep beside the rows is in the file: without it the file cannot
 *   be imported, and its tables are plain ones
 */
export const exportImage = async (connection: SqliteConnection, withMetadata: boolean): Promise<Blob> => {
  const scratch = connection.scratch();
  try {
    // Leaves out free pages, and with them what was deleted.
    await connection.run(`VACUUM INTO '${connection.scratchUri(scratchFile)}'`);
    if (!withMetadata) await removeMetadata(connection);
    return scratch.take(scratchFile);
  } finally {
    scratch.delete(scratchFile);
  }
};

const removeMetadata = async (connection: SqliteConnection): Promise<void> => {
  await connection.run(`ATTACH '${connection.scratchUri(scratchFile)}' AS ledger_export`);
  try {
    await connection.run("PRAGMA ledger_export.synchronous = off; PRAGMA ledger_export.journal_mode = off");
    const objects = await connection.all(
      "SELECT type, name FROM ledger_export.sqlite_master WHERE type IN ('trigger', 'table') ORDER BY type = 'table'",
    );
    for (const [type, name] of objects as [string, string][]) {
      if (!isInternalName(name) || name.startsWith("sqlite_")) continue;
      await connection.run(`DROP ${type} ledger_export.${quoteName(name)}`);
    }
    await connection.run("VACUUM ledger_export");
  } finally {
    await connection.run("DETACH ledger_export");
  }
};
