/** Replicas without links: a database and its change log, and what one would send the other carried by hand. */

import type { Epoch, SiteId } from "../../src/common/ids.ts";
import { openChangeLog, type ChangeLog } from "../../src/database/change-log.ts";
import type { Applied } from "../../src/database/change-writer.ts";
import type { Database } from "../../src/database/database.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { Change, ChangeGroup } from "../../src/replication/change.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import type { LogStretch } from "../../src/replication/core-state.ts";
import { emptyFrontier, type Frontier } from "../../src/replication/frontier.ts";
import type { TableDigest } from "../../src/replication/message.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";

export const epochOf = (n: number): Epoch => n.toString(16).padStart(32, "0") as Epoch;

/** A site that no replica of a test has. */
export const mallory = "ff".repeat(16) as SiteId;

export interface Log {
  readonly database: Database;
  readonly log: ChangeLog;
  readonly site: SiteId;
  exec(sql: string): Promise<unknown>;
  rows(sql: string): Promise<readonly unknown[]>;
  /** Everything after `after` that `known` does not cover, in one stretch. */
  read(after?: number, known?: Frontier): Promise<LogStretch>;
  apply(groups: readonly ChangeGroup[], claims?: Frontier, peer?: SiteId): Promise<Applied>;
  frontier(): Promise<Frontier>;
}

const opened: Database[] = [];

export const closeLogs = async (): Promise<void> => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
};

let nextEpoch = 1;

/** @param schema - statements of which every table is synced */
export const openLog = async (
  schema: string,
  options: {
    readonly directory?: string;
    readonly stretchChanges?: number;
    readonly nowMs?: number;
    readonly leastSnapshotCells?: number;
    readonly snapshotSliceKeys?: number;
    readonly pause?: () => Promise<void>;
  } = {},
): Promise<Log> => {
  const { directory, ...logOptions } = options;
  const database = await openDatabase(
    directory === undefined ? { name: "log", ladder: ["memory"] } : { name: "log", ladder: ["file"], directory },
  );
  opened.push(database);
  if (schema !== "") await database.exec({ sql: schema });
  for (const [, table] of schema.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)/g))
    await database.enableSync(table as string);
  const log = await openChangeLog({ database, epoch: epochOf(nextEpoch++), nowMs: 1, ...logOptions });
  return {
    database,
    log,
    site: database.siteId,
    exec: (sql) => database.exec({ sql }),
    rows: async (sql) => (await database.exec({ sql, rowMode: "array" })).rows,
    read: (after = 0, known = emptyFrontier) => log.read({ after, quarantineAfter: 0, known }),
    apply: (groups, claims = emptyFrontier, peer = mallory) =>
      log.apply({ peer, groups, cursor: { epoch: epochOf(99), position: 1 }, claims }),
    frontier: async () => (await log.greeting(mallory)).frontier,
  };
};

/** As over a link, bytes included: what `from` has and `to` does not say that it holds. */
export const send = async (from: Log, to: Log): Promise<Applied> => {
  const stretch = await from.read(0, await to.frontier());
  if (!stretch.complete) throw new Error("not the whole log");
  const bytes = encodeMessage({
    type: "changes",
    to: stretch.to,
    complete: true,
    frontier: stretch.frontier,
    groups: stretch.groups,
  });
  const decoded = decodeMessage(bytes, defaultReplicationLimits);
  if (!decoded.ok || decoded.value.type !== "changes") throw new Error("not decoded");
  const cursor = { epoch: from.log.epoch, position: stretch.to };
  return to.log.apply({ peer: from.site, groups: decoded.value.groups, cursor, claims: decoded.value.frontier });
};

export const sync = async (a: Log, b: Log): Promise<void> => {
  await send(a, b);
  await send(b, a);
};

/** Nothing may change meanwhile. */
export const digestOf = async (log: ChangeLog): Promise<readonly TableDigest[]> => {
  const digest = await log.digest();
  if (digest === undefined) throw new Error("something changed while the digest was read");
  return digest.tables;
};

/** What must be equal in the end. */
export const changesOf = async (log: Log): Promise<readonly string[]> =>
  (await log.rows(`SELECT "table", hex(pk), cid, typeof(val), quote(val), col_version, cl FROM crsql_changes`))
    .map((row) => JSON.stringify(row))
    .sort();

/** A change of a table whose key is one text of one letter. */
export const changeOf = (key: string, fields: Partial<Change> = {}): Change => ({
  table: "n",
  pk: Uint8Array.of(1, 0x0b, 1, key.charCodeAt(0)),
  cid: "x",
  valueClass: 1,
  value: 1,
  colVersion: 1,
  cl: 1,
  seq: 0,
  ...fields,
});
