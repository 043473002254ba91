/** A live query in a component. */

import { useMemo, useSyncExternalStore } from "react";
import type { Ledger, LedgerError, LiveKey, LiveQuery, LiveStatus, Row, SqlParams, SqlStatement } from "../index.ts";
import { paramsToText } from "../live/values-to-text.ts";
import { useLedger } from "./provider.ts";

export interface UseLiveQueryOptions<R> {
  /** Columns that tell the rows apart: rows that are as before stay the same objects, so that memoized items stay. */
  readonly key?: LiveKey<R>;
}

export interface LiveResult<R> {
  /** Empty until the first answer. The same array until something in it changed. */
  readonly rows: readonly R[];
  readonly status: LiveStatus;
  /** With status `error`: why. */
  readonly error: LedgerError | undefined;
}

/**
 * The rows of a statement, kept current while the component is mounted. Components that ask for the same share one run.
 * Statement, params and key may be made anew in every render: they are compared by what they say.
 */
export function useLiveQuery<R = Row>(statement: SqlStatement<R>, options?: UseLiveQueryOptions<R>): LiveResult<R>;
export function useLiveQuery<R = Row>(sql: string, params?: SqlParams, options?: UseLiveQueryOptions<R>): LiveResult<R>;
export function useLiveQuery<R>(
  query: string | SqlStatement<R>,
  second?: SqlParams | UseLiveQueryOptions<R>,
  third?: UseLiveQueryOptions<R>,
): LiveResult<R> {
  const ledger = useLedger();
  const isText = typeof query === "string";
  const sql = isText ? query : query.sql;
  const params = isText ? (second as SqlParams | undefined) : query.params;
  const key = (isText ? third : (second as UseLiveQueryOptions<R> | undefined))?.key;
  const store = useMemo(
    () => createLiveStore<R>(ledger, sql, params, key),
    [ledger, sql, paramsToText(params), paramsToText([key].flat())],
  );
  return useSyncExternalStore(store.subscribe, store.get, () => onServer);
}

interface LiveStore<R> {
  subscribe(changed: () => void): () => void;
  get(): LiveResult<R>;
}

const onServer: LiveResult<never> = { rows: [], status: "loading", error: undefined };

const createLiveStore = <R>(
  ledger: Ledger,
  sql: string,
  params: SqlParams | undefined,
  key: LiveKey<R> | undefined,
): LiveStore<R> => {
  // Nothing runs before somebody subscribes: React may throw away what it renders.
  const options = { lazy: true, ...(key !== undefined && { key }) };
  const live: LiveQuery<R, never> = ledger.live<R>(sql, params, options);
  let seen: LiveResult<R> = onServer;
  return {
    subscribe: (changed) => live.subscribe({ next: changed, error: changed, complete: changed }),
    get: () => {
      const { rows, status, error } = live;
      if (seen.rows !== rows || seen.status !== status || seen.error !== error) seen = { rows, status, error };
      return seen;
    },
  };
};
