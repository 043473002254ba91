/**
 * Takes in an image of everything that replicates, for a replica that holds nothing yet: the engine copies whole tables where
 * merging would look at every cell. All or nothing.
 */

import { LedgerError } from "../common/errors.ts";
import { bytesToSiteId, type SiteId } from "../common/ids.ts";
import { siteNumber } from "./bookkeeping.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, keysOf, list } from "./engine-tables.ts";
import { cellColumns, columnsOf, freshColumns, image, inOrder, ownOrdinal } from "./image-form.ts";
import { assertConsistent, assertContent, assertHoldsNothing, assertSchema, refuse } from "./snapshot-rules.ts";
import { quoteName } from "./synced-tables.ts";

export interface TakenSnapshot {
  /** Cells. */
  readonly count: number;
  /** Tables that have rows now, sorted. */
  readonly tables: readonly string[];
}

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
    for (const [index, table] of tables.entries()) await assertConsistent(connection, table, index);
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

const copyImage = async (connection: Connection, tables: readonly SyncedTable[]): Promise<TakenSnapshot> => {
  const siteHere = await copySites(connection);
  const changed: string[] = [];
  let count = 0;
  const insert = async (sql: string): Promise<number> => {
    await connection.run(sql);
    return connection.changes();
  };
  await connection.all("SELECT crsql_internal_sync_bit(1)");
  try {
    for (const [index, table] of tables.entries()) {
      const columns = list(columnsOf(table));
      const into = `INSERT INTO main.${quoteName(table.name)} (${columns})`;
      if ((await insert(`${into} SELECT ${columns} FROM ${image}.row${index}`)) > 0) changed.push(table.name);
    }
  } finally {
    await connection.all("SELECT crsql_internal_sync_bit(0)");
  }
  for (const [index, table] of tables.entries()) {
    await insert(keysSql(table, index));
    count += await insert(freshCellsSql(table, index, siteHere("ledger_site")));
    count += await insert(cellsSql(table, index, siteHere("site")));
  }
  return { count, tables: changed };
};

/** Writers and runs. Answers how a writer's number here follows from that in the image. */
const copySites = async (connection: Connection): Promise<(column: string) => string> => {
  const [row] = await connection.all(`SELECT coalesce(max(number), 0) FROM ${image}.site`);
  // The giver's own number is its own; here it gets the next one.
  const shifted = 1 + Number(row?.[0]);
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
  return numberHere;
};

const keysSql = (table: SyncedTable, index: number): string => {
  const names = list(table.keyColumns);
  return `INSERT INTO ${keysOf(table)} (__crsql_key, ${names})
    SELECT ledger_key, ${names} FROM ${image}.row${index} UNION ALL SELECT ledger_key, ${names} FROM ${image}.dead${index} ORDER BY 1`;
};

const intoClock = (table: SyncedTable): string =>
  `INSERT INTO ${clockOf(table)} (key, col_name, col_version, db_version, site_id, seq)`;

/** In the order of the clock's own key, so that each lands behind the one before. */
const freshCellsSql = (table: SyncedTable, index: number, site: string): string => {
  const places = freshColumns(table).map((name, place) => ({ name, place }));
  const values = places.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, place }) => `('${name}', ${place})`);
  return `${intoClock(table)}
    WITH fresh (name, place) AS (VALUES ${values.join(", ")})
    SELECT ledger_key, fresh.name, 1, ledger_version, ${site}, ledger_seq + fresh.place
    FROM ${image}.row${index} CROSS JOIN fresh WHERE ledger_version IS NOT NULL`;
};

const cellsSql = (table: SyncedTable, index: number, site: string): string => {
  const names = cellColumns(table).map((name, number) => `WHEN ${number} THEN '${name}'`);
  return `${intoClock(table)}
    SELECT key, CASE col ${names.join(" ")} END, col_version, db_version, ${site}, seq FROM ${image}.cell${index}`;
};
