/**
 * SQL as tagged templates: every value becomes a bound parameter, so no text of a user is ever read as SQL. There is no
 * way to put raw text in; names go through `sql.identifier()`, and statements nest.
 */

import type { Row } from "./api.ts";
import { LedgerError } from "./common/errors.ts";
import type { SqlParam, SqlParams } from "./database/value.ts";

/**
 * Known by a symbol, which JSON cannot carry: an object that came from elsewhere is never taken for SQL.
 * In the registry, so that the bindings, which are bundled apart, mean the same one.
 */
const statementMark: unique symbol = Symbol.for("ledger.sql") as never;

/** A statement or a part of one, with the values that it binds. `R` is the type of its rows. */
export interface SqlStatement<R = Row> {
  readonly sql: string;
  readonly params: readonly SqlParam[];
  /** @internal */
  readonly [statementMark]: R | true;
}

/** What may stand in a template: a value to bind, or a part of SQL made by `sql`. */
export type SqlPart = SqlParam | SqlStatement<unknown>;

/** Names and lists for templates. */
export interface SqlParts {
  /** The name of a table or column, quoted. */
  identifier(name: string): SqlStatement<never>;
  /** `parts` one after the other with `separator` between, by default a comma: for `IN (…)`, columns, conditions. */
  join(parts: readonly SqlPart[], separator?: SqlStatement<unknown>): SqlStatement<never>;
}

export interface SqlTag extends SqlParts {
  <R = Row>(strings: TemplateStringsArray, ...parts: readonly SqlPart[]): SqlStatement<R>;
}

/** A statement that can be awaited: it runs then, once, and answers its rows. */
export interface SqlQuery<R = Row> extends SqlStatement<R>, PromiseLike<readonly R[]> {}

/** The tag of one Ledger. */
export interface LedgerSqlTag extends SqlParts {
  <R = Row>(strings: TemplateStringsArray, ...parts: readonly SqlPart[]): SqlQuery<R>;
}

export const isSqlStatement = (value: unknown): value is SqlStatement<unknown> =>
  typeof value === "object" && value !== null && statementMark in value;

const statement = (sql: string, params: readonly SqlParam[]): SqlStatement<never> => ({
  sql,
  params,
  [statementMark]: true,
});

/** `texts` with `parts` between them. */
const weave = (texts: readonly string[], parts: readonly SqlPart[]): SqlStatement<never> => {
  let sql = texts[0] ?? "";
  const params: SqlParam[] = [];
  parts.forEach((part, index) => {
    if (isSqlStatement(part)) {
      sql += part.sql;
      params.push(...part.params);
    } else {
      sql += "?";
      params.push(part as SqlParam);
    }
    sql += texts[index + 1] ?? "";
  });
  return statement(sql, params);
};

const identifier = (name: string): SqlStatement<never> => {
  if (typeof name !== "string" || name === "" || name.includes("\0")) {
    throw new LedgerError("LEDGER_SQL_ERROR", "sql.identifier() takes the name of a table or column, as text");
  }
  return statement(`"${name.replaceAll('"', '""')}"`, []);
};

const join = (parts: readonly SqlPart[], separator: SqlStatement<unknown> = statement(", ", [])) =>
  weave(
    Array.from({ length: parts.length * 2 }, () => ""),
    parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part])),
  );

/** Statements that are not tied to a Ledger: for parts, for modules that only describe queries. */
export const sql: SqlTag = Object.assign(
  <R = Row>(strings: TemplateStringsArray, ...parts: readonly SqlPart[]): SqlStatement<R> => weave(strings, parts),
  { identifier, join },
);

/** @param query - runs a statement and answers its rows */
export const createSqlTag = (query: <R>(statement: SqlStatement<R>) => Promise<readonly R[]>): LedgerSqlTag =>
  Object.assign(
    <R = Row>(strings: TemplateStringsArray, ...parts: readonly SqlPart[]): SqlQuery<R> => {
      const made: SqlStatement<R> = weave(strings, parts);
      let answer: Promise<readonly R[]> | undefined;
      return {
        ...made,
        // oxlint-disable-next-line unicorn/no-thenable -- that is what makes it a query
        then: (onRows, onError) => (answer ??= query(made)).then(onRows, onError),
      };
    },
    { identifier, join },
  );

/** The arguments of a call that takes a text, params and options, or a statement and options. */
export const readCall = <O>(
  sqlOrStatement: string | SqlStatement<unknown>,
  paramsOrOptions: SqlParams | O | undefined,
  options: O | undefined,
): { readonly sql: string; readonly params: SqlParams | undefined; readonly options: O | undefined } =>
  isSqlStatement(sqlOrStatement)
    ? { sql: sqlOrStatement.sql, params: sqlOrStatement.params, options: paramsOrOptions as O | undefined }
    : { sql: sqlOrStatement as string, params: paramsOrOptions as SqlParams | undefined, options };
