/**
 * Merges groups of changes into the database under local versions of our own, one per group: a peer's version number is
 * never applied, since one near 2^63 would end replication for good.
 */

import { LedgerError } from "../common/errors.ts";
import { siteIdToBytes, type SiteId } from "../common/ids.ts";
import { rowSentinel, type Change, type ChangeGroup } from "../replication/change.ts";
import type { Frontier } from "../replication/frontier.ts";
import { keyColumnCount } from "../replication/validate.ts";
import { noteOwnVersion, raiseEntry, type SiteNumbers } from "./bookkeeping.ts";
import type { UnseenWrites } from "./conflicts.ts";
import type { Connection, MaybePromise, Statement } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import { addToRuns, cutRuns, ownSite } from "./origin-runs.ts";
import { addToQuarantine } from "./quarantine.ts";
import { StorageClass } from "./value.ts";

const mergeSql = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Whether the schema known here can take `change`. */
export const isApplicable = (tables: ReadonlyMap<string, SyncedTable>, change: Change): boolean => {
  const table = tables.get(change.table);
  if (table === undefined || keyColumnCount(change.pk) !== table.keyColumns.length) return false;
  return change.cid === rowSentinel || table.valueColumns.includes(change.cid);
};

const bindChange = (statement: Statement, change: Change, stamp: number, site: Uint8Array): void => {
  const { integer, text, blob } = StorageClass;
  statement.bind(1, text, change.table);
  statement.bind(2, blob, change.pk);
  statement.bind(3, text, change.cid);
  statement.bind(4, change.valueClass, change.value);
  statement.bind(5, integer, change.colVersion);
  statement.bind(6, integer, stamp);
  statement.bind(7, blob, site);
  statement.bind(8, integer, change.cl);
  statement.bind(9, integer, change.seq);
};

const rowsImpacted = async (connection: Connection): Promise<number> =>
  (await connection.all("SELECT crsql_rows_impacted()"))[0]?.[0] as number;

/** A row that the schema refuses stays out; everything else is the caller's to hear about. */
const isRefusal = (error: unknown): boolean =>
  error instanceof LedgerError && (error.code === "LEDGER_CONSTRAINT" || error.code === "LEDGER_SQL_ERROR");

export interface Merged {
  /** Changes that had an effect. */
  readonly count: number;
  /** Changes that were put into the quarantine and were not there yet. */
  readonly quarantined: number;
  /** Whether some were of tables or columns that are not synced here. */
  readonly unknown: boolean;
  /** Tables whose rows changed, sorted. */
  readonly tables: readonly string[];
  /** The newest stored version. */
  readonly newest: number;
}

export interface Applied {
  /** Changes that had an effect. */
  readonly count: number;
  /** Whether there is something new to pass on. */
  readonly grew: boolean;
  /** Whether there were changes of tables or columns that are not synced here; they wait in the quarantine. */
  readonly unknown: boolean;
  /** The whole frontier after it. */
  readonly frontier: Frontier;
}

export interface Merge {
  readonly connection: Connection;
  readonly tables: ReadonlyMap<string, SyncedTable>;
  readonly own: SiteId;
  readonly groups: readonly ChangeGroup[];
  /** The newest stored version as of now, and whenever it is asked for. */
  readonly newest: number;
  readonly readNewest: () => Promise<number>;
  readonly numberOf: SiteNumbers;
  /** Own writes that no peer has seen, while there are any. */
  readonly unseen?: UnseenWrites | undefined;
  /** Called after the writes of each group. */
  readonly wrote: (who: SiteId) => MaybePromise<void>;
}

/** Merges `groups`, each under the next local version, inside the caller's transaction. */
export const mergeGroups = async (merge: Merge): Promise<Merged> => {
  const { connection, tables, own, groups, numberOf, unseen, wrote } = merge;
  await noteOwnVersion(connection, merge.newest);
  const touched = new Set<string>();
  let quarantined = 0;
  let unknown = false;
  let stamp = (await connection.all("SELECT crsql_next_db_version()"))[0]?.[0] as number;
  let impacted = await rowsImpacted(connection);
  const before = impacted;
  const siteBytes = new Map<SiteId, Uint8Array>();
  const columnsOf = new Map<string, { readonly keys: number; readonly cids: ReadonlySet<string> }>();
  for (const table of tables.values()) {
    columnsOf.set(table.name, { keys: table.keyColumns.length, cids: new Set([rowSentinel, ...table.valueColumns]) });
  }

  for (const group of groups) {
    let site = siteBytes.get(group.site);
    if (site === undefined) siteBytes.set(group.site, (site = siteIdToBytes(group.site)));
    const impactedBefore = impacted;
    let runTable: string | undefined;

    const noteTable = async (): Promise<void> => {
      if (runTable === undefined) return;
      const now = await rowsImpacted(connection);
      if (now > impacted) touched.add(runTable);
      impacted = now;
    };

    for (const change of group.changes) {
      const known = columnsOf.get(change.table);
      if (known === undefined || !known.cids.has(change.cid) || keyColumnCount(change.pk) !== known.keys) {
        unknown = true;
        if (await addToQuarantine(connection, group, change)) quarantined += 1;
        continue;
      }
      if (change.table !== runTable) {
        await noteTable();
        runTable = change.table;
      }
      const mine = unseen === undefined || group.site === own ? undefined : await unseen.before(change);
      const prepared = connection.prepare(mergeSql);
      const statement = prepared instanceof Promise ? await prepared : prepared;
      try {
        bindChange(statement, change, stamp, site);
        const stepped = statement.step();
        if (stepped instanceof Promise) await stepped;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (await addToQuarantine(connection, group, change)) quarantined += 1;
      } finally {
        const reset = statement.reset();
        if (reset instanceof Promise) await reset;
      }
      if (mine !== undefined) await unseen?.after(change, mine, group.site);
    }

    await noteTable();
    const told = wrote(group.site);
    if (told instanceof Promise) await told;
    if (impacted > impactedBefore) {
      // Own writes that were lost here come back as new own ones, so that whoever never saw them gets them as well.
      if (group.site === own) {
        await addToRuns(connection, stamp, ownSite, stamp);
        await raiseEntry(connection, ownSite, stamp);
      } else {
        await addToRuns(connection, stamp, await numberOf(group.site), group.originVersion);
      }
      stamp += 1;
    }
  }

  const newest = await merge.readNewest();
  await cutRuns(connection, newest);
  return { count: impacted - before, quarantined, unknown, tables: [...touched].sort(), newest };
};
