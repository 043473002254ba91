/** Makes the image of everything that replicates, of one moment. What its tables hold: image-form.ts. */

import { siteIdToBytes, type SiteId } from "../common/ids.ts";
import { rowSentinel } from "../replication/change.ts";
import { newestVersion } from "./change-reader.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { cellColumns, clockOf, freshColumns, image, inOrder, isKeyOf, keysOf, list, schemaOf } from "./image-form.ts";
import { ownSite } from "./origin-runs.ts";
import { quoteName } from "./synced-tables.ts";

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
    const [row] = await connection.all(`SELECT count(*) FROM (SELECT 1 FROM ${clock} LIMIT ?)`, [most - total]);
    total += Number(row?.[0]);
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
    await writeRuns(connection, to, own);
    for (const [index, table] of tables.entries()) {
      await connection.run(rowsSql(table, index));
      await connection.run(othersSql(table, index));
    }
    await connection.run("COMMIT");
  } catch (error) {
    await connection.run("ROLLBACK").catch(() => {}); // The failure before is what matters; the connection is tidied.
    await connection.images.detach(image).catch(() => {});
    throw error;
  }
  return { bytes: await connection.images.detach(image), to };
};

const writeRuns = async (connection: Connection, to: number, own: SiteId): Promise<void> => {
  await connection.all(
    `INSERT INTO ${image}.run
     SELECT r.first, r.last, coalesce(s.site, ?1), r.origin_last
     FROM ledger_run r LEFT JOIN ledger_site s ON s.id = r.site AND r.site <> ${ownSite}`,
    [siteIdToBytes(own)],
  );
  const [row] = await connection.all(`SELECT coalesce(max(last), 0) FROM ${image}.run`);
  const end = Number(row?.[0]);
  // Versions after the last run are own.
  if (end < to) {
    await connection.all(`INSERT INTO ${image}.run VALUES (?1, ?2, ?3, ?2)`, [end + 1, to, siteIdToBytes(own)]);
  }
};

const caseOf = (names: readonly string[]): string =>
  `CASE c.col_name ${names.map((name, index) => `WHEN '${name}' THEN ${index}`).join(" ")} END`;

/**
 * Rows in the order of their keys, each with the cell of its first column when it is fresh. Whether it is, is one sum over its
 * cells, which lie together: a cell that does not fit outweighs all others. Rows of no cells do not replicate.
 */
const rowsSql = (table: SyncedTable, index: number): string => {
  const { name, keyColumns, valueColumns } = table;
  const clock = clockOf(table);
  const fresh = freshColumns(table);
  const columns = [list(keyColumns, "k."), ...valueColumns.map((column) => list([column], "r."))].join(", ");
  return `INSERT INTO ${image}.row${index}
    SELECT k.__crsql_key, f.db_version, f.site_id, f.seq, ${columns}
    FROM ${keysOf(table)} k
    CROSS JOIN main.${quoteName(name)} r ON ${isKeyOf(table)}
    LEFT JOIN ${clock} f ON f.key = k.__crsql_key AND f.col_name = '${fresh[0]}' AND ${fresh.length} = (
      SELECT sum(iif(c.col_version = 1 AND c.db_version = f.db_version AND c.site_id = f.site_id
        AND c.seq = f.seq + ${caseOf(fresh)}, 1, -1e6)) FROM ${clock} c WHERE c.key = f.key)
    WHERE f.key IS NOT NULL OR EXISTS (SELECT 1 FROM ${clock} c WHERE c.key = k.__crsql_key)
    ORDER BY k.__crsql_key`;
};

const othersSql = (table: SyncedTable, index: number): string => {
  const clock = clockOf(table);
  return `INSERT INTO ${image}.dead${index}
      SELECT k.__crsql_key, ${list(table.keyColumns, "k.")} FROM ${clock} c
      CROSS JOIN ${keysOf(table)} k ON k.__crsql_key = c.key
      WHERE c.col_name = '${rowSentinel}' AND c.col_version % 2 = 0;
    INSERT INTO ${image}.cell${index}
      SELECT c.key, ${caseOf(cellColumns(table))}, c.col_version, c.db_version, c.site_id, c.seq
      FROM (SELECT ledger_key FROM ${image}.row${index} WHERE ledger_version IS NULL
        UNION ALL SELECT ledger_key FROM ${image}.dead${index} ORDER BY 1) k
      CROSS JOIN ${clock} c ON c.key = k.ledger_key`;
};
