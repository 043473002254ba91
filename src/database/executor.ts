/** Runs an app's SQL behind the guard rails and says what it changed. Knows nothing of queues and events. */

import { LedgerError } from "../common/errors.ts";
import type { ExecRequest, ExecResult, QueryResult, RowMode, SyncedTable } from "./database.ts";
import { bindParams, hasParams } from "./params.ts";
import type { Rollback } from "./rollback.ts";
import type { RowWatch } from "./row-watch.ts";
import type { SchemaChanges } from "./schema-changes.ts";
import type { Script, SqliteConnection } from "./sqlite-connection.ts";
import type { SqliteStatement } from "./sqlite-statement.ts";
import { createStatementCache } from "./statement-cache.ts";
import { createStatementGuard, type StatementFacts } from "./statement-guard.ts";
import { isBlankSql, isStorableText } from "./sql-text.ts";
import { refuseHarmfulTriggers } from "./trigger-rules.ts";
import type { SqlValue } from "./value.ts";

export interface ExecOutcome {
  readonly result: ExecResult;
  /** User tables that the call changed. */
  readonly changedTables: ReadonlySet<string>;
  /** False when every statement only read. */
  readonly mayHaveWritten: boolean;
  /** Why the statement ended early, when it keeps the rows that it had changed by then, as INSERT OR FAIL does. */
  readonly failure?: unknown;
}

/** `alone`: no transaction is open, and whoever calls undoes one that a failure left open; `inside`: one is. */
export type ExecScope = "alone" | "inside";

export interface Executor {
  /** Inside a transaction a call that fails leaves what was done before it. */
  exec(request: ExecRequest, scope?: ExecScope): Promise<ExecOutcome>;
  /**
   * The same without any wait, where nothing has to be waited for: a write of one table whose text is known, of a
   * synchronous engine. When it fails, what it left has to be tidied.
   */
  writeAtOnce(request: ExecRequest): ExecOutcome | undefined;
  /** The same without any wait, where nothing has to be waited for: a query whose text is known, of a synchronous engine. */
  readAtOnce(request: ExecRequest): ExecResult | undefined;
  /** Of a statement that was run and is not forgotten. */
  factsOf(sql: string): StatementFacts | undefined;
  /** One statement that only reads. */
  query(request: ExecRequest): Promise<QueryResult>;
  /** Runs statements of a migration inside its transaction, which must be rolled back when this fails. */
  migrate(request: ExecRequest, changes: SchemaChanges): Promise<ExecOutcome>;
  /** Must be called when the schema was changed by others or undone: what was compiled may be refused now, or read other columns. */
  forgetStatements(): Promise<void>;
}

interface Guarded {
  readonly statement: SqliteStatement;
  readonly facts: StatementFacts;
}

const cachedStatements = 64;
const noTables: ReadonlySet<string> = new Set();
const emptyResult: ExecResult = { columns: [], rows: [], rowsAffected: 0 };

const readRow = (
  statement: SqliteStatement,
  columns: readonly string[],
  rowMode: RowMode,
): ExecResult["rows"][number] => {
  if (rowMode === "array") return statement.row();
  const object: Record<string, SqlValue> = {};
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index] as string;
    const value = statement.column(index);
    // Plain assignment to this one name would set the prototype.
    if (column === "__proto__") {
      Object.defineProperty(object, column, { value, enumerable: true, writable: true, configurable: true });
    } else object[column] = value;
  }
  return object;
};

export const createExecutor = (
  connection: SqliteConnection,
  syncedTables: () => ReadonlyMap<string, SyncedTable>,
  rowWatch: Pick<RowWatch, "remembered">,
  rollback: Rollback,
): Executor => {
  const cache = createStatementCache<Guarded>(cachedStatements);

  const forgetStatements = async (): Promise<void> => {
    for (const { statement } of cache.takeAll()) await statement.finalize();
  };

  const totalChanges = async (): Promise<number> => {
    const [row] = await connection.all("select total_changes()");
    return Number(row?.[0]) - (await rowWatch.remembered(connection));
  };

  /** Of a statement that failed while it ran. SQLite counts no rows of what it has undone. */
  const keptBy = ({ writtenTables }: StatementFacts, failure: unknown): ExecOutcome => {
    if (connection.crash !== undefined || writtenTables.size === 0 || connection.changes() === 0) throw failure;
    return { result: emptyResult, changedTables: writtenTables, mayHaveWritten: true, failure };
  };

  const runStatement = async ({ statement, facts }: Guarded, rowMode: RowMode): Promise<ExecOutcome> => {
    const changesBefore = facts.isReadOnly || facts.isPlainWrite ? 0 : await totalChanges();
    const columns = statement.columnNames();
    const rows: ExecResult["rows"][number][] = [];
    try {
      for (;;) {
        const step = statement.step();
        if (!(step instanceof Promise ? await step : step)) break;
        rows.push(readRow(statement, columns, rowMode));
      }
    } catch (error) {
      return keptBy(facts, error);
    }
    if (facts.isReadOnly)
      return { result: { columns, rows, rowsAffected: 0 }, changedTables: new Set(), mayHaveWritten: false };
    const rowsAffected = facts.writtenTables.size > 0 ? connection.changes() : 0;
    const changedTables = new Set(facts.alteredTables);
    const hasChanged = facts.isPlainWrite ? rowsAffected > 0 : (await totalChanges()) !== changesBefore;
    if (hasChanged) for (const table of facts.writtenTables) changedTables.add(table);
    if (facts.createsTrigger) await refuseHarmfulTriggers(connection, syncedTables());
    return { result: { columns, rows, rowsAffected }, changedTables, mayHaveWritten: true };
  };

  const execCached = async (guarded: Guarded, { params, rowMode }: ExecRequest): Promise<ExecOutcome> => {
    const { statement } = guarded;
    await statement.reset();
    try {
      bindParams(statement, params);
      return await runStatement(guarded, rowMode ?? "object");
    } finally {
      if (connection.crash === undefined) {
        await statement.reset();
        statement.clearBindings();
      }
    }
  };

  const writeAtOnce = ({ sql, params }: ExecRequest): ExecOutcome | undefined => {
    const cached = connection.isSynchronous ? cache.get(sql) : undefined;
    if (cached?.facts.isPlainWrite !== true || cached.statement.columnCount > 0) return undefined;
    const { statement, facts } = cached;
    try {
      bindParams(statement, params);
      try {
        void statement.step(); // No promise, and no rows.
      } catch (error) {
        return keptBy(facts, error);
      }
      const rowsAffected = connection.changes();
      const changedTables = rowsAffected > 0 ? facts.writtenTables : noTables;
      return { result: { columns: [], rows: [], rowsAffected }, changedTables, mayHaveWritten: true };
    } finally {
      if (connection.crash === undefined) {
        void statement.reset(); // No promise either.
        statement.clearBindings();
      }
    }
  };

  const readAtOnce = ({ sql, params, rowMode = "object" }: ExecRequest): ExecResult | undefined => {
    const cached = connection.isSynchronous ? cache.get(sql) : undefined;
    if (cached?.facts.isReadOnly !== true) return undefined;
    const { statement } = cached;
    try {
      bindParams(statement, params);
      const columns = statement.columnNames();
      const rows: ExecResult["rows"][number][] = [];
      while (statement.step() === true) rows.push(readRow(statement, columns, rowMode));
      return { columns, rows, rowsAffected: 0 };
    } finally {
      if (connection.crash === undefined) {
        void statement.reset(); // No promise.
        statement.clearBindings();
      }
    }
  };

  /** All of `work` or nothing. */
  const atomically = async <T>(scope: ExecScope, work: () => Promise<T>): Promise<T> => {
    if (scope === "alone") {
      await connection.all("begin immediate");
      const result = await work();
      await connection.all("commit");
      return result;
    }
    await connection.all("savepoint ledger_exec");
    try {
      return await work();
    } catch (error) {
      if (connection.crash === undefined && connection.isInTransaction) {
        await connection.resetPending();
        await rollback.to("ledger_exec");
        await forgetStatements();
      }
      throw error;
    } finally {
      if (connection.crash === undefined && connection.isInTransaction) await connection.all("release ledger_exec");
    }
  };

  /** A trigger is judged after it was made, so making one needs a transaction that can undo it. */
  const execOnly = async (guarded: Guarded, request: ExecRequest, scope: ExecScope): Promise<ExecOutcome> => {
    const { createsTrigger, changesSchema } = guarded.facts;
    const run = (): Promise<ExecOutcome> => execCached(guarded, request);
    const outcome = await (createsTrigger ? atomically(scope, run) : run());
    if (changesSchema) await forgetStatements();
    return outcome;
  };

  const compile = async (script: Script, isMigration = false): Promise<Guarded | undefined> => {
    const guard = createStatementGuard(syncedTables(), isMigration);
    try {
      const statement = await script.next(guard.authorize);
      if (statement === undefined) return undefined;
      try {
        return { statement, facts: guard.conclude(script.lastSql()) };
      } catch (error) {
        await statement.finalize();
        throw error;
      }
    } catch (error) {
      throw guard.refusal ?? error;
    }
  };

  /** All of it or nothing: one transaction, one outcome. */
  const execSeveral = async (
    first: Guarded | undefined,
    second: () => Promise<Guarded | undefined>,
    run: (guarded: Guarded) => Promise<ExecOutcome>,
  ) => {
    const changedTables = new Set<string>();
    let mayHaveWritten = false;
    let rowsAffected = 0;
    let result: ExecResult = emptyResult;
    for (let guarded: Guarded | undefined = first; guarded !== undefined; guarded = await second()) {
      try {
        const outcome = await run(guarded);
        if (outcome.failure !== undefined) throw outcome.failure;
        ({ result } = outcome);
        rowsAffected += result.rowsAffected;
        for (const table of outcome.changedTables) changedTables.add(table);
        mayHaveWritten ||= outcome.mayHaveWritten;
      } finally {
        if (connection.crash === undefined) await guarded.statement.finalize();
      }
      if (guarded.facts.changesSchema) await forgetStatements();
    }
    return { result: { ...result, rowsAffected }, changedTables, mayHaveWritten };
  };

  const openText = (sql: string): Script => {
    if (!isStorableText(sql)) {
      throw new LedgerError(
        "LEDGER_SQL_ERROR",
        "the statement's text has a NUL or half a surrogate pair; bind such values as blobs",
      );
    }
    return connection.openScript(sql);
  };

  const compileQuery = async (sql: string): Promise<Guarded> => {
    const script = openText(sql);
    try {
      const only = await compile(script);
      if (only?.facts.isReadOnly && isBlankSql(script.restSql())) {
        await cache.set(sql, only)?.statement.finalize();
        return only;
      }
      await only?.statement.finalize();
      throw notOneQuery();
    } finally {
      script.close();
    }
  };

  const query = async (request: ExecRequest): Promise<QueryResult> => {
    const guarded = cache.get(request.sql) ?? (await compileQuery(request.sql));
    if (!guarded.facts.isReadOnly) throw notOneQuery();
    const { result } = await execCached(guarded, request);
    return { columns: result.columns, rows: result.rows, readTables: [...guarded.facts.readTables] };
  };

  const exec = async (request: ExecRequest, scope: ExecScope = "alone"): Promise<ExecOutcome> => {
    const { sql, params, rowMode = "object" } = request;
    const cached = cache.get(sql);
    if (cached !== undefined) return execOnly(cached, request, scope);
    const script = openText(sql);
    try {
      const only = await compile(script);
      if (only === undefined) {
        if (hasParams(params))
          throw new LedgerError("LEDGER_PARAMS_INVALID", "there is no statement that takes the parameters");
        return { result: emptyResult, changedTables: new Set(), mayHaveWritten: false };
      }
      if (isBlankSql(script.restSql())) {
        await cache.set(sql, only)?.statement.finalize();
        return await execOnly(only, request, scope);
      }
      if (hasParams(params)) {
        await only.statement.finalize();
        throw new LedgerError(
          "LEDGER_PARAMS_INVALID",
          "several statements in one text take no parameters; pass them one by one",
        );
      }
      return await atomically(scope, () =>
        execSeveral(
          only,
          () => compile(script),
          (guarded) => runStatement(guarded, rowMode),
        ),
      );
    } finally {
      script.close();
    }
  };

  /** Nothing is cached: what is compiled here passed another guard. */
  const migrate = async ({ sql, params, rowMode = "object" }: ExecRequest, changes: SchemaChanges) => {
    const script = connection.openScript(sql);
    try {
      return await execSeveral(
        await compile(script, true),
        () => compile(script, true),
        (guarded) => {
          bindParams(guarded.statement, params);
          return changes.run(guarded.facts, script.lastSql(), () => runStatement(guarded, rowMode));
        },
      );
    } finally {
      script.close();
    }
  };

  return {
    exec,
    writeAtOnce,
    readAtOnce,
    factsOf: (sql) => cache.get(sql)?.facts,
    query,
    migrate,
    forgetStatements,
  };
};

const notOneQuery = (): LedgerError =>
  new LedgerError("LEDGER_STATEMENT_REFUSED", "a live query is one statement that only reads, such as a SELECT");
