/** Runs the statements of a batch in order, in a transaction that the caller opened: long runs of one INSERT in bulk. */

import { LedgerError, toLedgerError } from "../common/errors.ts";
import { openBulkInsert, type BulkInsert } from "./bulk-insert.ts";
import type { ExecRequest, ExecResult, SyncedTable } from "./database.ts";
import type { ExecOutcome, Executor } from "./executor.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import type { StatementFacts } from "./statement-guard.ts";

/** What an ExecOutcome says, of any answer. */
export interface Outcome<T> {
  readonly result: T;
  readonly changedTables: ReadonlySet<string>;
  readonly mayHaveWritten: boolean;
  readonly failure?: unknown;
}

export interface BatchRunner {
  /** @throws LedgerError that names the statement; the caller undoes all of them */
  exec(requests: readonly ExecRequest[]): Promise<Outcome<ExecResult[]>>;
}

/** Shorter runs gain nothing. */
const leastBulkRows = 16;
/** Few at first: when keys are known already, so many rows are inserted in vain. */
const firstBulkRows = 32;
const mostBulkRows = 2048;

const wholeOf = (outcome: ExecOutcome): ExecOutcome => {
  if (outcome.failure !== undefined) throw outcome.failure;
  return outcome;
};

export const createBatchRunner = (
  connection: SqliteConnection,
  executor: Executor,
  syncedTables: () => ReadonlyMap<string, SyncedTable>,
): BatchRunner => {
  /** What is compiled is forgotten when the schema changes, and what it told is this map's key. */
  const bulkInserts = new WeakMap<StatementFacts, BulkInsert | false>();

  const bulkInsertOf = async (sql: string, facts: StatementFacts): Promise<BulkInsert | false> => {
    const known = bulkInserts.get(facts);
    if (known !== undefined) return known;
    const [name = ""] = facts.writtenTables;
    const table = facts.isPlainWrite ? syncedTables().get(name) : undefined;
    const opened = table !== undefined && ((await openBulkInsert(connection, table, sql)) ?? false);
    bulkInserts.set(facts, opened);
    return opened;
  };

  return {
    exec: async (requests) => {
      const result: ExecResult[] = [];
      /** By the rows affected: ten thousand answers that are one object cost little as a message. */
      const withoutRows = new Map<number, ExecResult>([[1, { columns: [], rows: [], rowsAffected: 1 }]]);
      const changedTables = new Set<string>();
      let mayHaveWritten = false;

      const answer = (given: ExecResult): void => {
        const { columns, rowsAffected } = given;
        const same = columns.length === 0 ? withoutRows.get(rowsAffected) : given;
        if (same === undefined) withoutRows.set(rowsAffected, given);
        result.push(same ?? given);
      };
      const failed = (index: number, thrown: unknown): LedgerError => {
        const error = toLedgerError(thrown);
        const message = `statement ${index + 1} of ${requests.length}: ${error.message}`;
        return new LedgerError(error.code, message, { cause: error.cause });
      };
      const run = (index: number): ExecOutcome | Promise<ExecOutcome> => {
        const request = requests[index] as ExecRequest;
        try {
          const written = executor.writeAtOnce(request);
          if (written !== undefined) return wholeOf(written);
          const executed = executor.exec(request, "inside").then(wholeOf);
          return executed.catch((error: unknown) => {
            throw failed(index, error);
          });
        } catch (error) {
          throw failed(index, error);
        }
      };
      const runOneByOne = async (from: number, to: number): Promise<void> => {
        for (let index = from; index < to; index += 1) {
          const running = run(index);
          const outcome = running instanceof Promise ? await running : running;
          answer(outcome.result);
          for (const table of outcome.changedTables) changedTables.add(table);
          mayHaveWritten ||= outcome.mayHaveWritten;
        }
      };
      /** @returns the first of them that is still to be run */
      const runInBulk = async (from: number, to: number): Promise<number> => {
        const { sql } = requests[from] as ExecRequest;
        const facts = executor.factsOf(sql);
        const bulkInsert = facts !== undefined && (await bulkInsertOf(sql, facts));
        let next = from;
        if (bulkInsert === false) return next;
        for (let most = firstBulkRows; next < to; most = mostBulkRows) {
          const start = next;
          const count = Math.min(most, to - start);
          if (!(await bulkInsert(count, (index) => run(start + index)))) break;
          for (let row = 0; row < count; row += 1) result.push(withoutRows.get(1) as ExecResult);
          next += count;
        }
        return next;
      };

      for (let start = 0; start < requests.length;) {
        const end = endOfRun(requests, start);
        // The first is compiled; with the last, last_insert_rowid() and changes() are as after the last.
        await runOneByOne(start, start + 1);
        const next = end - start < leastBulkRows ? start + 1 : await runInBulk(start + 1, end - 1);
        await runOneByOne(next, end);
        start = end;
      }
      return { result, changedTables, mayHaveWritten };
    },
  };
};

/** First index behind the statements that have the text of the one at `start`. */
const endOfRun = (requests: readonly ExecRequest[], start: number): number => {
  const sql = requests[start]?.sql;
  let end = start + 1;
  while (end < requests.length && requests[end]?.sql === sql) end += 1;
  return end;
};
