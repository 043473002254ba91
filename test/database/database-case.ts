/** The form of a conformance case: one database per case, opened as often as the case likes. */

import type { Commit, Database } from "../../src/database/database.ts";
import type { SqlParams, SqlValue } from "../../src/database/value.ts";

export interface DatabaseFixture {
  /** Whether closing and opening again finds the same rows. */
  readonly isPersistent: boolean;
  /** Opens this case's database; the fixture closes it after the case. */
  open(): Promise<Database>;
}

export interface DatabaseCase {
  /** Finishes "it …". */
  readonly name: string;
  /** Only where `isPersistent`. */
  readonly needsPersistence?: true;
  readonly run: (fixture: DatabaseFixture) => Promise<void>;
}

/** Rows of one query as arrays. */
export const rowsOf = async (
  database: Database,
  sql: string,
  params?: SqlParams,
): Promise<readonly (readonly SqlValue[])[]> => {
  const request = { sql, rowMode: "array" as const };
  const { rows } = await database.exec(params === undefined ? request : { ...request, params });
  return rows as readonly (readonly SqlValue[])[];
};

export const notesTable = "create table notes (id text primary key not null, title text, n integer)";

/** A database with a synced, empty table `notes`. */
export const openWithNotes = async (fixture: DatabaseFixture): Promise<Database> => {
  const database = await fixture.open();
  await database.exec({ sql: notesTable });
  await database.enableSync("notes");
  return database;
};

/** The commits reported while `work` runs. */
export const commitsDuring = async (database: Database, work: () => Promise<unknown>): Promise<readonly Commit[]> => {
  const commits: Commit[] = [];
  const stop = database.onCommit((commit) => commits.push(commit));
  try {
    await work();
  } finally {
    stop();
  }
  return commits;
};

/** Tables of the commits reported while `work` runs. */
export const tablesDuring = async (
  database: Database,
  work: () => Promise<unknown>,
): Promise<readonly (readonly string[])[]> => (await commitsDuring(database, work)).map(({ tables }) => tables);
