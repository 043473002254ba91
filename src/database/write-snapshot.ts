/** Makes the image of everything that replicates, of one moment, in slices. What its tables hold: image-form.ts. */

import { newestVersion } from "./change-reader.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { clockOf, isKeyOf, keysOf, list } from "./engine-tables.ts";
import { cellColumns, freshColumns, inOrder, schemaOf } from "./image-form.ts";
import { ownSite } from "./origin-runs.ts";
import { quoteName } from "./synced-tables.ts";

export interface Snapshot {
  /** The image. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The local version up to which everything is in it. */
  readonly to: number;
}

/** Cells of all tables, or those with a version above `after`, counted up to `most`. */
export const countCells = async (
  connection: Connection,
  tables: ReadonlyMap<string, SyncedTable>,
  most: number,
  after = 0,
): Promise<number> => {
  let total = 0;
  for (const table of tables.values()) {
    if (total >= most) break;
    const some = `SELECT 1 FROM ${clockOf(table)}${after > 0 ? ` WHERE db_version > ${after}` : ""} LIMIT ?`;
    const [row] = await connection.all(`SELECT count(*) FROM (${some})`, [most - total]);
    total += Number(row?.[0]);
  }
  return total;
};

/** Keys that are copied at a time: about as long as a single write may wait. */
const defaultSliceKeys = 2_000;

/** Schema name while it is attached; apart from that of an image that is taken in. */
const made = "made";

export interface SnapshotWriter {
  /**
   * Copies some more; answers the image once everything is in it, of that moment. In between the database may be written to,
   * and even be migrated. Must run alone, outside of a transaction.
   */
  next(connection: Connection): Promise<Snapshot | undefined>;
}

interface Begun {
  readonly connection: Connection;
  /** What was copied is worthless once this differs: a table has changed, or the replica is another one. */
  readonly stamp: string;
  readonly tables: readonly SyncedTable[];
  /** What has changed after it is copied anew in the end. */
  readonly from: number;
}

/**
 * An image is made in slices, so that a write waits for one of them and not for all.
 * 1. Keys are copied in their order, a slice in each step.
 * 2. Whatever happens to a row leaves a cell with a version above all before: in the last step all rows that have one are
 *    copied anew, and the image is of the moment of that step.
 */
export const createSnapshotWriter = (
  synced: () => ReadonlyMap<string, SyncedTable>,
  sliceKeys = defaultSliceKeys,
): SnapshotWriter => {
  let begun: Begun | undefined;
  let index = 0;
  let after = 0;

  const begin = async (connection: Connection, stamp: string): Promise<Begun> => {
    const tables = inOrder(synced());
    await connection.images.attach(made);
    for (const [name, sql] of schemaOf(tables)) await connection.run(sql.replace(name, `${made}.${name}`));
    index = 0;
    after = 0;
    return { connection, stamp, tables, from: await newestVersion(connection, tables) };
  };

  const copySlice = async (connection: Connection, tables: readonly SyncedTable[]): Promise<void> => {
    let left = sliceKeys;
    for (let table = tables[index]; table !== undefined && left > 0; table = tables[index]) {
      const [row] = await connection.all(
        `SELECT count(*), min(key), max(key) FROM (SELECT __crsql_key AS key FROM ${keysOf(table)}
         WHERE __crsql_key > ${after} ORDER BY 1 LIMIT ${left})`,
      );
      const [count, first, last] = row as [number, number, number];
      const slice = { table, index, first, last };
      if (count > 0 && !(last - first + 1 === count && (await copyPattern(connection, slice)))) {
        await connection.run(copySql(table, index, `BETWEEN ${first} AND ${last}`));
      }
      if (count < left) index += 1;
      after = count < left ? 0 : last;
      left -= count;
    }
  };

  const finish = async (connection: Connection, { tables, from }: Begun): Promise<number> => {
    const to = await newestVersion(connection, tables);
    for (const [number, table] of tables.entries()) {
      if (to === from) break;
      const changed = `IN (SELECT key FROM ${clockOf(table)} WHERE db_version > ${from})`;
      await connection.run(
        `DELETE FROM ${made}.row${number} WHERE ledger_key ${changed};
         DELETE FROM ${made}.dead${number} WHERE ledger_key ${changed};
         DELETE FROM ${made}.cell${number} WHERE key ${changed};
         ${copySql(table, number, changed)}`,
      );
    }
    await connection.run(`INSERT INTO ${made}.site SELECT ordinal, site_id FROM crsql_site_id; ${runsSql(to)}`);
    return to;
  };

  return {
    next: async (connection) => {
      let to: number | undefined;
      try {
        const stamp = await stampOf(connection);
        if (begun?.connection === connection && begun.stamp === stamp) await connection.images.resume(made);
        else begun = await begin(connection, stamp);
        await connection.run("BEGIN");
        await copySlice(connection, begun.tables);
        if (index === begun.tables.length) to = await finish(connection, begun);
        await connection.run("COMMIT");
      } catch (error) {
        begun = undefined;
        await connection.run("ROLLBACK").catch(() => {}); // The failure before is what matters; the connection is tidied.
        await connection.images.detach(made).catch(() => {});
        throw error;
      }
      if (to === undefined) {
        await connection.images.park(made);
        return undefined;
      }
      begun = undefined;
      return { bytes: await connection.images.detach(made), to };
    },
  };
};

const ownSiteId = "(SELECT site_id FROM crsql_site_id WHERE ordinal = 0)";

const stampOf = async (connection: Connection): Promise<string> => {
  const [row] = await connection.all(`SELECT schema_version, hex(${ownSiteId}) FROM pragma_schema_version`);
  return String(row);
};

/** Versions after the last run are own. */
const runsSql = (to: number): string =>
  `INSERT INTO ${made}.run
     SELECT r.first, r.last, coalesce(s.site, ${ownSiteId}), r.origin_last
     FROM ledger_run r LEFT JOIN ledger_site s ON s.id = r.site AND r.site <> ${ownSite};
   INSERT INTO ${made}.run
     SELECT end + 1, ${to}, ${ownSiteId}, ${to} FROM (SELECT coalesce(max(last), 0) AS end FROM ${made}.run) WHERE end < ${to}`;

const caseOf = (names: readonly string[]): string =>
  `CASE c.col_name ${names.map((name, index) => `WHEN '${name}' THEN ${index}`).join(" ")} END`;

const valuesOf = ({ keyColumns, valueColumns }: SyncedTable): string =>
  [list(keyColumns, "k."), ...valueColumns.map((column) => list([column], "r."))].join(", ");

interface Slice {
  readonly table: SyncedTable;
  readonly index: number;
  /** Numbers of the first and last key; each in between is one as well. */
  readonly first: number;
  readonly last: number;
}

/**
 * Copies rows that are all fresh and were written by one replica in one go, or one in each transaction, as most of a database
 * that was filled once: what the cells of two neighbours say then foretells those of all others, and one pass over the cells
 * says whether it does. Looking at each row by itself takes three times as long.
 * @returns false when the rows are others, and nothing was copied
 */
const copyPattern = async (connection: Connection, { table, index, first, last }: Slice): Promise<boolean> => {
  const fresh = freshColumns(table);
  const clock = clockOf(table);
  const [one, two] = (await connection.all(
    `SELECT db_version, site_id, seq FROM ${clock} WHERE key IN (${first}, ${first + 1}) AND col_name = '${fresh[0]}' ORDER BY key`,
  )) as [version: number, site: number, seq: number][];
  if (one === undefined || two === undefined) return false;
  const foretold = (at: 0 | 2, key: string): string => `${one[at]} + (${two[at] - one[at]}) * (${key} - ${first})`;
  const [row] = await connection.all(
    `SELECT total(iif(c.col_version = 1 AND c.site_id = ${one[1]} AND c.db_version = ${foretold(0, "c.key")}
       AND c.seq = ${foretold(2, "c.key")} + ${caseOf(fresh)}, 1, -1e9)) FROM ${clock} c WHERE c.key BETWEEN ${first} AND ${last}`,
  );
  const count = last - first + 1;
  if (row?.[0] !== count * fresh.length) return false;
  await connection.run(
    `INSERT INTO ${made}.row${index}
     SELECT k.__crsql_key, ${foretold(0, "k.__crsql_key")}, ${one[1]}, ${foretold(2, "k.__crsql_key")}, ${valuesOf(table)}
     FROM ${keysOf(table)} k CROSS JOIN main.${quoteName(table.name)} r ON ${isKeyOf(table)}
     WHERE k.__crsql_key BETWEEN ${first} AND ${last} ORDER BY k.__crsql_key`,
  );
  if (connection.changes() === count) return true;
  // Cells without their row: nobody would take that.
  await connection.run(`DELETE FROM ${made}.row${index} WHERE ledger_key BETWEEN ${first} AND ${last}`);
  return false;
};

/**
 * Copies the rows whose keys' numbers are `some`, in their order. One that is fresh has the cell of its first column with it:
 * whether it is, is one sum over its cells, which lie together, and a cell that does not fit outweighs all others. Rows of no
 * cells do not replicate.
 */
const copySql = (table: SyncedTable, index: number, some: string): string => {
  const { name, keyColumns } = table;
  const clock = clockOf(table);
  const fresh = freshColumns(table);
  return `INSERT INTO ${made}.row${index}
      SELECT k.__crsql_key, f.db_version, f.site_id, f.seq, ${valuesOf(table)}
      FROM ${keysOf(table)} k
      CROSS JOIN main.${quoteName(name)} r ON ${isKeyOf(table)}
      LEFT JOIN ${clock} f ON f.key = k.__crsql_key AND f.col_name = '${fresh[0]}' AND ${fresh.length} = (
        SELECT sum(iif(c.col_version = 1 AND c.db_version = f.db_version AND c.site_id = f.site_id
          AND c.seq = f.seq + ${caseOf(fresh)}, 1, -1e6)) FROM ${clock} c WHERE c.key = f.key)
      WHERE k.__crsql_key ${some} AND (f.key IS NOT NULL OR EXISTS (SELECT 1 FROM ${clock} c WHERE c.key = k.__crsql_key))
      ORDER BY k.__crsql_key;
    INSERT INTO ${made}.dead${index}
      SELECT k.__crsql_key, ${list(keyColumns, "k.")} FROM ${keysOf(table)} k
      WHERE k.__crsql_key ${some} AND NOT EXISTS (SELECT 1 FROM ${made}.row${index} WHERE ledger_key = k.__crsql_key)
        AND EXISTS (SELECT 1 FROM ${clock} c WHERE c.key = k.__crsql_key);
    INSERT INTO ${made}.cell${index}
      SELECT c.key, ${caseOf(cellColumns(table))}, c.col_version, c.db_version, c.site_id, c.seq
      FROM (SELECT ledger_key FROM ${made}.row${index} WHERE ledger_key ${some} AND ledger_version IS NULL
        UNION ALL SELECT ledger_key FROM ${made}.dead${index} WHERE ledger_key ${some} ORDER BY 1) k
      CROSS JOIN ${clock} c ON c.key = k.ledger_key`;
};
