/** One replica of the simulation: the real engine over a simulated disk, the real change log, and a core under test. */

import { openChangeLog, type ChangeLog, type ChangeLogOptions } from "../../src/database/change-log.ts";
import type { Connection } from "../../src/database/connection.ts";
import type { Database } from "../../src/database/database.ts";
import { SnapshotRefusedError } from "../../src/database/snapshot-refused.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import {
  createCoreState,
  defaultDelays,
  type CoreState,
  type Effect,
  type Input,
  type TimerName,
} from "../../src/replication/core-state.ts";
import { createSimulatedDisk, type SimulatedDisk } from "./simulated-disk.ts";
import { createEnginePool } from "./simulated-host.ts";

/** What the database is to do, and what the core hears of it then. */
export type Order = () => Promise<Input | undefined>;

export interface SimulatedReplica {
  readonly index: number;
  readonly disk: SimulatedDisk;
  database: Database;
  log: ChangeLog;
  core: CoreState;
  hasTable: boolean;
  /** Carried out in order. */
  readonly work: Order[];
  /** What the database brought about and the core has not heard yet, in order. */
  readonly facts: Input[];
  readonly timers: Set<TimerName>;
}

/** What is drawn anew for every opening of a database. */
export type Opening = Pick<
  ChangeLogOptions,
  "epoch" | "nowMs" | "stretchChanges" | "leastSnapshotCells" | "snapshotSliceKeys" | "pause" | "imagePartBytes"
>;

/** A log as it is, or with a planted bug. */
export type WrapLog = (log: ChangeLog) => ChangeLog;

/** @param disk - with the files of another replica, for a copy of it; a new replica gets an empty one */
export const openSimulatedReplica = async (
  index: number,
  opening: Opening,
  wrapLog: WrapLog,
  disk: SimulatedDisk = createSimulatedDisk(),
): Promise<SimulatedReplica> => {
  const database = await openOn(disk);
  const log = wrapLog(await openChangeLog({ database, ...opening }));
  return {
    index,
    disk,
    database,
    log,
    core: createCoreState(database.siteId, defaultDelays, log.reservedTo),
    hasTable: database.syncedTables.has("notes"),
    work: [],
    facts: [],
    timers: new Set(),
  };
};

/** Shared by all histories of a process: nothing of a database stays in an engine. */
const engines = createEnginePool();

const openOn = async (disk: SimulatedDisk): Promise<Database> => createSqliteDatabase(await engines.openHost(disk));

/** The process ends between two orders and starts again. @param losesEnd - on an older file, when one was saved */
export const reopenSimulatedReplica = async (
  replica: SimulatedReplica,
  opening: Opening,
  wrapLog: WrapLog,
  losesEnd: boolean,
): Promise<boolean> => {
  const lost = losesEnd && replica.disk.restore();
  replica.disk.cutOff();
  await replica.database.close();
  replica.database = await openOn(replica.disk);
  await beginAnew(replica, opening, wrapLog);
  return lost;
};

/** What a replica does whose id is another's as well. */
export const renewSimulatedReplica = async (
  replica: SimulatedReplica,
  opening: Opening,
  wrapLog: WrapLog,
  changeId: (connection: Connection) => Promise<void>,
): Promise<void> => {
  await replica.database.transactAndReopen(changeId);
  await beginAnew(replica, opening, wrapLog);
};

const beginAnew = async (replica: SimulatedReplica, opening: Opening, wrapLog: WrapLog): Promise<void> => {
  replica.hasTable = replica.database.syncedTables.has("notes");
  replica.work.length = 0;
  replica.facts.length = 0;
  replica.timers.clear();
  replica.log = wrapLog(await openChangeLog({ database: replica.database, ...opening }));
  replica.core = createCoreState(replica.database.siteId, defaultDelays, replica.log.reservedTo);
};

/** To be given when a link opens and when the schema changed. */
export const readSchemaOf =
  ({ log }: SimulatedReplica): Order =>
  async () => ({ type: "schema-read", schema: await log.schema() });

/** Told of what orders brought about. */
export interface OrderObserver {
  merged(changes: number): void;
  tookSnapshot(): void;
}

/** What an effect asks of the database; undefined when it asks nothing of it. */
export const orderOf = (replica: SimulatedReplica, effect: Effect, observer: OrderObserver): Order | undefined => {
  const { log } = replica;
  switch (effect.type) {
    case "read-changes": {
      const { link, pass, quarantineAfter } = effect;
      const read: Order = async () => ({ type: "read", link, pass, stretch: await log.read(effect) });
      if (!effect.mayBeImage) return read;
      return async () => {
        const snapshot = await log.readSnapshot(effect.resume);
        if (snapshot === undefined) {
          replica.work.push(read);
          return undefined;
        }
        const { part, ...stretch } = snapshot;
        return { type: "read", link, pass, stretch: { ...stretch, quarantineTo: quarantineAfter }, part };
      };
    }
    case "read-image": {
      const { link, pass } = effect;
      return async () => ({ type: "image-read", link, pass, part: await log.readImagePart(effect) });
    }
    case "take-snapshot":
      return async () => {
        const { link, cursor } = effect;
        try {
          const taken = await log.takeSnapshot(effect);
          if (taken === undefined) return undefined;
          observer.merged(taken.count);
          observer.tookSnapshot();
          const { frontier, grew } = taken;
          return { type: "applied", link, frontier, grew, position: cursor.position, complete: false };
        } catch (error) {
          if (error instanceof SnapshotRefusedError) return { type: "snapshot-refused", link };
          throw error;
        }
      };
    case "apply-changes":
      return async () => {
        const { frontier, grew, count, unknown } = await log.apply(effect);
        observer.merged(count);
        const { link, complete, cursor } = effect;
        return { type: "applied", link, frontier, grew, position: cursor.position, complete, unknown };
      };
    case "read-frontier":
      return async () => ({ type: "frontier-read", frontier: await log.frontier() });
    case "read-digest":
      return async () => {
        const digest = await log.digest();
        return digest === undefined ? undefined : { type: "digested", ...digest };
      };
    default:
      return undefined;
  }
};

/** Everything that must be equal on all replicas in the end. */
export const stateOf = async ({ database }: SimulatedReplica): Promise<string> => {
  const changes = await database.exec({
    sql: `SELECT "table", hex(pk) AS pk, cid, typeof(val) AS class, quote(val) AS val, col_version, cl FROM crsql_changes`,
    rowMode: "array",
  });
  const rows = await database.exec({ sql: "SELECT * FROM notes ORDER BY id", rowMode: "array" });
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
  return `${changes.rows.map(text).sort().join("\n")}\n${text(rows.rows)}`;
};

/** Writes that left a mark of their own, which nothing changes or deletes. */
export const marksOf = async ({ database, hasTable }: SimulatedReplica): Promise<ReadonlySet<string>> => {
  if (!hasTable) return new Set();
  const marks = await database.exec({ sql: "SELECT id FROM notes WHERE id GLOB 'write-*'", rowMode: "array" });
  return new Set(marks.rows.map((row) => (row as unknown as readonly [string])[0]));
};
