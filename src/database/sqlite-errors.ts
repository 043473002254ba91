/** SQLite's result codes and the engine's traps as LedgerErrors. */

import { LedgerError, type LedgerErrorCode } from "../common/errors.ts";
import { ResultCode } from "./sqlite-codes.ts";

/** Text that the key guard's trigger raises; the one way a trigger has to say which rule was broken. */
export const keyUpdateRefusal =
  "the primary key of a synced row cannot be updated; delete the row and insert a new one";

const primaryCode = (resultCode: number): number => resultCode & 0xff;

export const isIoError = (resultCode: number): boolean => primaryCode(resultCode) === ResultCode.ioError;

const errorCodeOf = (resultCode: number, message: string): LedgerErrorCode => {
  if (message.includes(keyUpdateRefusal)) return "LEDGER_KEY_UPDATE_REFUSED";
  switch (primaryCode(resultCode)) {
    case ResultCode.constraint:
      return "LEDGER_CONSTRAINT";
    case ResultCode.full:
      return "LEDGER_QUOTA_EXCEEDED";
    case ResultCode.busy:
      return "LEDGER_STORAGE_BUSY";
    default:
      return /^table \S+ may not be modified$/.test(message) ? "LEDGER_INTERNAL_TABLE" : "LEDGER_SQL_ERROR";
  }
};

/** @param message - SQLite's own, from `sqlite3_errmsg` */
export const sqliteError = (resultCode: number, message: string): LedgerError =>
  new LedgerError(errorCodeOf(resultCode, message), message, { cause: new Error(`SQLite result code ${resultCode}`) });

/** Any exception out of the engine's code: its stack was not unwound, so the instance cannot be trusted any more. */
export const engineCrash = (cause?: unknown): LedgerError =>
  new LedgerError(
    "LEDGER_ENGINE_CRASHED",
    "the SQLite engine stopped; it is opened again for the next call and nothing acknowledged is lost",
    cause === undefined ? undefined : { cause },
  );
