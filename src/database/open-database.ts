/** Opens a database on the first rung of its storage ladder that can be had. */

import { LedgerError } from "../common/errors.ts";
import type { Database, DatabaseOptions, StorageKind } from "./database.ts";
import type { EngineHost } from "./engine-host.ts";
import { createSqliteDatabase } from "./sqlite-database.ts";

// Each host is loaded only when its rung is tried: a page that has OPFS never fetches the asynchronous engine.
const openHost = async (kind: StorageKind, { wasmUrl }: DatabaseOptions): Promise<EngineHost> => {
  switch (kind) {
    case "memory":
      return (await import("./memory-host.ts")).openMemoryHost(wasmUrl);
    default:
      throw new LedgerError("LEDGER_STORAGE_UNAVAILABLE", `there is no ${kind} storage here`);
  }
};

export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  for (const kind of options.ladder) {
    try {
      return await createSqliteDatabase(await openHost(kind, options));
    } catch (error) {
      if (error instanceof LedgerError && error.code === "LEDGER_STORAGE_UNAVAILABLE") continue;
      throw error;
    }
  }
  throw new LedgerError("LEDGER_STORAGE_UNAVAILABLE", `none of ${options.ladder.join(", ")} can be used here`);
};
