/**
 * Row changes for a loop: keeps what was told and not read. A loop that falls too far behind is told so, in place of the
 * changes that it missed.
 */

import type { Unsubscribe } from "./common/emitter.ts";
import type { RowChange } from "./database/row-change.ts";

/** Changes that wait for a loop; more than one commit tells, so that no single one is too many. */
export const keptRowChanges = 20_000;

export interface RowFeed<R> {
  readonly iterator: AsyncIterableIterator<RowChange<R>>;
  /** Drops what waits; the loop ends. */
  end(): void;
}

export interface RowFeedOptions<R> {
  /** Called at the first `next()`. Calls the listener from then on. */
  readonly begin: (listener: (change: RowChange<R>) => void) => Promise<Unsubscribe>;
  /** The loop is over, however it ended. */
  readonly onEnd: () => void;
}

interface Reader<R> {
  readonly resolve: (result: IteratorResult<RowChange<R>>) => void;
  readonly reject: (error: unknown) => void;
}

export const createRowFeed = <R>({ begin, onEnd }: RowFeedOptions<R>): RowFeed<R> => {
  let state: "new" | "begun" | "over" = "new";
  let stop: Unsubscribe | undefined;
  /** Told and not read. A list and a place in it: taking from the front of an array moves all the rest. */
  let unread: RowChange<R>[] = [];
  let at = 0;
  const readers: Reader<R>[] = [];

  const end = (): void => {
    if (state === "over") return;
    state = "over";
    [unread, at] = [[], 0];
    stop?.();
    for (const { resolve } of readers.splice(0)) resolve({ done: true, value: undefined });
    onEnd();
  };

  const take = (change: RowChange<R>): void => {
    const reader = readers.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value: change });
    unread.push(change);
    if (unread.length - at <= keptRowChanges) return;
    const { table, origin, version } = change;
    [unread, at] = [[{ type: "missed", table, origin, version, reason: "slow-reader" }], 0];
  };

  const start = async (reader: Reader<R>): Promise<void> => {
    state = "begun";
    try {
      stop = await begin((change) => (state === "over" ? undefined : take(change)));
      if (isOver()) stop();
    } catch (error) {
      if (isOver()) return;
      readers.splice(readers.indexOf(reader), 1);
      end();
      reader.reject(error);
    }
  };
  // Behind a call, for TypeScript believes what it saw before the wait.
  const isOver = (): boolean => state === "over";

  const next = (): Promise<IteratorResult<RowChange<R>>> =>
    new Promise((resolve, reject) => {
      const change = unread[at];
      if (change !== undefined) {
        at += 1;
        if (at === unread.length) [unread, at] = [[], 0];
        return resolve({ done: false, value: change });
      }
      if (state === "over") return resolve({ done: true, value: undefined });
      const reader = { resolve, reject };
      readers.push(reader);
      if (state === "new") void start(reader);
    });

  const iterator: AsyncIterableIterator<RowChange<R>> = {
    next,
    return: () => {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return { iterator, end };
};
