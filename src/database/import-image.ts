/**
 * Makes a database with an identity of its own out of a file that export() made. The file may come from anywhere: it is
 * read in an engine of its own, what the app declared goes through the guard rails, and its changes are checked as those
 * of a peer are.
 */

import { LedgerError } from "../common/errors.ts";
import { bytesToHex, type Epoch } from "../common/ids.ts";
import type { Random } from "../common/random.ts";
import { decodeMessage, encodeMessage } from "../replication/codec.ts";
import { emptyFrontier } from "../replication/frontier.ts";
import { defaultReplicationLimits } from "../replication/limits.ts";
import type { Changes } from "../replication/message.ts";
import { openChangeLog, type ChangeLog } from "./change-log.ts";
import type { Connection } from "./connection.ts";
import type { Database } from "./database.ts";
import { openMemoryHost } from "./memory-host.ts";
import { createScratchDirectory } from "./scratch-directory.ts";
import { createSqliteDatabase } from "./sqlite-database.ts";
import { isInternalName, quoteName } from "./synced-tables.ts";

export interface ImportOptions {
  readonly wasmUrl?: string;
  readonly random: Random;
  readonly nowMs: number;
}

const databaseFile = "ledger.db";
const magic = "SQLite format 3\0";
/** Where the header says whether the file was last written with a rollback journal (1) or in WAL mode (2). */
const journalModeAt = [18, 19];

/**
 * Answers an image for Database.replace().
 * @throws LedgerError LEDGER_IMPORT_REFUSED, and nothing else for what is wrong with the file
 */
export const openImport = async (file: Blob, options: ImportOptions): Promise<Blob> => {
  try {
    return await rebuild(await checkedFile(file), options);
  } catch (error) {
    if (error instanceof LedgerError && codesOfOurs.has(error.code)) throw error;
    throw refused(`the file cannot be restored: ${error instanceof Error ? error.message : String(error)}`, error);
  }
};

/** What is not the file's fault. */
const codesOfOurs = new Set(["LEDGER_IMPORT_REFUSED", "LEDGER_ENGINE_UNAVAILABLE"]);

const refused = (message: string, cause?: unknown): LedgerError =>
  new LedgerError("LEDGER_IMPORT_REFUSED", message, cause === undefined ? undefined : { cause });

/** With the header of a file that needs no write-ahead log, which a file that was closed properly does not. */
const checkedFile = async (file: Blob): Promise<Blob> => {
  const head = new Uint8Array(await file.slice(0, 100).arrayBuffer());
  if (head.length < 100 || new TextDecoder().decode(head.subarray(0, magic.length)) !== magic) {
    throw refused("this is not a SQLite file");
  }
  for (const at of journalModeAt) head[at] = 1;
  return new Blob([head, file.slice(100)]);
};

const rebuild = async (file: Blob, options: ImportOptions): Promise<Blob> => {
  const given = createScratchDirectory();
  await given.put(databaseFile, file);
  const source = await createSqliteDatabase(await openMemoryHost(options.wasmUrl, given));
  try {
    await source.read(assertSound);
    const made = createScratchDirectory();
    const target = await createSqliteDatabase(await openMemoryHost(options.wasmUrl, made));
    try {
      await copyAll(source, target, options);
    } finally {
      await target.close();
    }
    return made.take(databaseFile);
  } finally {
    await source.close();
  }
};

const assertSound = async (connection: Connection): Promise<void> => {
  await connection.run("PRAGMA trusted_schema = off; PRAGMA cell_size_check = on");
  const [answer] = await connection.all("PRAGMA quick_check(1)");
  if (answer?.[0] !== "ok") throw refused(`the file is damaged: ${String(answer?.[0])}`);
  const ours = await connection.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ledger_epoch'");
  if (ours.length === 0) {
    throw refused("the file was not made by export(), or without the metadata that restoring it needs");
  }
};

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

const readSchema = async (connection: Connection): Promise<readonly SchemaObject[]> => {
  const rows = await connection.all(
    `SELECT m.type, m.name, m.sql, m.tbl_name FROM sqlite_master m
     LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = m.tbl_name
     WHERE m.sql IS NOT NULL AND coalesce(l.type, '') <> 'shadow' ORDER BY m.rowid`,
  );
  return (rows as [string, string, string, string][])
    .filter(([, name, , table]) => !isInternalName(name) && !isInternalName(table))
    .map(([type, name, sql]) => ({ type, name, sql }));
};

const copyAll = async (source: Database, target: Database, { random, nowMs }: ImportOptions): Promise<void> => {
  const schema = await source.read(readSchema);
  const declare = async (...types: readonly string[]): Promise<void> => {
    for (const { type, sql } of schema) if (types.includes(type)) await target.exec({ sql });
  };
  await declare("table", "index");
  for (const table of source.syncedTables.keys()) await target.enableSync(table);
  const open = (database: Database): Promise<ChangeLog> =>
    openChangeLog({ database, epoch: bytesToHex(random.bytes(16)) as Epoch, nowMs });
  const [from, into] = [await open(source), await open(target)];
  await mergeLog(source, from, into);
  for (const { type, name } of schema) {
    if (type === "table" && !source.syncedTables.has(name)) await copyRows(source, target, name);
  }
  for (const name of keptTables) await copyKept(source, target, name);
  // Last: they would have fired for rows that they fired for long ago.
  await declare("view", "trigger");
};

/** Ledger's own tables that tell of the app, not of this replica. */
const keptTables = ["ledger_migration", "ledger_dropped"];

const copyKept = async (source: Database, target: Database, name: string): Promise<void> => {
  const found = await source.read((connection) =>
    connection.all("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [name]),
  );
  const sql = found[0]?.[0];
  if (typeof sql !== "string" || !/^create table (if not exists )?"?ledger_\w+"?\s*\([^;]*\)[^;]*$/i.test(sql)) return;
  await target.transact({ type: "local" }, async (connection) => {
    await connection.run(sql);
    return { result: undefined, tables: [] };
  });
  await copyRows(source, target, name);
};

const mergeLog = async (source: Database, from: ChangeLog, into: ChangeLog): Promise<void> => {
  let position = 0;
  for (;;) {
    const stretch = await from.read({ after: position, quarantineAfter: 0, known: emptyFrontier });
    if (stretch.unsendable > 0) throw refused("the file holds rows with keys or values that no replica takes");
    const { groups, complete, to, frontier } = stretch;
    const claims = complete ? frontier : emptyFrontier;
    const changes = asFromPeer({ type: "changes", to, complete, frontier: claims, groups });
    const cursor = { epoch: from.epoch, position: to };
    await into.apply({ peer: source.siteId, groups: changes.groups, cursor, claims: changes.frontier });
    if (complete) return;
    position = to;
  }
};

/** Through all checks that bytes of a peer must pass. */
const asFromPeer = (changes: Changes): Changes => {
  const decoded = decodeMessage(encodeMessage(changes), defaultReplicationLimits);
  if (!decoded.ok) throw refused(`the file holds changes that break the protocol: ${decoded.error.rule}`);
  return decoded.value as Changes;
};

/** Rows between two connections, value by value with its storage class. */
const copyRows = async (source: Database, target: Database, table: string): Promise<void> => {
  const plan = await source.read((connection) => planCopy(connection, table));
  if (plan.columns.length === 0) return;
  const names = plan.columns.join(", ");
  const marks = plan.columns.map(() => "?").join(", ");
  await source.read((reading) =>
    target.transact({ type: "local" }, async (writing) => {
      const rows = await reading.prepare(`SELECT ${names} FROM main.${quoteName(table)}`);
      const insert = await writing.prepare(`INSERT INTO main.${quoteName(table)} (${names}) VALUES (${marks})`);
      while (await rows.step()) {
        plan.columns.forEach((_, index) => insert.bind(index + 1, rows.columnClass(index), rows.column(index)));
        await insert.step();
        await insert.reset();
      }
      await rows.reset();
      if (plan.command !== undefined) await writing.run(plan.command);
      return { result: undefined, tables: [] };
    }),
  );
};

interface CopyPlan {
  /** Quoted; none when there is nothing to copy. */
  readonly columns: readonly string[];
  /** To be run afterwards. */
  readonly command?: string;
}

const planCopy = async (connection: Connection, table: string): Promise<CopyPlan> => {
  const [listed] = await connection.all("SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", [
    table,
  ]);
  const columns = await connection.all("SELECT name, pk, type FROM pragma_table_xinfo(?) WHERE hidden = 0", [table]);
  const names = (columns as [string, number, string][]).map(([name]) => quoteName(name));
  const isAlias = (columns as [string, number, string][]).some(([, key, type]) => key > 0 && /^integer$/i.test(type));
  const hasRowid = listed?.[1] === 0 && !names.some((name) => /^"(rowid|oid|_rowid_)"$/i.test(name));
  if (listed?.[0] === "virtual") return { columns: hasRowid ? ["rowid", ...names] : names };
  return { columns: hasRowid && !isAlias ? ["rowid", ...names] : names };
};
