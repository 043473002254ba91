/** An app's parameters: checked, named in the error when wrong, and bound by their JavaScript type. */

import { LedgerError } from "../common/errors.ts";
import type { SqliteStatement } from "./sqlite-statement.ts";
import { isStorableText } from "./sql-text.ts";
import { storageClassOf } from "./storage-class.ts";
import type { SqlParam, SqlParams, SqlValue } from "./value.ts";

const invalid = (message: string): LedgerError => new LedgerError("LEDGER_PARAMS_INVALID", message);

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/** By tag, not by `instanceof`: values from another realm (an iframe, a test's jsdom) are as good. */
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

const describe = (value: unknown): string => {
  if (typeof value !== "object") return typeof value;
  return tagOf(value);
};

/** @param label - asked only for an error: how the app knows the parameter, `?2` or `:name` */
const paramToValue = (value: SqlParam, label: () => string): SqlValue => {
  if (value === null) return null;
  switch (typeof value) {
    case "boolean":
      return value ? 1 : 0;
    case "number":
      if (Number.isNaN(value))
        throw invalid(`parameter ${label()} is NaN, which SQLite cannot store; pass null or a number`);
      return value;
    case "bigint":
      if (value < minInt64 || value > maxInt64) {
        throw invalid(`parameter ${label()} does not fit into a 64-bit integer; pass it as text`);
      }
      return value;
    case "string":
      if (!isStorableText(value)) {
        throw invalid(`parameter ${label()} is text with a NUL or half a surrogate pair; pass it as a Uint8Array`);
      }
      return value;
    default: {
      const tag = tagOf(value);
      if (tag === "Uint8Array") return value as Uint8Array;
      if (tag === "ArrayBuffer") return new Uint8Array(value as ArrayBuffer);
      throw invalid(
        `parameter ${label()} is of type ${describe(value)}; pass null, number, bigint, string, boolean, Uint8Array or ArrayBuffer`,
      );
    }
  }
};

const isList = (params: SqlParams): params is readonly SqlParam[] => Array.isArray(params);

/** Whether there is anything to bind. */
export const hasParams = (params: SqlParams | undefined): boolean =>
  params !== undefined && (isList(params) ? params.length : Object.keys(params).length) > 0;

const bindList = (statement: SqliteStatement, params: readonly SqlParam[]): void => {
  const expected = statement.parameterCount;
  if (params.length !== expected) {
    throw invalid(`the statement takes ${expected} parameters and was given ${params.length}`);
  }
  for (let index = 1; index <= expected; index += 1) {
    const value = paramToValue(params[index - 1] as SqlParam, () => statement.parameterName(index) ?? `?${index}`);
    statement.bind(index, storageClassOf(value), value);
  }
};

const bindNamed = (statement: SqliteStatement, params: Readonly<Record<string, SqlParam>>): void => {
  const unused = new Set(Object.keys(params));
  for (let index = 1; index <= statement.parameterCount; index += 1) {
    const label = statement.parameterName(index);
    if (label === undefined || label.startsWith("?")) {
      throw invalid(`parameter ${label ?? `?${index}`} has no name; pass the parameters as an array`);
    }
    const key = label.slice(1);
    if (!Object.hasOwn(params, key)) throw invalid(`parameter ${label} is missing`);
    unused.delete(key);
    const value = paramToValue(params[key] as SqlParam, () => label);
    statement.bind(index, storageClassOf(value), value);
  }
  const [superfluous] = unused;
  if (superfluous !== undefined) throw invalid(`the statement has no parameter named ${superfluous}`);
};

/** @throws LedgerError LEDGER_PARAMS_INVALID, naming the parameter */
export const bindParams = (statement: SqliteStatement, params: SqlParams = []): void => {
  if (typeof params !== "object" || params === null) {
    throw invalid("params must be an array for ? or an object for :name");
  }
  if (isList(params)) bindList(statement, params);
  else bindNamed(statement, params);
};
