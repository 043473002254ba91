/**
 * A prepared statement over the engine's C functions. Values keep their storage class both ways.
 * An exception out of the engine is a crash and is reported to the connection, which ends itself.
 */

import { LedgerError } from "../common/errors.ts";
import type { MaybePromise, Statement } from "./connection.ts";
import { bytesAt, copyBytesIn, copyTextIn, textAt } from "./engine-memory.ts";
import type { Engine, Pointer } from "./engine-module.ts";
import { ResultCode } from "./sqlite-codes.ts";
import { StorageClass, type SqlValue } from "./value.ts";

export interface SqliteStatement extends Statement {
  readonly pointer: Pointer;
  readonly columnCount: number;
  readonly parameterCount: number;
  /** Read once: a statement does not outlive the schema that it was compiled for. */
  columnNames(): readonly string[];
  /** With its sigil; undefined for a plain `?`. */
  parameterName(index: number): string | undefined;
  /** All columns of the current row. */
  row(): SqlValue[];
  clearBindings(): void;
  finalize(): MaybePromise<void>;
}

/** What a statement needs of its connection. */
export interface StatementOwner {
  readonly engine: Engine;
  /** Must be called before any call of the engine. @throws LEDGER_ENGINE_CRASHED, LEDGER_CLOSED */
  assertUsable(): void;
  /** The error for a result code, with SQLite's message. */
  failure(resultCode: number): LedgerError;
  /** Taints the instance; the error to throw. */
  crash(cause: unknown): LedgerError;
  /** A statement with a row pending holds locks until it is reset. */
  setPending(statement: SqliteStatement, isPending: boolean): void;
}

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const twoTo32 = 0x1_0000_0000;
const maxSafeHigh = 0x1f_ffff;

export const createStatement = (owner: StatementOwner, pointer: Pointer): SqliteStatement => {
  const { engine } = owner;
  const { module } = engine;
  const sqliteFree = module._getSqliteFree();
  const columnCount = module._sqlite3_column_count(pointer);

  let names: readonly string[] | undefined;

  const checkBound = (resultCode: number): void => {
    if (resultCode !== ResultCode.ok) throw owner.failure(resultCode);
  };
  const bindInteger = (index: number, value: number | bigint): number => {
    if (typeof value === "number" && value === (value | 0)) {
      return module._sqlite3_bind_int64(pointer, index, value, value < 0 ? -1 : 0);
    }
    const integer = BigInt(value);
    if (integer < minInt64 || integer > maxInt64) {
      throw new LedgerError("LEDGER_PARAMS_INVALID", `parameter ${index} does not fit into a 64-bit integer`);
    }
    return module._sqlite3_bind_int64(pointer, index, Number(BigInt.asIntN(32, integer)), Number(integer >> 32n));
  };
  const bind = (index: number, storageClass: StorageClass, value: SqlValue): number => {
    switch (storageClass) {
      case StorageClass.integer:
        return bindInteger(index, value as number | bigint);
      case StorageClass.real:
        return module._sqlite3_bind_double(pointer, index, Number(value));
      case StorageClass.text: {
        const text = copyTextIn(module, value as string);
        return module._sqlite3_bind_text(pointer, index, text.pointer, text.length, sqliteFree);
      }
      case StorageClass.blob: {
        const blob = copyBytesIn(module, value as Uint8Array);
        return module._sqlite3_bind_blob(pointer, index, blob.pointer, blob.length, sqliteFree);
      }
      case StorageClass.null:
        return module._sqlite3_bind_null(pointer, index);
    }
  };

  const columnInteger = (index: number): number | bigint => {
    const low = module._sqlite3_column_int64(pointer, index);
    const high = module.getTempRet0();
    // Exactly the range of Number.isSafeInteger: -2^53 itself is left to bigint.
    const isSafe = high <= maxSafeHigh && (high > -maxSafeHigh - 1 || (high === -maxSafeHigh - 1 && low !== 0));
    if (isSafe) return high * twoTo32 + (low >>> 0);
    return (BigInt(high) << 32n) | BigInt(low >>> 0);
  };
  const columnClass = (index: number): StorageClass => module._sqlite3_column_type(pointer, index) as StorageClass;
  const column = (index: number): SqlValue => {
    switch (columnClass(index)) {
      case StorageClass.integer:
        return columnInteger(index);
      case StorageClass.real:
        return module._sqlite3_column_double(pointer, index);
      case StorageClass.text: {
        const text = module._sqlite3_column_text(pointer, index);
        return textAt(module, text, module._sqlite3_column_bytes(pointer, index));
      }
      case StorageClass.blob: {
        const blob = module._sqlite3_column_blob(pointer, index);
        return bytesAt(module, blob, module._sqlite3_column_bytes(pointer, index));
      }
      case StorageClass.null:
        return null;
    }
  };

  /** SQLite keeps a failed statement open until it is reset; the error is read first, for the reset may change it. */
  const failStep = (resultCode: number): MaybePromise<never> => {
    const error = owner.failure(resultCode);
    owner.setPending(statement, false);
    const done = engine.reset(pointer);
    if (!(done instanceof Promise)) throw error;
    return done.then(
      () => {
        throw error;
      },
      (cause: unknown) => {
        throw owner.crash(cause);
      },
    );
  };
  const stepped = (resultCode: number): MaybePromise<boolean> => {
    if (resultCode === ResultCode.row) {
      owner.setPending(statement, true);
      return true;
    }
    if (resultCode !== ResultCode.done) return failStep(resultCode);
    owner.setPending(statement, false);
    return false;
  };
  const guarded = (call: (target: Pointer) => MaybePromise<number>): MaybePromise<number> => {
    owner.assertUsable();
    try {
      const result = call(pointer);
      if (!(result instanceof Promise)) return result;
      return result.catch((cause: unknown) => {
        throw owner.crash(cause);
      });
    } catch (cause) {
      throw owner.crash(cause);
    }
  };
  /** What reset and finalize answer is the error of the step before, which has been reported. */
  const settle = (result: MaybePromise<number>): MaybePromise<void> => {
    owner.setPending(statement, false);
    return result instanceof Promise ? result.then(() => {}) : undefined;
  };

  const statement: SqliteStatement = {
    pointer,
    columnCount,
    parameterCount: module._sqlite3_bind_parameter_count(pointer),
    columnNames: () =>
      (names ??= Array.from({ length: columnCount }, (_, index) =>
        module.UTF8ToString(module._sqlite3_column_name(pointer, index)),
      )),
    parameterName: (index) => {
      const name = module._sqlite3_bind_parameter_name(pointer, index);
      return name === 0 ? undefined : module.UTF8ToString(name);
    },
    bind: (index, storageClass, value) => {
      owner.assertUsable();
      checkBound(bind(index, storageClass, value));
    },
    step: () => {
      const result = guarded(engine.step);
      return result instanceof Promise ? result.then(stepped) : stepped(result);
    },
    column,
    columnClass,
    row: () => {
      const row: SqlValue[] = [];
      for (let index = 0; index < columnCount; index += 1) row.push(column(index));
      return row;
    },
    reset: () => settle(guarded(engine.reset)),
    clearBindings: () => {
      owner.assertUsable();
      module._sqlite3_clear_bindings(pointer);
    },
    finalize: () => settle(guarded(engine.finalize)),
  };
  return statement;
};
