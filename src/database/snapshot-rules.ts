/**
 * What must hold before an image is copied: this replica holds nothing, the image's tables are those that it would write
 * itself, and what is in them obeys the rules that a change from a peer obeys; and after it: rows, keys and cells fit each
 * other.
 */

import { bytesToSiteId, type SiteId } from "../common/ids.ts";
import { rowSentinel } from "../replication/change.ts";
import { defaultReplicationLimits, maxCounter } from "../replication/limits.ts";
import { newestVersion } from "./change-reader.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, isKeyOf } from "./engine-tables.ts";
import { freshColumns, image, ownOrdinal, schemaOf, sentinelNumber } from "./image-form.ts";
import { SnapshotRefusedError, type SnapshotRefusal } from "./snapshot-refused.ts";
import { quoteName } from "./synced-tables.ts";

/** @throws SnapshotRefusedError */
export const refuse = (refusal: SnapshotRefusal, detail: string): never => {
  throw new SnapshotRefusedError(refusal, detail);
};

/** Whether the one value that `sql` answers is true. */
const holds = async (connection: Connection, sql: string): Promise<boolean> =>
  Number((await connection.all(sql))[0]?.[0] ?? 0) !== 0;

export const assertHoldsNothing = async (connection: Connection, tables: readonly SyncedTable[]): Promise<void> => {
  const holdsSome =
    (await newestVersion(connection, tables)) > 0 ||
    (await holds(
      connection,
      `SELECT EXISTS (SELECT 1 FROM ledger_run) OR EXISTS (SELECT 1 FROM ledger_quarantine)
         OR EXISTS (SELECT 1 FROM crsql_site_id WHERE ordinal <> ${ownOrdinal})`,
    ));
  if (holdsSome) refuse("holds-data", "this replica has changes already");
  for (const { name } of tables) {
    // Rows that an app keeps out of replication, as by a trigger, are rows.
    if (await holds(connection, `SELECT EXISTS (SELECT 1 FROM ${quoteName(name)})`)) {
      refuse("holds-data", `${name} has rows already`);
    }
  }
};

export const assertSchema = async (connection: Connection, tables: readonly SyncedTable[]): Promise<void> => {
  const check = await connection.all(`PRAGMA ${image}.quick_check(1)`);
  if (check[0]?.[0] !== "ok") refuse("malformed", "the image is no sound database");
  const found = await connection.all(`SELECT type, name, tbl_name, sql FROM ${image}.sqlite_master ORDER BY rowid`);
  const expected = schemaOf(tables).map(([name, sql]) => ["table", name, name, sql]);
  if (JSON.stringify(found) !== JSON.stringify(expected)) refuse("other-schema", "its tables are not those of here");
};

const isInt = (column: string, least: number, most: number): string =>
  `typeof(${column}) = 'integer' AND ${column} BETWEEN ${least} AND ${most}`;

/**
 * The rules that a change from a peer obeys, for all of them at once.
 * @param to - the newest version that the giver says to have
 */
export const assertContent = async (
  connection: Connection,
  tables: readonly SyncedTable[],
  own: SiteId,
  to: number,
): Promise<void> => {
  const none = async (rule: string, sql: string): Promise<void> => {
    if (await holds(connection, `SELECT EXISTS (${sql})`)) refuse("malformed", rule);
  };
  const isSite = (column: string): string => `typeof(${column}) = 'blob' AND length(${column}) = 16`;
  const most = Number.MAX_SAFE_INTEGER;

  await none("site", `SELECT 1 FROM ${image}.site WHERE NOT (${isInt("number", 0, most)} AND ${isSite("site")})`);
  await none("site twice", `SELECT 1 FROM ${image}.site GROUP BY site HAVING count(*) > 1`);
  await none(
    "run",
    `SELECT 1 FROM ${image}.run WHERE NOT (${isInt("first", 1, to)} AND ${isInt("last", 1, to)} AND last >= first
       AND ${isInt("origin_last", 1, most)} AND origin_last > last - first AND ${isSite("site")})`,
  );
  await none(
    "runs overlap",
    `SELECT 1 FROM (SELECT first, lag(last, 1, 0) OVER (ORDER BY first) AS before FROM ${image}.run) WHERE first <= before`,
  );
  const sites = await connection.all(`SELECT site FROM ${image}.site UNION SELECT site FROM ${image}.run`);
  // Own writes come back as new ones; that is merging's to do.
  if (sites.some(([site]) => bytesToSiteId(site as Uint8Array) === own)) refuse("holds-data", "it has own writes");

  for (const [index, table] of tables.entries()) {
    for (const [rule, sql] of tableRules(table, index, to)) await none(rule, sql);
  }
};

/** What nothing in a table's part of the image may be. What is NULL or no whole number is refused where it is copied to. */
const tableRules = (
  table: SyncedTable,
  index: number,
  to: number,
): readonly (readonly [rule: string, sql: string])[] => {
  const { keyColumns, valueColumns } = table;
  const [row, dead, cell] = ["row", "dead", "cell"].map((name) => `${image}.${name}${index}`);
  const { maxKeyBytes, maxValueBytes } = defaultReplicationLimits;
  const lengths = (names: readonly string[]): readonly string[] =>
    names.map((name) => `octet_length(${quoteName(name)})`);
  const isNoKey = `ledger_key NOT BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER}
    OR coalesce(${lengths(keyColumns).join(" + ")}, ${maxKeyBytes}) > ${maxKeyBytes - 256}`;
  const isTooLong = lengths(valueColumns).map((length) => ` OR ${length} > ${maxValueBytes}`);
  const mostFirst = maxCounter + 1 - freshColumns(table).length;
  return [
    [
      "row",
      `SELECT 1 FROM ${row} WHERE ${isNoKey} ${isTooLong.join("")}
         OR ledger_version NOT BETWEEN 1 AND ${to} OR ledger_seq NOT BETWEEN 0 AND ${mostFirst}`,
    ],
    ["deleted row", `SELECT 1 FROM ${dead} WHERE ${isNoKey}`],
    [
      "cell",
      `SELECT 1 FROM ${cell} WHERE NOT (col_version BETWEEN (col = ${sentinelNumber}) AND ${maxCounter}
         AND seq BETWEEN 0 AND ${maxCounter} AND db_version BETWEEN 1 AND ${to})`,
    ],
    // A writer's number is told from the own one before the clock looks at it.
    [
      "writer or transaction",
      `SELECT 1 FROM (
         SELECT ledger_site AS s, ledger_version AS v FROM ${row} WHERE ledger_version IS NOT NULL UNION SELECT site, db_version FROM ${cell})
       WHERE typeof(s) <> 'integer' OR s NOT IN (SELECT number FROM ${image}.site)
         OR v > coalesce((SELECT last FROM ${image}.run WHERE first <= v ORDER BY first DESC LIMIT 1), 0)`,
    ],
  ];
};

/**
 * That rows, keys and cells fit each other, which the engine takes for granted. It is true by the form of an image, or by an
 * index here, that each key has one number and that a fresh row has all of its cells.
 */
export const assertConsistent = async (connection: Connection, table: SyncedTable, index: number): Promise<void> => {
  const { name, keyColumns } = table;
  const clock = clockOf(table);
  const [row] = await connection.all(
    `SELECT total(cells), count(*) - count(cells), (SELECT count(*) FROM ${image}.cell${index})
     FROM (
       SELECT (SELECT iif(coalesce(max(iif(col_name = '${rowSentinel}', col_version, NULL)), count(*) > 0) % 2 = 1, count(*), NULL)
         FROM ${clock} c WHERE c.key = r.ledger_key) AS cells
       FROM ${image}.row${index} r WHERE ledger_version IS NULL
       UNION ALL
       SELECT (SELECT iif(count(*) = 1 AND max(col_name) = '${rowSentinel}' AND max(col_version) % 2 = 0, 1, NULL)
         FROM ${clock} c WHERE c.key = d.ledger_key)
       FROM ${image}.dead${index} d)`,
  );
  const [found, disagreeing, given] = row as number[];
  if (disagreeing !== 0) refuse("malformed", "a row and its life do not agree");
  if (found !== given) refuse("malformed", "a cell of no row that has its own");

  if (await holds(connection, await unwrittenSql(connection, table, index)))
    refuse("malformed", "a value that nothing wrote");

  // A table may store a key as another class, and it is not the key that was given then. It turns texts into numbers or numbers
  // into texts, and reals into whole numbers or those into reals, but nothing back: any of it changes a number of these.
  const classes = keyColumns.map((column) =>
    ["text", "real"].map((type) => `total(typeof(${quoteName(column)}) = '${type}')`),
  );
  const classesIn = (place: string) => connection.all(`SELECT count(*), ${classes.join(", ")} FROM ${place}`);
  const stored = await classesIn(`main.${quoteName(name)}`);
  if (String(stored) !== String(await classesIn(`${image}.row${index}`))) refuse("malformed", "a key of another class");
};

/** A row of which nothing was written in some column has the default there, as merging leaves it; others would differ for ever. */
const unwrittenSql = async (connection: Connection, table: SyncedTable, index: number): Promise<string> => {
  const { name, valueColumns } = table;
  const clock = clockOf(table);
  const columns = await connection.all("SELECT name, dflt_value FROM pragma_table_info(?)", [name]);
  const defaults = new Map(columns as [string, string | null][]);
  const isUnwritten = valueColumns.map(
    (column) =>
      `(r.${quoteName(column)} COLLATE BINARY IS NOT (${defaults.get(column) ?? "NULL"})
         AND NOT EXISTS (SELECT 1 FROM ${clock} c WHERE c.key = k.ledger_key AND c.col_name = '${column}'))`,
  );
  return `SELECT EXISTS (SELECT 1 FROM ${image}.row${index} k CROSS JOIN main.${quoteName(name)} r ON ${isKeyOf(table)}
    WHERE k.ledger_version IS NULL
      AND (SELECT total(col_name <> '${rowSentinel}') FROM ${clock} c WHERE c.key = k.ledger_key) < ${valueColumns.length}
      AND (${isUnwritten.join(" OR ") || 0}))`;
};
