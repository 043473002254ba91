/**
 * Everything that replicates as one image, for a replica that holds nothing yet: the engine copies whole tables where
 * merging would look at every cell. An image has tables of its own, made by the SQL below from the synced tables, so that
 * nothing of a schema is taken from a peer; what it holds is checked before it is copied, and copied in one transaction.
 *
 * | table    | holds                                                                                      |
 * | -------- | ------------------------------------------------------------------------------------------ |
 * | `site`   | the writers of cells by the number that stands for them in `cellN`                          |
 * | `run`    | which versions stand for which transactions of which replica, as {@link Range}, none left out |
 * | `rowN`   | the rows of the Nth synced table by name: key columns, then value columns                   |
 * | `keyN`   | its keys, of deleted rows as well, by number                                                |
 * | `cellN`  | its cells: number of the key, column, versions, number of the writer, place in its version  |
 */

import { bytesToSiteId, siteIdToBytes, type SiteId } from "../common/ids.ts";
import { LedgerError } from "../common/errors.ts";
import { rowSentinel } from "../replication/change.ts";
import { defaultReplicationLimits, maxCounter } from "../replication/limits.ts";
import { siteNumber } from "./bookkeeping.ts";
import { newestVersion } from "./change-reader.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { SnapshotRefusedError, type SnapshotRefusal } from "./snapshot-refused.ts";
import { ownSite } from "./origin-runs.ts";
import { quoteName } from "./synced-tables.ts";

/** Schema name of an attached image. */
const image = "image";

/** Number of the own site in cr-sqlite's tables. */
const ownOrdinal = 0;

const columnsOf = ({ keyColumns, valueColumns }: SyncedTable): readonly string[] => [...keyColumns, ...valueColumns];

const list = (names: readonly string[], prefix = ""): string =>
  names.map((name) => prefix + quoteName(name)).join(", ");

/** Without types: a value keeps the storage class that it has. */
const schemaOf = (tables: readonly SyncedTable[]): readonly (readonly [name: string, sql: string])[] => [
  ["site", "CREATE TABLE site (number INTEGER PRIMARY KEY, site)"],
  ["run", "CREATE TABLE run (first INTEGER PRIMARY KEY, last, site, origin_last)"],
  ...tables.flatMap((table, index) => [
    [`row${index}`, `CREATE TABLE row${index} (${list(columnsOf(table))})`] as const,
    [`key${index}`, `CREATE TABLE key${index} (key INTEGER PRIMARY KEY, ${list(table.keyColumns)})`] as const,
    [`cell${index}`, `CREATE TABLE cell${index} (key, col, col_version, db_version, site, seq)`] as const,
  ]),
];

const inOrder = (tables: ReadonlyMap<string, SyncedTable>): readonly SyncedTable[] =>
  [...tables.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

const first = async (connection: Connection, sql: string, params: readonly (string | number)[] = []): Promise<number> =>
  Number((await connection.all(sql, params))[0]?.[0] ?? 0);

export interface Snapshot {
  /** The image. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The local version up to which everything is in it. */
  readonly to: number;
}

/** Cells of all tables, counted up to `most`. */
export const countCells = async (
  connection: Connection,
  tables: ReadonlyMap<string, SyncedTable>,
  most: number,
): Promise<number> => {
  let total = 0;
  for (const { name } of tables.values()) {
    if (total >= most) break;
    const clock = quoteName(`${name}__crsql_clock`);
    total += await first(connection, `SELECT count(*) FROM (SELECT 1 FROM ${clock} LIMIT ?)`, [most - total]);
  }
  return total;
};

/** Makes an image of everything that replicates. Must run alone, outside of a transaction. */
export const writeSnapshot = async (
  connection: Connection,
  synced: ReadonlyMap<string, SyncedTable>,
  own: SiteId,
): Promise<Snapshot> => {
  const tables = inOrder(synced);
  const to = await newestVersion(connection, tables);
  await connection.images.attach(image);
  try {
    for (const [name, sql] of schemaOf(tables)) await connection.run(sql.replace(name, `${image}.${name}`));
    await connection.run("BEGIN");
    await connection.run(`INSERT INTO ${image}.site SELECT ordinal, site_id FROM crsql_site_id`);
    await connection.all(
      `INSERT INTO ${image}.run SELECT r.first, r.last, coalesce(s.site, ?1), r.origin_last
       FROM ledger_run r LEFT JOIN ledger_site s ON s.id = r.site AND r.site <> ${ownSite}`,
      [siteIdToBytes(own)],
    );
    // Versions after the last run are own.
    const end = await first(connection, `SELECT max(last) FROM ${image}.run`);
    if (end < to) {
      await connection.all(`INSERT INTO ${image}.run VALUES (?1, ?2, ?3, ?2)`, [end + 1, to, siteIdToBytes(own)]);
    }
    for (const [index, table] of tables.entries()) {
      const { name } = table;
      await connection.run(
        `INSERT INTO ${image}.row${index} SELECT ${list(columnsOf(table))} FROM main.${quoteName(name)};
         INSERT INTO ${image}.key${index} SELECT __crsql_key, ${list(table.keyColumns)}
           FROM main.${quoteName(`${name}__crsql_pks`)};
         INSERT INTO ${image}.cell${index} SELECT key, col_name, col_version, db_version, site_id, seq
           FROM main.${quoteName(`${name}__crsql_clock`)}`,
      );
    }
    await connection.run("COMMIT");
  } catch (error) {
    await connection.run("ROLLBACK").catch(() => {}); // The failure before is what matters; the connection is tidied.
    await connection.images.detach(image).catch(() => {});
    throw error;
  }
  return { bytes: await connection.images.detach(image), to };
};

const refuse = (refusal: SnapshotRefusal, detail: string): never => {
  throw new SnapshotRefusedError(refusal, detail);
};

export interface TakenSnapshot {
  /** Cells. */
  readonly count: number;
  /** Tables that have rows now, sorted. */
  readonly tables: readonly string[];
}

const assertHoldsNothing = async (connection: Connection, tables: readonly SyncedTable[]): Promise<void> => {
  const isEmpty =
    (await newestVersion(connection, tables)) === 0 &&
    (await first(connection, "SELECT count(*) FROM ledger_run")) === 0 &&
    (await first(connection, "SELECT count(*) FROM ledger_quarantine")) === 0 &&
    (await first(connection, "SELECT count(*) FROM crsql_site_id")) === 1;
  if (!isEmpty) refuse("holds-data", "this replica has changes already");
  for (const { name } of tables) {
    // Rows that an app keeps out of replication, as by a trigger, are rows.
    if ((await first(connection, `SELECT EXISTS (SELECT 1 FROM ${quoteName(name)})`)) > 0) {
      refuse("holds-data", `${name} has rows already`);
    }
  }
};

const assertSchema = async (connection: Connection, tables: readonly SyncedTable[]): Promise<void> => {
  const check = await connection.all(`PRAGMA ${image}.quick_check(1)`);
  if (check[0]?.[0] !== "ok") refuse("malformed", "the image is no sound database");
  const found = await connection.all(`SELECT type, name, tbl_name, sql FROM ${image}.sqlite_master ORDER BY rowid`);
  const expected = schemaOf(tables).map(([name, sql]) => ["table", name, name, sql]);
  if (JSON.stringify(found) !== JSON.stringify(expected)) refuse("other-schema", "its tables are not those of here");
};

/** The rules that a change from a peer obeys, for all of them at once. */
const assertContent = async (
  connection: Connection,
  tables: readonly SyncedTable[],
  own: SiteId,
  to: number,
): Promise<void> => {
  const none = async (rule: string, sql: string, params: readonly (string | number)[] = []): Promise<void> => {
    if ((await first(connection, `SELECT EXISTS (${sql})`, params)) > 0) refuse("malformed", rule);
  };
  const isInt = (column: string, least: number, most: number): string =>
    `typeof(${column}) = 'integer' AND ${column} BETWEEN ${least} AND ${most}`;
  const isSite = (column: string): string => `typeof(${column}) = 'blob' AND length(${column}) = 16`;
  const most = Number.MAX_SAFE_INTEGER;
  const { maxKeyBytes, maxValueBytes } = defaultReplicationLimits;

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

  for (const [index, { keyColumns, valueColumns }] of tables.entries()) {
    const names = [rowSentinel, ...valueColumns].map((name) => `'${name}'`).join(", ");
    // What is no integer at all is refused by cr-sqlite's table, which is STRICT: to ask for each cell takes longer than these.
    await none(
      "cell",
      `SELECT 1 FROM ${image}.cell${index} WHERE NOT (col IN (${names}) AND col_version BETWEEN 0 AND ${maxCounter}
         AND seq BETWEEN 0 AND ${maxCounter} AND db_version BETWEEN 1 AND ${to})
         OR col IS NULL OR col_version IS NULL OR seq IS NULL OR db_version IS NULL
         OR (col = '${rowSentinel}' AND col_version < 1)`,
    );
    // Its number is told from the own one before the table looks at it.
    await none(
      "cell of nobody",
      `SELECT 1 FROM (SELECT DISTINCT site FROM ${image}.cell${index}) c
       WHERE typeof(site) <> 'integer' OR NOT EXISTS (SELECT 1 FROM ${image}.site s WHERE s.number = c.site)`,
    );
    await none(
      "cell of no transaction",
      `SELECT 1 FROM (SELECT DISTINCT db_version AS v FROM ${image}.cell${index})
       WHERE v > coalesce((SELECT last FROM ${image}.run WHERE first <= v ORDER BY first DESC LIMIT 1), 0)`,
    );
    const keyBytes = keyColumns.map((name) => `length(CAST(${quoteName(name)} AS BLOB))`).join(" + ");
    const isNull = keyColumns.map((name) => `${quoteName(name)} IS NULL`).join(" OR ");
    await none("key", `SELECT 1 FROM ${image}.key${index} WHERE ${isNull} OR ${keyBytes} > ${maxKeyBytes - 256}`);
    const tooLong = valueColumns.map((name) => `length(CAST(${quoteName(name)} AS BLOB)) > ${maxValueBytes}`);
    if (tooLong.length > 0) await none("value", `SELECT 1 FROM ${image}.row${index} WHERE ${tooLong.join(" OR ")}`);
  }
};

/** That rows, keys and cells fit each other, which the engine takes for granted. Looked at where they are indexed. */
const assertConsistent = async (connection: Connection, { name, keyColumns }: SyncedTable): Promise<void> => {
  const [rows, keys, cells] = ["", "__crsql_pks", "__crsql_clock"].map((end) => `main.${quoteName(name + end)}`);
  const sameKey = keyColumns.map((column) => `r.${quoteName(column)} IS k.${quoteName(column)}`).join(" AND ");
  const [row] = await connection.all(
    `WITH life AS (
       SELECT key, coalesce(max(CASE WHEN col_name = '${rowSentinel}' THEN col_version END), 1) % 2 AS alive,
         sum(col_name <> '${rowSentinel}') AS others
       FROM ${cells} GROUP BY key)
     SELECT count(*), total(k.__crsql_key IS NULL), total(alive = 0 AND others > 0),
       total(alive <> EXISTS (SELECT 1 FROM ${rows} r WHERE ${sameKey}))
     FROM life LEFT JOIN ${keys} k ON k.__crsql_key = life.key`,
  );
  const [lives, keyless, ofDeleted, disagreeing] = row as number[];
  const rules: readonly (readonly [string, boolean])[] = [
    ["cell without a key", keyless !== 0],
    ["key without a cell", (await first(connection, `SELECT count(*) FROM ${keys}`)) !== lives],
    ["cell of a deleted row", ofDeleted !== 0],
    ["row and its life do not agree", disagreeing !== 0],
    [
      "row without a key",
      (await first(
        connection,
        `SELECT EXISTS (SELECT 1 FROM ${rows} r WHERE NOT EXISTS (SELECT 1 FROM ${keys} k WHERE ${sameKey}))`,
      )) > 0,
    ],
  ];
  for (const [rule, isBroken] of rules) if (isBroken) refuse("malformed", rule);
};

/** Copies the image that is attached. Must run in a transaction that is rolled back when it throws. */
const copyImage = async (connection: Connection, tables: readonly SyncedTable[]): Promise<TakenSnapshot> => {
  const changed: string[] = [];
  let count = 0;
  // The giver's own number is its own; here it gets the next one.
  const shifted = 1 + (await first(connection, `SELECT max(number) FROM ${image}.site`));
  const numberHere = (column: string): string => `CASE ${column} WHEN ${ownOrdinal} THEN ${shifted} ELSE ${column} END`;
  await connection.run(
    `INSERT INTO crsql_site_id (ordinal, site_id) SELECT ${numberHere("number")}, site FROM ${image}.site`,
  );
  for (const [site] of await connection.all(`SELECT DISTINCT site FROM ${image}.run`)) {
    await siteNumber(connection, bytesToSiteId(site as Uint8Array));
  }
  await connection.run(
    `INSERT INTO ledger_run (first, last, site, origin_last)
     SELECT r.first, r.last, s.id, r.origin_last FROM ${image}.run r JOIN ledger_site s ON s.site = r.site ORDER BY r.first`,
  );

  await connection.all("SELECT crsql_internal_sync_bit(1)");
  try {
    for (const [index, table] of tables.entries()) {
      const columns = columnsOf(table);
      await connection.run(
        `INSERT INTO main.${quoteName(table.name)} (${list(columns)}) SELECT ${list(columns)} FROM ${image}.row${index}`,
      );
      if (connection.changes() > 0) changed.push(table.name);
    }
  } finally {
    await connection.all("SELECT crsql_internal_sync_bit(0)");
  }
  for (const [index, { name, keyColumns }] of tables.entries()) {
    await connection.run(
      `INSERT INTO main.${quoteName(`${name}__crsql_pks`)} (__crsql_key, ${list(keyColumns)})
         SELECT key, ${list(keyColumns)} FROM ${image}.key${index};
       INSERT INTO main.${quoteName(`${name}__crsql_clock`)} (key, col_name, col_version, db_version, site_id, seq)
         SELECT key, col, col_version, db_version, ${numberHere("site")}, seq FROM ${image}.cell${index}`,
    );
    count += connection.changes();
  }
  return { count, tables: changed };
};

/**
 * Takes in the attached image, with which this replica holds what the giver held up to its version `to`. Must run in a
 * transaction that is rolled back when it throws.
 * @throws SnapshotRefusedError when this replica holds something, has other tables, or the image breaks a rule
 */
export const takeSnapshot = async (
  connection: Connection,
  synced: ReadonlyMap<string, SyncedTable>,
  own: SiteId,
  to: number,
): Promise<TakenSnapshot> => {
  const tables = inOrder(synced);
  await assertHoldsNothing(connection, tables);
  try {
    await assertSchema(connection, tables);
    await assertContent(connection, tables, own, to);
    const taken = await copyImage(connection, tables);
    for (const table of tables) await assertConsistent(connection, table);
    // Raises the engine's own idea of its newest version, which it keeps in memory.
    await connection.all("SELECT crsql_next_db_version(?)", [to]);
    return taken;
  } catch (error) {
    // A CHECK of the schema here, a number twice, a page that makes no sense.
    const isRefusal = error instanceof LedgerError && ["LEDGER_CONSTRAINT", "LEDGER_SQL_ERROR"].includes(error.code);
    if (isRefusal) return refuse("malformed", error.message);
    throw error;
  }
};
