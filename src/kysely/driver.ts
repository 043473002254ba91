/**
 * Kysely's driver: every connection is the Ledger itself, or the transaction that was begun on it. Savepoints are
 * transactions within.
 */

import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import type { Ledger, SqlParam, Transaction } from "../index.ts";

/** A transaction that stays open until it is ended. */
interface Level {
  /** Of the savepoint; undefined for the transaction itself. */
  readonly name: string | undefined;
  readonly tx: Transaction;
  end(how: "keep" | "undo"): Promise<void>;
}

interface LedgerConnection extends DatabaseConnection {
  /** Innermost last. */
  readonly levels: Level[];
}

type Run = (work: (tx: Transaction) => Promise<void>) => Promise<void>;

/** Opens what `run` runs and leaves it open. */
const openLevel = (name: string | undefined, run: Run): Promise<Level> =>
  new Promise((opened, failed) => {
    const undoing = new Error("undone as asked");
    const ended = run(
      (tx) =>
        new Promise<void>((keep, undo) => {
          const end: Level["end"] = (how) => {
            if (how === "keep") keep();
            else undo(undoing);
            return ended.catch((error: unknown) => {
              if (error !== undoing) throw error;
            });
          };
          opened({ name, tx, end });
        }),
    );
    ended.catch(failed);
  });

const createConnection = (db: Ledger): LedgerConnection => {
  const levels: Level[] = [];

  const executeQuery = async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
    const target = levels.at(-1)?.tx ?? db;
    const { rows, rowsAffected } = await target.exec<R>(sql, parameters as readonly SqlParam[]);
    return { rows: [...rows], numAffectedRows: BigInt(rowsAffected) };
  };

  return {
    levels,
    executeQuery,
    async *streamQuery<R>(query: CompiledQuery, chunkSize = 100) {
      const { rows } = await executeQuery<R>(query);
      for (let start = 0; start < rows.length; start += chunkSize) {
        yield { rows: rows.slice(start, start + chunkSize) };
      }
    },
  };
};

export const createLedgerDriver = (db: Ledger): Driver => {
  const levelsOf = (connection: DatabaseConnection): Level[] => (connection as LedgerConnection).levels;

  const innermost = (connection: DatabaseConnection): Level => {
    const level = levelsOf(connection).at(-1);
    if (level === undefined) throw new Error("no transaction is open on this connection");
    return level;
  };

  const nest = async (connection: DatabaseConnection, name: string): Promise<void> => {
    const { tx } = innermost(connection);
    levelsOf(connection).push(await openLevel(name, (work) => tx.transaction(work)));
  };

  /** Ends the levels from the innermost one to that of `name`, which for the transaction itself is undefined. */
  const endTo = async (connection: DatabaseConnection, name: string | undefined, how: "keep" | "undo") => {
    const levels = levelsOf(connection);
    if (!levels.some((level) => level.name === name)) throw new Error(`there is no savepoint ${String(name)}`);
    for (let level = levels.pop(); level !== undefined; level = levels.pop()) {
      await level.end(how);
      if (level.name === name) return;
    }
  };

  return {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(createConnection(db)),
    beginTransaction: async (connection) => {
      levelsOf(connection).push(await openLevel(undefined, (work) => db.transaction(work)));
    },
    commitTransaction: (connection) => endTo(connection, undefined, "keep"),
    rollbackTransaction: (connection) => endTo(connection, undefined, "undo"),
    savepoint: nest,
    releaseSavepoint: (connection, name) => endTo(connection, name, "keep"),
    rollbackToSavepoint: async (connection, name) => {
      await endTo(connection, name, "undo");
      // SQL leaves the savepoint there.
      await nest(connection, name);
    },
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
};
