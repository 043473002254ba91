/** Port: a place where a database's files live, and the engine opened over them. */

import type { StorageKind } from "./database.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

export interface EngineHost {
  readonly storage: StorageKind;
  /** Opens a new instance of the engine over the files. Called again after a crash, when the one before is abandoned. */
  openConnection(): Promise<SqliteConnection>;
  /** Asked after each commit: what has to be done now, alone on the connection. */
  upkeep?(): (() => Promise<void>) | undefined;
  /**
   * Puts `image` in place of the database's file, whole or, when it fails or the process ends meanwhile, not at all; no
   * connection is open then.
   */
  replace(image: Blob): Promise<void>;
  /** Gives up files and locks; the connection is closed by then. Never called twice. */
  release(): Promise<void>;
}
