/** What is read of the log, beside what cr-sqlite's own view of it says. */

import { afterEach, describe, expect, it } from "vitest";
import { changesInOrder, changesInPlaces, changesOf } from "../../src/database/change-rows.ts";
import type { SyncedTable } from "../../src/database/database.ts";
import type { SqlValue } from "../../src/database/value.ts";
import type { Random } from "../../src/common/random.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { closeLogs, openLog, sync, type Log } from "./logs.ts";

afterEach(closeLogs);

const wideColumns = Array.from({ length: 61 }, (_, i) => `w${i} INTEGER`).join(", ");
const schema = `
  CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x, "order" INTEGER, r REAL, t TEXT, b BLOB, num NUMERIC);
  CREATE TABLE pair (b BLOB NOT NULL, a INTEGER NOT NULL, x TEXT, PRIMARY KEY (a, b));
  CREATE TABLE bare (id REAL NOT NULL, k TEXT NOT NULL, PRIMARY KEY (id, k));
  CREATE TABLE number (id INTEGER PRIMARY KEY NOT NULL, x, g GENERATED ALWAYS AS (x || '!'));
  CREATE TABLE roomy (id TEXT PRIMARY KEY NOT NULL, "select", ${wideColumns}) WITHOUT ROWID;
`;

const values = ["NULL", "1", "-0.0", "2.5", "9007199254740993", "'1'", "'t''x'", "''", "x''", "x'00ff'", "'1.50'"];
/** Those that are written to, before and after the migration. */
const columns = {
  n: ["x", '"order"', "r", "t", "b", "num"],
  later: ["x", '"order"', "r", "b", "num", "more"],
  roomy: ['"select"', "w0", "w30", "w60"],
};

const pick = <T>(random: Random, choices: readonly T[]): T => choices[Math.floor(random.unit() * choices.length)] as T;

/** One statement, more or less any. */
const statement = (random: Random, isMigrated: boolean): string => {
  const value = (): string => pick(random, values);
  const number = pick(random, [1, 2, 3]);
  const ofN = (): string => pick(random, isMigrated ? columns.later : columns.n);
  const ofRoomy = (): string => pick(random, columns.roomy);
  return pick(random, [
    `INSERT OR IGNORE INTO n (id, ${ofN()}) VALUES ('${number}', ${value()})`,
    `UPDATE n SET ${ofN()} = ${value()} WHERE id = '${number}'`,
    `DELETE FROM n WHERE id = '${number}'`,
    `INSERT INTO pair VALUES (x'0${number}', ${number}, ${value()}) ON CONFLICT DO UPDATE SET x = excluded.x`,
    `DELETE FROM pair WHERE a = ${number}`,
    `INSERT OR IGNORE INTO bare VALUES (${number}${pick(random, ["", ".5"])}, ${pick(random, ["'1'", "''", "'k'"])})`,
    `DELETE FROM bare WHERE id = ${number}`,
    `INSERT OR IGNORE INTO number (id, x) VALUES (${pick(random, [number, 2 ** 40, -number])}, ${value()})`,
    `UPDATE number SET x = ${value()} WHERE id = ${number}; DELETE FROM number WHERE id = ${-number}`,
    `INSERT OR IGNORE INTO roomy (id, ${ofRoomy()}) VALUES ('${number}', ${value()})`,
    `UPDATE roomy SET ${ofRoomy()} = ${value()} WHERE id = '${number}'`,
    `DELETE FROM roomy WHERE id = '${number}'`,
  ]);
};

type Read = (tables: readonly SyncedTable[]) => string;

const textOf = (row: readonly SqlValue[]): string =>
  row
    .map((value) => {
      if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
      return Object.is(value, -0) ? "-0" : `${typeof value} ${String(value)}`;
    })
    .join(" | ");

/** Rows of a statement as texts, the storage class of the value with each. */
const read = ({ database }: Log, sql: string, bounds: readonly number[]): Promise<readonly string[]> =>
  database.read(async (connection) => {
    const rows = await connection.all(sql, bounds);
    const statement = await connection.prepare(sql);
    bounds.forEach((bound, index) => statement.bind(index + 1, 1, bound));
    const classes: number[] = [];
    while (await statement.step()) classes.push(statement.columnClass(3));
    await statement.reset();
    return rows.map((row, index) => `${textOf(row)} class ${classes[index]}`);
  });

const ofTables = ({ database }: Log, sql: Read): string => sql([...database.syncedTables.values()]);
const theirs = `SELECT "table", pk, cid, val, col_version, cl, seq, db_version FROM crsql_changes
  WHERE db_version BETWEEN ?1 AND ?2`;

const newest = async (log: Log): Promise<number> =>
  Number((await log.rows("SELECT crsql_db_version()")).map((row) => (row as readonly SqlValue[])[0])[0]);

const expectSame = async (log: Log, random: Random): Promise<number> => {
  const last = await newest(log);
  const from = Math.ceil(random.unit() * last);
  let count = 0;
  for (const bounds of [
    [1, last],
    [from, from],
    [from, last],
  ]) {
    const expected = (await read(log, theirs, bounds)).toSorted();
    count += expected.length;
    expect((await read(log, ofTables(log, changesOf), bounds)).toSorted()).toEqual(expected);
    const inOrder = await read(log, ofTables(log, changesInOrder), bounds);
    expect(inOrder.toSorted()).toEqual(expected);
    const places = inOrder.map((text) => / (\d+) \| number (\d+) class/.exec(text)?.slice(1).map(Number) ?? []);
    expect(places).toEqual(
      places.toSorted(([seq = 0, version = 0], [otherSeq = 0, other = 0]) => version - other || seq - otherSeq),
    );
    const inPlaces = `${theirs} AND seq >= ?3 AND seq < ?4`;
    expect((await read(log, ofTables(log, changesInPlaces), [...bounds, 1, 3])).toSorted()).toEqual(
      (await read(log, inPlaces, [...bounds, 1, 3])).toSorted(),
    );
  }
  return count;
};

const migrate = async ({ database }: Log, sql: string): Promise<void> => {
  const tx = await database.beginMigration({ version: 1, name: "more", text: null });
  await tx.exec({ sql });
  await tx.commit();
};

describe("the rows of the log", () => {
  it.each([1, 2, 3, 4, 5])("are those of crsql_changes, history %i", async (seed) => {
    const random = createSeededRandom(seed);
    const logs = [await openLog(schema), await openLog(schema), await openLog(schema)];
    let count = 0;
    for (let round = 0; round < 6; round += 1) {
      if (round === 4) {
        for (const log of logs)
          await migrate(log, "ALTER TABLE n ADD COLUMN more DEFAULT 7; ALTER TABLE n DROP COLUMN t");
      }
      for (const log of logs) {
        for (let i = 0; i < 8; i += 1) await log.exec(statement(random, round >= 4));
      }
      const [one, other] = [pick(random, logs), pick(random, logs)];
      if (one !== other) await sync(one, other);
      for (const log of logs) count += await expectSame(log, random);
    }
    expect(count).toBeGreaterThan(1_000);
  });
});
