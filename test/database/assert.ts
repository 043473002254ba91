/** Assertions that run in Node and in a browser's worker alike. */

import { LedgerError, type LedgerErrorCode } from "../../src/common/errors.ts";

/** Any value as text in which 1, 1n, "1" and x'31' differ. */
const show = (value: unknown): string =>
  JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner === "bigint") return `${inner}n`;
      if (typeof inner === "string") return `'${inner}'`;
      if (typeof inner === "number" && !Number.isFinite(inner)) return String(inner);
      if (inner instanceof Uint8Array)
        return `x'${Array.from(inner, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
      return inner;
    },
    1,
  ) ?? "undefined";

export const assertEqual = (actual: unknown, expected: unknown, what = "value"): void => {
  if (show(actual) !== show(expected)) throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
};

export const assertTrue = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what);
};

/** @param pattern - what the message must say, so that its remedy is tested as well */
export const assertRefused = async (
  work: Promise<unknown>,
  code: LedgerErrorCode,
  pattern = /./,
): Promise<LedgerError> => {
  let error: unknown;
  try {
    await work;
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof LedgerError))
    throw new Error(`expected ${code}, got ${error === undefined ? "no error" : String(error)}`);
  if (error.code !== code) throw new Error(`expected ${code}, got ${error.code}: ${error.message}`);
  if (!pattern.test(error.message)) throw new Error(`${code} does not say ${String(pattern)}: ${error.message}`);
  return error;
};
