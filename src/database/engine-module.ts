/**
 * The part of wa-sqlite's emscripten module that Ledger calls, and its C functions behind one face for both builds.
 * Pointers are plain numbers. Nothing here knows about statements or errors.
 */

import type { MaybePromise } from "./connection.ts";
import type { Vfs } from "./vfs.ts";

export type Pointer = number;

/** @returns 0 to allow, 1 to deny. Names of things as in https://www.sqlite.org/c3ref/c_alter_table.html */
export type Authorizer = (
  userData: unknown,
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
  trigger: string | null,
) => number;

export interface EngineModule {
  /** Replaced whenever the memory grows: never keep it. */
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  ccall(
    name: string,
    returns: "number" | "string" | "void",
    types: readonly string[],
    args: readonly unknown[],
    options?: { readonly async: boolean },
  ): unknown;
  getTempRet0(): number;
  UTF8ToString(pointer: Pointer): string;
  registerVFS(vfs: Vfs, makeDefault: boolean): number;
  setAuthorizer(database: Pointer, authorizer: Authorizer | null, userData: unknown): number;
  _getSqliteFree(): Pointer;
  _malloc(bytes: number): Pointer;
  _sqlite3_malloc(bytes: number): Pointer;
  _sqlite3_free(pointer: Pointer): void;
  _sqlite3_open_v2(name: Pointer, database: Pointer, flags: number, vfs: Pointer): number;
  _RegisterExtensionFunctions(database: Pointer): void;
  _sqlite3_close(database: Pointer): number;
  _sqlite3_prepare_v2(database: Pointer, sql: Pointer, bytes: number, statement: Pointer, tail: Pointer): number;
  _sqlite3_step(statement: Pointer): number;
  _sqlite3_reset(statement: Pointer): number;
  _sqlite3_finalize(statement: Pointer): number;
  _sqlite3_clear_bindings(statement: Pointer): number;
  _sqlite3_bind_blob(statement: Pointer, index: number, bytes: Pointer, length: number, free: Pointer): number;
  _sqlite3_bind_text(statement: Pointer, index: number, bytes: Pointer, length: number, free: Pointer): number;
  _sqlite3_bind_int64(statement: Pointer, index: number, low: number, high: number): number;
  _sqlite3_bind_double(statement: Pointer, index: number, value: number): number;
  _sqlite3_bind_null(statement: Pointer, index: number): number;
  _sqlite3_bind_parameter_count(statement: Pointer): number;
  _sqlite3_bind_parameter_name(statement: Pointer, index: number): Pointer;
  _sqlite3_column_count(statement: Pointer): number;
  _sqlite3_column_name(statement: Pointer, index: number): Pointer;
  _sqlite3_column_type(statement: Pointer, index: number): number;
  _sqlite3_column_int64(statement: Pointer, index: number): number;
  _sqlite3_column_double(statement: Pointer, index: number): number;
  _sqlite3_column_text(statement: Pointer, index: number): Pointer;
  _sqlite3_column_blob(statement: Pointer, index: number): Pointer;
  _sqlite3_column_bytes(statement: Pointer, index: number): number;
  _sqlite3_errmsg(database: Pointer): Pointer;
  _sqlite3_changes(database: Pointer): number;
  _sqlite3_get_autocommit(database: Pointer): number;
}

export interface EngineModuleOptions {
  readonly locateFile?: (name: string) => string;
  readonly instantiateWasm?: (
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance) => void,
  ) => object;
  readonly print?: (text: string) => void;
  readonly printErr?: (text: string) => void;
}

/** An instance of the engine. In the asynchronous build the calls below suspend while storage works. */
export interface Engine {
  readonly module: EngineModule;
  /** Whether no call of it answers a promise. */
  readonly isSynchronous: boolean;
  open(name: Pointer, database: Pointer, flags: number, vfs: Pointer): MaybePromise<number>;
  close(database: Pointer): MaybePromise<number>;
  prepare(database: Pointer, sql: Pointer, bytes: number, statement: Pointer, tail: Pointer): MaybePromise<number>;
  step(statement: Pointer): MaybePromise<number>;
  reset(statement: Pointer): MaybePromise<number>;
  finalize(statement: Pointer): MaybePromise<number>;
}

/** The synchronous build: plain calls, no promises. */
export const createSyncEngine = (module: EngineModule): Engine => ({
  module,
  isSynchronous: true,
  open: module._sqlite3_open_v2,
  close: module._sqlite3_close,
  prepare: module._sqlite3_prepare_v2,
  // The module's functions set themselves to the engine's own when they are first called.
  step: (statement) => module._sqlite3_step(statement),
  reset: (statement) => module._sqlite3_reset(statement),
  finalize: module._sqlite3_finalize,
});

/** The Asyncify build: its calls must not overlap, which the Database's queue sees to. */
export const createAsyncEngine = (module: EngineModule): Engine => {
  const call =
    <Args extends readonly number[]>(name: string) =>
    (...args: Args): Promise<number> => {
      const types = args.map(() => "number");
      return module.ccall(name, "number", types, args, { async: true }) as Promise<number>;
    };
  return {
    module,
    isSynchronous: false,
    open: call("sqlite3_open_v2"),
    close: call("sqlite3_close"),
    prepare: call("sqlite3_prepare_v2"),
    step: call("sqlite3_step"),
    reset: call("sqlite3_reset"),
    finalize: call("sqlite3_finalize"),
  };
};
