/**
 * Databases in memory beside the one that is open, attached for as long as they are filled or read: what is handed over as a
 * whole is made and looked at there. Their file system keeps nothing else and is there for one connection.
 */

import type { EngineModule } from "./engine-module.ts";
import { createMemoryDirectory } from "./memory-directory.ts";
import { createSyncVfs } from "./vfs.ts";

export interface Images {
  /**
   * Attaches a database in memory under the schema name `name`, new or of the given bytes, which may be anything: look with
   * `PRAGMA quick_check` before use. Must not be called in a transaction.
   */
  attach(name: string, bytes?: Uint8Array): Promise<void>;
  /** Detaches it for a while: its bytes stay for resume(). Must not be called in a transaction. */
  park(name: string): Promise<void>;
  /** Attaches again what was parked on this connection. Must not be called in a transaction. */
  resume(name: string): Promise<void>;
  /** Detaches it and answers its bytes. Must not be called in a transaction. */
  detach(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

const vfsName = "ledger-images";

export const createImages = (module: EngineModule, run: (sql: string) => Promise<void>): Images => {
  const files = createMemoryDirectory();
  let isRegistered = false;

  const resume = async (name: string): Promise<void> => {
    if (!isRegistered) {
      module.registerVFS(createSyncVfs({ name: vfsName, directory: files }), false);
      isRegistered = true;
    }
    try {
      await run(`ATTACH 'file:${name}?vfs=${vfsName}' AS ${name}`);
      // It is thrown away when anything goes wrong.
      await run(`PRAGMA ${name}.journal_mode = off; PRAGMA ${name}.synchronous = off`);
    } catch (error) {
      // Bytes that are no database are told from one only when it is first used.
      await run(`DETACH ${name}`).catch(() => {});
      files.delete(name);
      throw error;
    }
  };
  const park = (name: string): Promise<void> => run(`DETACH ${name}`);

  return {
    attach: (name, bytes) => {
      files.delete(name); // One that was parked and never resumed.
      if (bytes !== undefined) files.open(name, true)?.write(bytes, 0);
      return resume(name);
    },
    park,
    resume,
    detach: async (name) => {
      await park(name);
      const file = files.open(name, true);
      const bytes = new Uint8Array(file?.size() ?? 0);
      file?.read(bytes, 0);
      files.delete(name);
      return bytes;
    },
  };
};
