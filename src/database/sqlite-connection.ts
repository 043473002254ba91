/**
 * A connection over one instance of the engine. It knows statements, not transactions: those are the Database's.
 * Once the engine has crashed everything here is refused; the host makes a new connection.
 */

import { LedgerError } from "../common/errors.ts";
import type { Connection, MaybePromise } from "./connection.ts";
import { copyTextIn, textAt } from "./engine-memory.ts";
import type { Authorizer, Engine, Pointer } from "./engine-module.ts";
import { createImages } from "./images.ts";
import { engineCrash, isIoError, sqliteError } from "./sqlite-errors.ts";
import { OpenFlag, ResultCode } from "./sqlite-codes.ts";
import { openingPragmas } from "./opening-pragmas.ts";
import { createScratchDirectory, type ScratchDirectory } from "./scratch-directory.ts";
import { storageClassOf } from "./storage-class.ts";
import { createStatement, type SqliteStatement, type StatementOwner } from "./sqlite-statement.ts";
import { createStatementCache } from "./statement-cache.ts";
import type { SqlValue } from "./value.ts";
import { createSyncVfs } from "./vfs.ts";

/** Asked at prepare time, with SQLite's action code and names. @returns whether the action may be compiled */
export type Guard = (action: number, first: string | null, second: string | null, trigger: string | null) => boolean;

/** The statements of one text, in order; each must be run before the next is asked for. */
export interface Script {
  /** The next statement, or undefined at the end. The caller finalizes it. */
  next(guard?: Guard): Promise<SqliteStatement | undefined>;
  /** Text of the statement that `next` answered last. */
  lastSql(): string;
  /** Text behind that statement. */
  restSql(): string;
  close(): void;
}

export interface SqliteConnection extends Connection {
  /** Whether no statement answers a promise. */
  readonly isSynchronous: boolean;
  prepare(sql: string): MaybePromise<SqliteStatement>;
  openScript(sql: string): Script;
  /** Whether all() of it would have nothing to wait for: a cached statement of a synchronous engine. */
  isReady(sql: string): boolean;
  /** As all(), of what is ready. @throws LedgerError LEDGER_INTERNAL for anything else */
  allAtOnce(sql: string): SqlValue[][];
  /** Resets what the work before left pending, so that it holds no lock. */
  resetPending(): Promise<void>;
  readonly isInTransaction: boolean;
  /** Files in memory that this connection can attach by {@link scratchUri}. The same ones at every call. */
  scratch(): ScratchDirectory;
  scratchUri(path: string): string;
  /** The crash that ended this connection, if one did. */
  readonly crash: LedgerError | undefined;
  close(): Promise<void>;
}

export interface OpenSqliteOptions {
  readonly engine: Engine;
  readonly fileName: string;
  /** Name of a registered VFS. */
  readonly vfs?: string;
  /** Says what a failure of storage means there, in place of SQLite's "disk I/O error". */
  readonly describeIoError?: (cause: LedgerError) => LedgerError;
  /** Whether a failure of storage is the connection's end, so that the next work gets a new one. Default false. */
  readonly endsOnIoError?: boolean;
}

const cachedStatements = 128;
const scratchVfs = "ledger-scratch";
/** Statement and tail pointers of sqlite3_prepare, four bytes each. */
const outBytes = 8;

/** @throws LedgerError when the file cannot be opened or is not a database */
export const openSqlite = async ({
  engine,
  fileName,
  vfs,
  describeIoError = (cause) => cause,
  endsOnIoError = false,
}: OpenSqliteOptions): Promise<SqliteConnection> => {
  const { module } = engine;
  const cache = createStatementCache<SqliteStatement>(cachedStatements);
  const pending = new Set<SqliteStatement>();
  let database: Pointer = 0;
  let crash: LedgerError | undefined;
  let isClosed = false;
  let guard: Guard | undefined;
  let scratch: ScratchDirectory | undefined;

  const owner: StatementOwner = {
    engine,
    assertUsable: () => {
      if (crash !== undefined) throw engineCrash(crash.cause);
      if (isClosed) throw new LedgerError("LEDGER_CLOSED", "the connection was closed");
    },
    failure: (resultCode) => {
      const error = sqliteError(resultCode, module.UTF8ToString(module._sqlite3_errmsg(database)));
      if (!isIoError(resultCode)) return error;
      const described = describeIoError(error);
      if (endsOnIoError) crash ??= described;
      return described;
    },
    crash: (cause) => {
      crash ??= cause instanceof LedgerError ? cause : engineCrash(cause);
      return crash;
    },
    setPending: (statement, isPending) => {
      if (isPending) pending.add(statement);
      else pending.delete(statement);
    },
  };
  const entering = async <T>(work: () => MaybePromise<T>): Promise<T> => {
    owner.assertUsable();
    try {
      return await work();
    } catch (cause) {
      throw owner.crash(cause);
    }
  };

  const openScript = (sql: string): Script => {
    owner.assertUsable();
    const text = copyTextIn(module, sql);
    const out = module._sqlite3_malloc(outBytes);
    const end = text.pointer + text.length;
    let at = text.pointer;
    let last = text.pointer;
    return {
      next: async (statementGuard) => {
        while (at < end) {
          guard = statementGuard;
          last = at;
          let resultCode: number;
          try {
            resultCode = await entering(() => engine.prepare(database, at, end - at, out, out + 4));
          } finally {
            guard = undefined;
          }
          if (resultCode !== ResultCode.ok) throw owner.failure(resultCode);
          const pointer = module.HEAPU32[out >> 2] as number;
          at = module.HEAPU32[(out + 4) >> 2] as number;
          // Nothing but blanks and comments up to here compiles to no statement.
          if (pointer !== 0) return createStatement(owner, pointer);
        }
        return undefined;
      },
      lastSql: () => textAt(module, last, at - last),
      restSql: () => textAt(module, at, end - at),
      close: () => {
        if (crash !== undefined) return;
        module._sqlite3_free(text.pointer);
        module._sqlite3_free(out);
      },
    };
  };

  const compile = async (sql: string): Promise<SqliteStatement> => {
    const script = openScript(sql);
    try {
      const statement = await script.next();
      if (statement === undefined) throw new LedgerError("LEDGER_SQL_ERROR", "there is no statement in the text");
      await cache.set(sql, statement)?.finalize();
      return statement;
    } finally {
      script.close();
    }
  };
  const ready = (statement: SqliteStatement): MaybePromise<SqliteStatement> => {
    const reset = statement.reset();
    if (reset instanceof Promise) {
      return reset.then(() => {
        statement.clearBindings();
        return statement;
      });
    }
    statement.clearBindings();
    return statement;
  };
  const prepare = (sql: string): MaybePromise<SqliteStatement> => {
    owner.assertUsable();
    const cached = cache.get(sql);
    return cached === undefined ? compile(sql) : ready(cached);
  };

  const all = async (sql: string, params: readonly SqlValue[] = []): Promise<SqlValue[][]> => {
    const prepared = prepare(sql);
    const statement = prepared instanceof Promise ? await prepared : prepared;
    params.forEach((value, index) => statement.bind(index + 1, storageClassOf(value), value));
    const rows: SqlValue[][] = [];
    for (;;) {
      const step = statement.step();
      if (!(step instanceof Promise ? await step : step)) break;
      rows.push(statement.row());
    }
    await statement.reset();
    if (params.length > 0) statement.clearBindings();
    return rows;
  };
  const isReady = (sql: string): boolean => engine.isSynchronous && cache.get(sql) !== undefined;
  const allAtOnce = (sql: string): SqlValue[][] => {
    const statement = cache.get(sql);
    if (statement === undefined || !engine.isSynchronous) throw new LedgerError("LEDGER_INTERNAL", `not ready: ${sql}`);
    const rows: SqlValue[][] = [];
    while (statement.step() === true) rows.push(statement.row());
    void statement.reset(); // No promise.
    return rows;
  };
  const run = async (sql: string): Promise<void> => {
    const script = openScript(sql);
    try {
      for (let statement = await script.next(); statement !== undefined; statement = await script.next()) {
        try {
          while (await statement.step());
        } finally {
          if (crash === undefined) await statement.finalize();
        }
      }
    } finally {
      script.close();
    }
  };

  const resetPending = async (): Promise<void> => {
    for (const statement of pending) await statement.reset();
  };
  const close = async (): Promise<void> => {
    if (isClosed || crash !== undefined) return;
    // Without it cr-sqlite's own statements keep the connection from closing. Must be the last call of the extension.
    await all("select crsql_finalize()");
    for (const statement of cache.takeAll()) await statement.finalize();
    const resultCode = await entering(() => engine.close(database));
    isClosed = true;
    if (resultCode !== ResultCode.ok) throw sqliteError(resultCode, "the database could not be closed");
  };

  const open = async (): Promise<void> => {
    const name = copyTextIn(module, fileName);
    const vfsName = vfs === undefined ? undefined : copyTextIn(module, vfs);
    const out = module._sqlite3_malloc(outBytes);
    // A file's own name never begins with "file:", so that only attached images are given by URI.
    const flags = OpenFlag.readWrite | OpenFlag.create | OpenFlag.uri;
    const resultCode = await entering(() => engine.open(name.pointer, out, flags, vfsName?.pointer ?? 0));
    database = module.HEAPU32[out >> 2] as number;
    for (const pointer of [name.pointer, vfsName?.pointer ?? 0, out]) module._sqlite3_free(pointer);
    if (resultCode !== ResultCode.ok) {
      const error = owner.failure(resultCode);
      await engine.close(database);
      throw error;
    }
    module._RegisterExtensionFunctions(database);
    const authorize: Authorizer = (_userData, action, first, second, _database, trigger) =>
      guard === undefined || guard(action, first, second, trigger) ? 0 : 1;
    // Once and for all: setting it again would make SQLite compile every statement again.
    module.setAuthorizer(database, authorize, undefined);
    for (const pragma of openingPragmas) await all(pragma);
  };

  await open();
  return {
    isSynchronous: engine.isSynchronous,
    images: createImages(module, run),
    prepare,
    openScript,
    all,
    isReady,
    allAtOnce,
    run,
    resetPending,
    changes: () => module._sqlite3_changes(database),
    get isInTransaction() {
      return module._sqlite3_get_autocommit(database) === 0;
    },
    scratch: () => {
      if (scratch !== undefined) return scratch;
      scratch = createScratchDirectory();
      module.registerVFS(createSyncVfs({ name: scratchVfs, directory: scratch }), false);
      return scratch;
    },
    scratchUri: (path) => `file:${path}?vfs=${scratchVfs}`,
    get crash() {
      return crash;
    },
    close,
  };
};
