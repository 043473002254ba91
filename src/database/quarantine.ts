/**
 * Changes that cannot be applied here yet: their table or column is unknown, or a constraint refuses them. They are
 * kept, passed on to peers as they came, and tried again when the schema changes.
 */

import { bytesToSiteId, type SiteId } from "../common/ids.ts";
import type { Change, ChangeGroup, ValueClass } from "../replication/change.ts";
import { versionOf, type Frontier } from "../replication/frontier.ts";
import { siteNumber } from "./bookkeeping.ts";
import type { Connection, Statement } from "./connection.ts";
import { StorageClass, type SqlValue } from "./value.ts";

const insert = `INSERT OR IGNORE INTO ledger_quarantine
  (site, origin_version, tbl, pk, cid, value_class, value, col_version, cl, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Where a transaction was written. */
type Origin = Pick<ChangeGroup, "site" | "originVersion">;

/** Answers whether the change was not there already. */
export const addToQuarantine = async (connection: Connection, origin: Origin, change: Change): Promise<boolean> => {
  const site = await siteNumber(connection, origin.site);
  const { integer, text, blob } = StorageClass;
  const statement: Statement = await connection.prepare(insert);
  statement.bind(1, integer, site);
  statement.bind(2, integer, origin.originVersion);
  statement.bind(3, text, change.table);
  statement.bind(4, blob, change.pk);
  statement.bind(5, text, change.cid);
  statement.bind(6, integer, change.valueClass);
  statement.bind(7, change.valueClass, change.value);
  statement.bind(8, integer, change.colVersion);
  statement.bind(9, integer, change.cl);
  statement.bind(10, integer, change.seq);
  await statement.step();
  await statement.reset();
  return connection.changes() > 0;
};

interface QuarantinedRow extends Origin {
  readonly id: number;
  readonly change: Change;
}

const rowOf = (row: readonly SqlValue[]): QuarantinedRow => ({
  id: row[0] as number,
  site: bytesToSiteId(row[1] as Uint8Array),
  originVersion: row[2] as number,
  change: {
    table: row[3] as string,
    pk: row[4] as Uint8Array,
    cid: row[5] as string,
    valueClass: row[6] as ValueClass,
    value: row[7] as SqlValue,
    colVersion: row[8] as number,
    cl: row[9] as number,
    seq: row[10] as number,
  },
});

/** The quarantined changes after `after`, oldest first. */
const readRows = async (connection: Connection, after: number): Promise<readonly QuarantinedRow[]> => {
  const rows = await connection.all(
    `SELECT q.id, s.site, q.origin_version, q.tbl, q.pk, q.cid, q.value_class, q.value, q.col_version, q.cl, q.seq
     FROM ledger_quarantine q JOIN ledger_site s ON s.id = q.site WHERE q.id > ? ORDER BY q.id`,
    [after],
  );
  return rows.map(rowOf);
};

const groupsOf = (rows: readonly QuarantinedRow[]): readonly ChangeGroup[] => {
  const groups: { readonly site: SiteId; readonly originVersion: number; readonly changes: Change[] }[] = [];
  for (const { site, originVersion, change } of rows) {
    let group = groups.at(-1);
    if (group?.site !== site || group.originVersion !== originVersion) {
      group = { site, originVersion, changes: [] };
      groups.push(group);
    }
    group.changes.push(change);
  }
  return groups;
};

/** Quarantined changes after `after` that `known` does not cover, as they came. */
export const readQuarantine = async (
  connection: Connection,
  after: number,
  known: Frontier,
): Promise<{ readonly groups: readonly ChangeGroup[]; readonly to: number }> => {
  const rows = await readRows(connection, after);
  const wanted = rows.filter((row) => row.originVersion > versionOf(known, row.site));
  return { groups: groupsOf(wanted), to: rows.at(-1)?.id ?? after };
};

/** Takes the changes for which `isApplicable` holds out of the quarantine. */
export const takeFromQuarantine = async (
  connection: Connection,
  isApplicable: (change: Change) => boolean,
): Promise<readonly ChangeGroup[]> => {
  const taken = (await readRows(connection, 0)).filter((row) => isApplicable(row.change));
  for (const { id } of taken) await connection.all("DELETE FROM ledger_quarantine WHERE id = ?", [id]);
  return groupsOf(taken);
};
