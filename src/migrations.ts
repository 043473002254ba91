/**
 * Migrations as the app sees them: a list that is the same on every replica, of which each runs what it has not run yet, in
 * order, each in a transaction of its own that also records it. Every replica migrates by itself: schemas do not travel.
 */

import { LedgerError, toLedgerError } from "./common/errors.ts";
import type { Transaction, Transactions } from "./transaction.ts";

/** What a migration's function may use. Every method throws as its namesake of Ledger does. */
export interface MigrationTransaction extends Pick<Transaction, "exec" | "query" | "get" | "sql"> {
  /** Makes a table replicate, with the rows it has. */
  enableSync(table: string): Promise<void>;
}

export interface Migration {
  /** Whole, from 1; a later migration has a higher one. */
  readonly version: number;
  /** For people: it stands in errors. */
  readonly name: string;
  /** Statements of SQL, or a function that does nothing but SQL. Must not change once any replica has run it. */
  readonly up: string | ((tx: MigrationTransaction) => unknown);
  /** Tables that replicate from then on; after `up`, in the same transaction. */
  readonly sync?: readonly string[];
}

export interface MigrationResult {
  /** Versions that ran now, in order. */
  readonly applied: readonly number[];
  /** Versions of the list that had run before. */
  readonly skipped: readonly number[];
  /** Versions that a newer build of the app ran here, and that the list does not have yet. */
  readonly newer: readonly number[];
}

/** Rolls back a migration that another tab ran in the meantime. */
const alreadyApplied = Symbol("already applied");

/** How often a migration is begun when the tab that owned the database goes away. */
const maxAttempts = 3;

/** @throws LedgerError LEDGER_OPTION_INVALID, LEDGER_MIGRATION_CHANGED, LEDGER_MIGRATION_FAILED */
export const runMigrations = async (
  db: Pick<Transaction, "query">,
  transactions: Transactions,
  migrations: readonly Migration[],
): Promise<MigrationResult> => {
  const list = checkList(migrations);
  const records = await readRecords(db);
  checkAgainstRecords(list, records);
  const applied: number[] = [];
  const skipped: number[] = [];
  for (const migration of list) {
    const isNew = !records.has(migration.version) && (await runOne(transactions, migration));
    (isNew ? applied : skipped).push(migration.version);
  }
  const newest = list.at(-1)?.version ?? 0;
  return { applied, skipped, newer: [...records.keys()].filter((version) => version > newest) };
};

/** Versions of the migrations that ran here, with what they are recognised by. */
const readRecords = async (db: Pick<Transaction, "query">): Promise<ReadonlyMap<number, string | null>> => {
  const found = await db.query("SELECT 1 FROM sqlite_master WHERE name = 'ledger_migration'");
  if (found.length === 0) return new Map();
  const rows = await db.query<{ version: number; text: string | null }>(
    "SELECT version, text FROM ledger_migration ORDER BY version",
  );
  return new Map(rows.map(({ version, text }) => [version, text]));
};

/** What a migration is recognised by; undefined for a function, whose text depends on the build. */
const textOf = ({ up, sync = [] }: Migration): string | null =>
  typeof up === "string"
    ? [up.replaceAll("\r\n", "\n").trim(), ...sync.map((table) => `-- sync: ${table}`)].join("\n")
    : null;

const checkList = (migrations: readonly Migration[]): readonly Migration[] => {
  const list = [...migrations].sort((left, right) => left.version - right.version);
  list.forEach(({ version, name, up }, index) => {
    const isSound = Number.isSafeInteger(version) && version > 0 && typeof name === "string";
    if (!isSound || (typeof up !== "string" && typeof up !== "function")) {
      const message = `a migration needs a whole version from 1, a name, and SQL or a function as up: ${String(name)}`;
      throw new LedgerError("LEDGER_OPTION_INVALID", message);
    }
    if (version === list[index - 1]?.version) {
      throw new LedgerError("LEDGER_OPTION_INVALID", `two migrations have the version ${version}`);
    }
  });
  return list;
};

const checkAgainstRecords = (list: readonly Migration[], records: ReadonlyMap<number, string | null>): void => {
  const changed = (message: string): never => {
    throw new LedgerError("LEDGER_MIGRATION_CHANGED", message);
  };
  const newestRun = Math.max(0, ...records.keys());
  const newestListed = list.at(-1)?.version ?? 0;
  for (const migration of list) {
    const { version } = migration;
    const ran = records.get(version);
    if (ran === undefined && version < newestRun) {
      changed(`${label(migration)} comes before ${newestRun}, which has run here; give it a higher version`);
    }
    if (typeof ran === "string" && textOf(migration) !== null && textOf(migration) !== ran) {
      changed(
        `${label(migration)} has run here with another text; restore it, and write what is new as a new migration`,
      );
    }
  }
  for (const version of records.keys()) {
    if (version < newestListed && !list.some((migration) => migration.version === version)) {
      changed(`migration ${version} has run here and is missing from the list; put it back`);
    }
  }
};

/** @returns false when another tab was faster */
const runOne = async (transactions: Transactions, migration: Migration, attempt = 1): Promise<boolean> => {
  const { version, name, up, sync = [] } = migration;
  try {
    await transactions.migrate({ version, name, text: textOf(migration) }, async (tx) => {
      const ran = await tx.get("SELECT 1 FROM ledger_migration WHERE version = ?", [version]);
      if (ran !== undefined) throw alreadyApplied;
      await (typeof up === "string" ? tx.exec(up) : up(tx));
      for (const table of sync) await tx.enableSync(table);
    });
    return true;
  } catch (error) {
    if (error === alreadyApplied) return false;
    const { code, message } = toLedgerError(error);
    const isInterrupted = code === "LEDGER_LEADER_CHANGED" || code === "LEDGER_TRANSACTION_ENDED";
    if (isInterrupted && attempt < maxAttempts) return runOne(transactions, migration, attempt + 1);
    throw new LedgerError("LEDGER_MIGRATION_FAILED", `${label(migration)}: ${message}; nothing of it was stored`, {
      cause: error,
    });
  }
};

const label = ({ version, name }: Migration): string => `migration ${version} (${name})`;

/**
 * The migrations in files such as `migrations/0001-create-notes.sql`: version and name are in the file's name, and a line
 * `-- sync: notes` makes a table replicate. For Vite:
 * `loadMigrations(import.meta.glob("./migrations/*.sql", { query: "?raw", import: "default", eager: true }))`
 * @param files - path to contents
 * @throws LedgerError LEDGER_OPTION_INVALID when a file's name has no version, or its contents are no text
 */
export const loadMigrations = (files: Readonly<Record<string, unknown>>): Migration[] =>
  Object.entries(files)
    .map(([path, contents]): Migration => {
      const [, digits, name] = /(?:^|[\\/])(\d+)[-_. ]?([^\\/]*?)\.sql$/.exec(path) ?? [];
      if (digits === undefined || name === undefined || typeof contents !== "string") {
        const message = `${path} must be text in a file named like 0001-create-notes.sql`;
        throw new LedgerError("LEDGER_OPTION_INVALID", message);
      }
      const sync = [...contents.matchAll(/^[ \t]*--[ \t]*sync:(.*)$/gm)].flatMap(([, tables = ""]) =>
        tables.split(/[\s,]+/).filter((table) => table !== ""),
      );
      return { version: Number(digits), name: name || digits, up: contents, ...(sync.length > 0 ? { sync } : {}) };
    })
    .sort((left, right) => left.version - right.version);
