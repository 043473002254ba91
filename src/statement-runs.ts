/** The statements of a batch on their way to the database: a text that repeats, as for many rows, is carried once. */

import type { BatchStatement } from "./api.ts";
import type { ExecRequest } from "./database/database.ts";
import type { SqlParams } from "./database/value.ts";

/** Statements of one text, one behind the other. */
export interface StatementRun {
  readonly sql: string;
  /** Of each statement. */
  readonly params: readonly (SqlParams | undefined)[];
}

export const statementsToRuns = (statements: readonly BatchStatement[]): readonly StatementRun[] => {
  const runs: StatementRun[] = [];
  let last: { readonly sql: string; readonly params: (SqlParams | undefined)[] } | undefined;
  for (const statement of statements) {
    const { sql, params } = typeof statement === "string" ? { sql: statement, params: undefined } : statement;
    if (sql === last?.sql) last.params.push(params);
    else runs.push((last = { sql, params: [params] }));
  }
  return runs;
};

export const runsToRequests = (runs: readonly StatementRun[]): readonly ExecRequest[] =>
  runs.flatMap(({ sql, params: list }) =>
    list.map((params): ExecRequest => (params === undefined ? { sql } : { sql, params })),
  );
