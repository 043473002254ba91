/** SQLite over a file with a write-ahead log. */

import type { Engine } from "./engine-module.ts";
import { openSqlite, type SqliteConnection } from "./sqlite-connection.ts";
import { createSyncVfs, type VfsDirectory } from "./vfs.ts";
import { withWriteAheadLog } from "./logged-directory.ts";
import type { WriteAheadLogLimits } from "./write-ahead-log.ts";

export interface LoggedSqlite {
  readonly connection: SqliteConnection;
  /** To be asked after commits: what has to be done then. */
  upkeep(): (() => Promise<void>) | undefined;
  /** To be called before another connection is opened, when this one has crashed. */
  abandon(): void;
}

export interface OpenLoggedSqliteOptions {
  readonly engine: Engine;
  readonly directory: VfsDirectory;
  readonly fileName: string;
  /** Name for the VFS. */
  readonly vfs: string;
  readonly limits?: WriteAheadLogLimits;
}

/** @throws LedgerError when the file cannot be opened or is not a database */
export const openLoggedSqlite = async ({
  engine,
  directory,
  fileName,
  vfs,
  limits,
}: OpenLoggedSqliteOptions): Promise<LoggedSqlite> => {
  const files = withWriteAheadLog(directory, fileName, limits);
  engine.module.registerVFS(createSyncVfs({ name: vfs, directory: files }), false);
  const connection = await openSqlite({ engine, fileName, vfs });
  /** After a transaction that did not fit into the log: in exclusive mode SQLite keeps its journal for the next ones as well. */
  const closeJournal = async (): Promise<void> => {
    await connection.all("pragma journal_mode = memory");
    await connection.all("pragma journal_mode = delete");
  };
  const upkeep = () => (files.isJournalOpen ? closeJournal : undefined);
  await upkeep()?.();
  return { connection, upkeep, abandon: files.abandon };
};
