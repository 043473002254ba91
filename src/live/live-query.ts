/**
 * A live query as the app holds it: a store, an observable and an async iterable of the rows of one statement.
 * 1. Is kept current from its making (with `lazy`: from the first subscriber) until the last subscriber has left; then rests
 *    until the next one comes.
 * 2. A subscriber is told the rows as soon as they are known, at once when they are already, and then at every change.
 * 3. Nobody is told anything after they left, and nothing but `complete` once the query is closed.
 */

import { LedgerError, toLedgerError } from "../common/errors.ts";
import type { ExecRequest } from "../database/database.ts";
import { iterateLatest } from "./iterate-latest.ts";
import type { LiveRuns } from "./live-runs.ts";
import { areResultsEqual, createKeyedRows, type RowChanges } from "./rows.ts";

/** Columns that tell the rows of a result apart. */
export type LiveKey<R> = (keyof R & string) | readonly (keyof R & string)[];

export interface LiveOptions<R> {
  /** Columns that tell the rows apart. With it rows that are as before stay the same objects, and subscribers are told what changed. */
  readonly key?: LiveKey<R>;
  /** Aborting closes the query. */
  readonly signal?: AbortSignal;
  /** Told when the statement fails. Without it, and without an observer that is, the Ledger's event `error` tells. */
  readonly onError?: (error: LedgerError) => void;
  /** Default false. With true nothing runs before somebody subscribes: for bindings to frameworks. */
  readonly lazy?: boolean;
}

/**
 * `loading`: the rows of now are not known, because none have been read yet or because nobody is subscribed any more;
 * `error`: the statement fails, and is tried again when something changes; `closed`: by close(), `signal` or the Ledger.
 */
export type LiveStatus = "loading" | "ready" | "error" | "closed";

export interface LiveObserver<R, Changes = unknown> {
  readonly next?: (rows: readonly R[], changes: Changes) => void;
  readonly error?: (error: LedgerError) => void;
  readonly complete?: () => void;
}

/** To be called to leave, as a function or by its method. */
export type LiveSubscription = (() => void) & { readonly unsubscribe: () => void };

export interface LiveQuery<R, Changes = undefined> extends AsyncIterable<readonly R[]> {
  /** As of the last answer; empty before the first. A new array whenever something in it changed. */
  readonly rows: readonly R[];
  readonly status: LiveStatus;
  /** With status `error`: why. */
  readonly error: LedgerError | undefined;
  /** Calls with the rows as soon as they are known, and whenever they have changed. */
  subscribe(observer: ((rows: readonly R[], changes: Changes) => void) | LiveObserver<R, Changes>): LiveSubscription;
  /** Idempotent. */
  close(): void;
  /** Gives the rows and then the newest rows whenever they have changed; ends when the query is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<readonly R[]>;
  /** For RxJS and other libraries that look for observables by this name. */
  "@@observable"(): Pick<LiveQuery<R, Changes>, "subscribe">;
}

/** A live query that knows its rows by a key. The first time, all rows are `added`. */
export type KeyedLiveQuery<R> = LiveQuery<R, RowChanges<R>>;

export interface LiveQueryParts {
  readonly runs: LiveRuns;
  /** Told of a failure that nobody else is told of. */
  readonly onUnhandled: (error: LedgerError) => void;
  /** Told of what a subscriber threw. */
  readonly onThrown: (thrown: unknown) => void;
}

type Listener<R> = (rows: readonly R[], changes: RowChanges<R> | undefined) => void;

interface Entry<R> {
  readonly observer: LiveObserver<R, RowChanges<R> | undefined>;
  isTold: boolean;
}

/** @throws LedgerError LEDGER_OPTION_INVALID */
export const createLiveQuery = <R>(
  { runs, onUnhandled, onThrown }: LiveQueryParts,
  request: ExecRequest,
  { key, signal, onError, lazy = false }: LiveOptions<R> = {},
): LiveQuery<R, RowChanges<R> | undefined> => {
  const keyed = key === undefined ? undefined : createKeyedRows<R>(keyColumns(key));
  const entries = new Set<Entry<R>>();
  let status: LiveStatus = "loading";
  let rows: readonly R[] = [];
  let error: LedgerError | undefined;
  /** Defined while the query is kept current. */
  let stop: (() => void) | undefined;

  const guarded = (tell: () => void): void => {
    try {
      tell();
    } catch (thrown) {
      onThrown(thrown);
    }
  };
  const tellAll = (tell: (entry: Entry<R>) => void): void => {
    for (const entry of [...entries]) if (entries.has(entry)) guarded(() => tell(entry)); // Keeps 3.
  };

  const tellRows = (entry: Entry<R>, changes?: RowChanges<R>): void => {
    const isFirst = !entry.isTold;
    entry.isTold = true;
    const told = keyed !== undefined && isFirst ? { added: rows, updated: [], removed: [] } : changes;
    entry.observer.next?.(rows, told);
  };

  const tellNow = (entry: Entry<R>): void => {
    if (status === "ready") tellRows(entry);
    if (error !== undefined) entry.observer.error?.(error);
  };

  const changed = (answer: readonly R[]): void => {
    let changes: RowChanges<R> | undefined;
    if (keyed === undefined) rows = areResultsEqual(rows, answer) ? rows : answer;
    else {
      try {
        ({ rows, changes } = keyed.take(answer));
      } catch (thrown) {
        return failed(toLedgerError(thrown));
      }
    }
    status = "ready";
    error = undefined;
    tellAll((entry) => tellRows(entry, changes));
  };

  const failed = (reason: LedgerError): void => {
    status = "error";
    error = reason;
    const isHandled = onError !== undefined || [...entries].some(({ observer }) => observer.error !== undefined);
    if (!isHandled) onUnhandled(reason);
    guarded(() => onError?.(reason));
    tellAll(({ observer }) => observer.error?.(reason));
  };

  const close = (): void => {
    if (status === "closed") return;
    status = "closed";
    error = undefined;
    signal?.removeEventListener("abort", close);
    stop?.();
    tellAll(({ observer }) => observer.complete?.());
    entries.clear();
  };

  /** May call back at once, also to close or to leave. */
  const attach = (): void => {
    const pending = (): void => {};
    stop = pending;
    const unwatch = runs.watch(request, {
      changed: (answer) => changed(answer as readonly R[]),
      failed,
      ended: close,
    });
    if (stop === pending && status !== "closed") stop = unwatch;
    else unwatch();
  };

  const detach = (): void => {
    stop?.();
    stop = undefined;
    if (status === "closed") return;
    status = "loading";
    error = undefined;
  };

  const subscribe = (target: Listener<R> | LiveObserver<R, RowChanges<R> | undefined>): LiveSubscription => {
    const entry: Entry<R> = { observer: typeof target === "function" ? { next: target } : target, isTold: false };
    const leave = (): void => {
      if (entries.delete(entry) && entries.size === 0) detach();
    };
    if (status === "closed") guarded(() => entry.observer.complete?.());
    else {
      entries.add(entry);
      if (stop === undefined) attach();
      else guarded(() => tellNow(entry));
    }
    return Object.assign(leave, { unsubscribe: leave });
  };

  const iterate = (): AsyncIterableIterator<readonly R[]> => {
    const iterator = iterateLatest<readonly R[]>(subscribe);
    return Object.assign(iterator, { [Symbol.asyncIterator]: () => iterator as AsyncIterableIterator<readonly R[]> });
  };

  const query: LiveQuery<R, RowChanges<R> | undefined> = {
    get rows() {
      return rows;
    },
    get status() {
      return status;
    },
    get error() {
      return error;
    },
    subscribe,
    close,
    [Symbol.asyncIterator]: iterate,
    "@@observable": () => query,
  };
  const { observable } = Symbol as { readonly observable?: symbol };
  if (observable !== undefined) Object.defineProperty(query, observable, { value: () => query });

  if (signal?.aborted) close();
  else {
    signal?.addEventListener("abort", close);
    if (lazy) seeRows();
    else attach();
  }
  return query;

  /** What others watch already is shown at once, without watching it. */
  function seeRows(): void {
    const known = runs.peek(request);
    if (known !== undefined) changed(known as readonly R[]);
  }
};

const keyColumns = (key: string | readonly string[]): readonly string[] => {
  const columns: readonly unknown[] = typeof key === "string" ? [key] : key;
  if (Array.isArray(columns) && columns.length > 0 && columns.every((column) => typeof column === "string")) {
    return columns;
  }
  throw new LedgerError(
    "LEDGER_OPTION_INVALID",
    "the key of a live query is the name of a column or a list of such names",
  );
};
