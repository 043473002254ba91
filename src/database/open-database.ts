/**
 * Opens a database on its storage ladder. A rung that already holds the name is the only one tried; a rung that cannot be had
 * leads to the next; a rung that is busy, or fails in any other way, ends the attempt: nobody shall find an empty database
 * in place of theirs.
 */

import { LedgerError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Database, DatabaseOptions, StorageKind } from "./database.ts";
import type { EngineHost } from "./engine-host.ts";
import type { Engine } from "./engine-module.ts";
import { isNode, nodeModule } from "./node-platform.ts";
import { createSqliteDatabase } from "./sqlite-database.ts";

const unavailable = (message: string, cause?: unknown): LedgerError =>
  new LedgerError("LEDGER_STORAGE_UNAVAILABLE", message, cause === undefined ? undefined : { cause });

const directoryOf = ({ directory }: DatabaseOptions): string => {
  if (!isNode()) throw unavailable("storage in files needs Node; use opfs, idb or memory in a browser");
  if (directory === undefined) {
    throw new LedgerError("LEDGER_OPTION_INVALID", "storage in files needs the option directory");
  }
  return directory;
};

// Each host is loaded only when its rung is tried: a page that has OPFS never fetches the asynchronous engine, nor Node's parts.
const openHost = async (
  kind: StorageKind,
  options: DatabaseOptions,
  warm: Promise<Engine> | undefined,
): Promise<EngineHost> => {
  const { name, wasmUrl } = options;
  switch (kind) {
    case "opfs":
      return (await import("./opfs-host.ts")).openOpfsHost(name, wasmUrl, warm);
    case "idb":
      return (await import("./idb-host.ts")).openIdbHost(name, wasmUrl);
    case "file":
      return (await import("./node-file-host.ts")).openNodeFileHost(name, directoryOf(options), wasmUrl);
    case "memory":
      return (await import("./memory-host.ts")).openMemoryHost(wasmUrl);
  }
};

const isHeldBy = async (kind: StorageKind, options: DatabaseOptions): Promise<boolean> => {
  switch (kind) {
    case "opfs":
      return !isNode() && (await import("./opfs-host.ts")).isInOpfs(options.name);
    case "idb":
      return !isNode() && (await import("./idb-host.ts")).isInIdb(options.name);
    case "file": {
      if (!isNode() || options.directory === undefined) return false;
      const { databaseNameToFileName } = await import("./node-file-host.ts");
      const path = nodeModule("node:path").join(options.directory, `${databaseNameToFileName(options.name)}.db`);
      return nodeModule("node:fs").existsSync(path);
    }
    case "memory":
      return false;
  }
};

const rungsToTry = async (options: DatabaseOptions): Promise<readonly StorageKind[]> => {
  if (options.ladder.length < 2) return options.ladder;
  for (const kind of options.ladder) if (await isHeldBy(kind, options)) return [kind];
  return options.ladder;
};

/**
 * @param warm - an engine that is ready, from warmUpEngine(), for a database in OPFS
 * @throws LedgerError LEDGER_STORAGE_UNAVAILABLE when no rung can be had, LEDGER_STORAGE_BUSY when the database is open elsewhere,
 *   LEDGER_ENGINE_UNAVAILABLE when the wasm file cannot be loaded
 */
export const openDatabase = async (
  options: DatabaseOptions,
  logger?: Logger,
  warm?: Promise<Engine>,
): Promise<Database> => {
  let cause: unknown;
  for (const kind of await rungsToTry(options)) {
    try {
      return await createSqliteDatabase(await openHost(kind, options, warm), logger);
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== "LEDGER_STORAGE_UNAVAILABLE") throw error;
      cause = error;
      logger?.info("storage cannot be used", { storage: kind, message: error.message });
    }
  }
  throw unavailable(`none of these storages can be used here: ${options.ladder.join(", ")}`, cause);
};
