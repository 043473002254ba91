/**
 * Tells what became of each row of the tables that somebody watches. Owns what is remembered of the transaction under way;
 * knows nothing of who listens.
 */

import type { SiteId } from "../common/ids.ts";
import type { Connection } from "./connection.ts";
import type { SyncedTable } from "./database.ts";
import type { MissedReason, RowChange, RowValues } from "./row-change.ts";
import { maxWatchedRows, rowWatchSql, type RowWatchSql } from "./row-watch-sql.ts";
import type { SqlValue } from "./value.ts";

/** Bytes of text and blobs that one commit is told with, about. */
const maxToldBytes = 16 * 1024 * 1024;

/** Everything of a change but what only the end of the commit tells. */
type Untold = RowChange extends infer Change ? (Change extends unknown ? Omit<Change, "version"> : never) : never;

export interface Writer {
  readonly who: SiteId;
  readonly origin: "local" | "remote";
}

export interface RowWatch {
  /** `owner` watches exactly these tables from the next {@link install} on. */
  setTables(owner: string, tables: readonly string[]): void;
  /** Makes the connection remember rows of what is watched, and of nothing else. Not inside a transaction of an app. */
  install(connection: Connection, tables: ReadonlyMap<string, SyncedTable>): Promise<void>;
  /** Stops watching `table` for a change of its schema that follows; install() watches it again. */
  uninstall(connection: Connection, table: string, reason: MissedReason): Promise<void>;
  /** The connection that rows were remembered on is gone. */
  lost(): void;
  /** Whether collect() has anything to do. */
  readonly isActive: boolean;
  /** Rows remembered now; each was counted by `total_changes()`, though no row of an app changed. */
  remembered(connection: Connection): Promise<number>;
  /** Everything touched since the last call was written by `writer`. */
  collect(connection: Connection, writer: Writer): Promise<void>;
  /** What was collected, once it is committed. */
  take(version: number): readonly RowChange[];
  /** The transaction was undone. */
  discard(): void;
}

interface Installed {
  readonly table: SyncedTable;
  readonly sql: RowWatchSql;
}

export const createRowWatch = (): RowWatch => {
  const tablesByOwner = new Map<string, readonly string[]>();
  const installed = new Map<string, Installed>();
  /** Watched tables that rows were missed of, told with the next commit. */
  const missed = new Map<string, MissedReason>();
  let collected: Untold[] = [];
  let collectedBytes = 0;

  const miss = (table: string, origin: Writer["origin"], reason: MissedReason): void => {
    collected = collected.filter((change) => change.table !== table);
    collected.push({ type: "missed", table, origin, reason });
  };
  const isMissed = (table: string): boolean =>
    collected.some((change) => change.table === table && change.type === "missed");

  const readRows = async (connection: Connection, { table, sql }: Installed, writer: Writer): Promise<boolean> => {
    const statement = await connection.prepare(sql.read);
    const names = [...table.keyColumns, ...table.valueColumns];
    const width = 2 + names.length + table.valueColumns.length;
    try {
      for (;;) {
        const step = statement.step();
        if (!(typeof step === "boolean" ? step : await step)) return true;
        const row: SqlValue[] = [];
        for (let column = 0; column < width; column += 1) row.push(statement.column(column));
        const change = changeOf(table, row, writer);
        if (change === undefined) continue;
        collectedBytes += row.reduce<number>((bytes, value) => bytes + bytesOf(value), 0);
        if (collectedBytes > maxToldBytes) return false;
        collected.push(change);
      }
    } finally {
      await statement.reset();
    }
  };

  return {
    setTables: (owner, tables) => {
      if (tables.length === 0) tablesByOwner.delete(owner);
      else tablesByOwner.set(owner, tables);
    },
    install: async (connection, tables) => {
      const wanted = new Set([...tablesByOwner.values()].flat());
      for (const [name, { table, sql }] of installed) {
        if (wanted.has(name) && JSON.stringify(tables.get(name)) === JSON.stringify(table)) continue;
        await connection.run(sql.uninstall);
        installed.delete(name);
      }
      for (const name of wanted) {
        const table = tables.get(name);
        if (table === undefined || installed.has(name)) continue;
        const sql = rowWatchSql(table);
        await connection.run(sql.install);
        installed.set(name, { table, sql });
      }
    },
    uninstall: async (connection, table, reason) => {
      const entry = installed.get(table);
      if (entry === undefined) return;
      await connection.run(entry.sql.uninstall);
      installed.delete(table);
      missed.set(table, reason);
    },
    get isActive() {
      return installed.size > 0;
    },
    remembered: async (connection) => {
      let sum = 0;
      for (const { sql } of installed.values()) sum += (await connection.all(sql.count))[0]?.[0] as number;
      return sum;
    },
    lost: () => {
      for (const name of installed.keys()) missed.set(name, "interrupted");
      installed.clear();
      collected = [];
    },
    collect: async (connection, writer) => {
      for (const entry of installed.values()) {
        const { name } = entry.table;
        const [row] = await connection.all(entry.sql.count);
        const count = row?.[0] as number;
        if (count === 0) continue;
        const isWhole =
          !isMissed(name) && count <= maxWatchedRows && collected.length <= maxWatchedRows
            ? await readRows(connection, entry, writer)
            : false;
        if (!isWhole) miss(name, writer.origin, "many-rows");
        await connection.all(entry.sql.forget);
      }
    },
    take: (version) => {
      for (const [table, reason] of missed) collected.push({ type: "missed", table, origin: "local", reason });
      missed.clear();
      const changes = collected.map((change) => ({ ...change, version }) as RowChange);
      collected = [];
      collectedBytes = 0;
      return changes;
    },
    discard: () => {
      missed.clear();
      collected = [];
      collectedBytes = 0;
    },
  };
};

const bytesOf = (value: SqlValue): number =>
  typeof value === "string" ? value.length * 2 : value instanceof Uint8Array ? value.length : 8;

const isEqual = (left: SqlValue, right: SqlValue): boolean =>
  left instanceof Uint8Array && right instanceof Uint8Array
    ? left.length === right.length && left.every((byte, index) => byte === right[index])
    : left === right;

const pick = (columns: readonly string[], values: readonly SqlValue[]): RowValues =>
  Object.fromEntries(columns.map((column, index) => [column, values[index] as SqlValue]));

/** Undefined when the row is as it was. */
const changeOf = (table: SyncedTable, row: readonly SqlValue[], writer: Writer): Untold | undefined => {
  const { keyColumns, valueColumns } = table;
  const [wasThere, isThere] = [row[0] === 1, row[1] === 1];
  const keyValues = row.slice(2, 2 + keyColumns.length);
  const oldValues = row.slice(2 + keyColumns.length, 2 + keyColumns.length + valueColumns.length);
  const newValues = row.slice(2 + keyColumns.length + valueColumns.length);
  const whole = (values: readonly SqlValue[]): RowValues =>
    pick([...keyColumns, ...valueColumns], [...keyValues, ...values]);
  const told = { table: table.name, ...writer, key: pick(keyColumns, keyValues) };

  if (!wasThere) return isThere ? { ...told, type: "insert", row: whole(newValues) } : undefined;
  if (!isThere) return { ...told, type: "delete", row: whole(oldValues) };
  const changed = valueColumns
    .map((_, index) => index)
    .filter((index) => !isEqual(oldValues[index] as SqlValue, newValues[index] as SqlValue));
  if (changed.length === 0) return undefined;
  const of = (values: readonly SqlValue[]): RowValues =>
    pick(
      changed.map((index) => valueColumns[index] as string),
      changed.map((index) => values[index] as SqlValue),
    );
  return { ...told, type: "update", row: whole(newValues), old: of(oldValues), new: of(newValues) };
};
