/**
 * Who in this tab watches the rows of which tables. Asks the replica to tell of just these, and passes on what it tells.
 * The replica that answers may be another one after a while: it is asked anew then, and whoever watches is told that rows
 * may have been missed.
 */

import type { Row } from "./api.ts";
import type { Unsubscribe } from "./common/emitter.ts";
import { createWorkQueue } from "./common/work-queue.ts";
import type { RowChange } from "./database/row-change.ts";
import type { ReplicaCall } from "./replica-call.ts";
import { createRowFeed } from "./row-feed.ts";

export interface WatchOptions<R = Row> {
  /** Only changes for which it answers true are told; `missed` always is. Default: all. */
  readonly filter?: (change: RowChange<R>) => boolean;
  /** Aborting ends the watch. */
  readonly signal?: AbortSignal;
}

export interface RowWatches {
  /** Resolves once no change of `table` is missed any more. */
  watch<R>(table: string, options: WatchOptions<R>, listener: (change: RowChange<R>) => void): Promise<Unsubscribe>;
  /** Watches from the first `next()` until the loop is left. */
  iterate<R>(table: string, options: WatchOptions<R>): AsyncIterableIterator<RowChange<R>>;
  deliver(changes: readonly RowChange[]): void;
  /** Another replica answers. */
  renew(): void;
  /** Nothing is told any more; loops end. */
  close(): void;
}

interface Watch {
  readonly table: string;
  readonly tell: (change: RowChange) => void;
}

export const createRowWatches = (options: {
  /** Unlike any other tab's. */
  readonly owner: string;
  /** Throws when whoever watches may not do so now. */
  readonly checkCaller: () => void;
  readonly call: (call: Extract<ReplicaCall, { type: "watch" }>) => Promise<unknown>;
  readonly version: () => number;
  readonly listenerThrew: (error: unknown) => void;
}): RowWatches => {
  const { owner, checkCaller, call, version, listenerThrew } = options;
  const watches = new Set<Watch>();
  const ends = new Set<() => void>();
  // The replica is told the whole set each time, so the newest must be the last to arrive.
  const queue = createWorkQueue();

  const tablesNow = (): string[] => [...new Set([...watches].map(({ table }) => table))];
  const ask = (): Promise<unknown> => call({ type: "watch", owner, tables: tablesNow() });
  /** What keeps it from being asked is told to whoever makes the next call, or by renew(). */
  const askQuietly = (): Promise<void> =>
    queue
      .run(() => ask())
      .then(
        () => {},
        () => {},
      );

  const deliver = (changes: readonly RowChange[]): void => {
    for (const change of changes) {
      for (const watch of watches) if (watch.table === change.table) watch.tell(change);
    }
  };

  const watch: RowWatches["watch"] = async (table, { filter, signal }, listener) => {
    checkCaller();
    signal?.throwIfAborted();
    const entry: Watch = {
      table,
      tell: (told) => {
        const change = told as RowChange<never>;
        try {
          if (change.type === "missed" || filter === undefined || filter(change)) listener(change);
        } catch (error) {
          listenerThrew(error);
        }
      },
    };
    await queue.run(async () => {
      // Before it is asked for, so that nothing is told in between.
      watches.add(entry);
      await ask().catch((error: unknown) => {
        watches.delete(entry);
        throw error;
      });
    });
    const stop = (): void => {
      signal?.removeEventListener("abort", stop);
      if (watches.delete(entry)) void askQuietly();
    };
    if (signal?.aborted === true) stop();
    signal?.throwIfAborted();
    signal?.addEventListener("abort", stop);
    return stop;
  };

  const iterate = <R>(table: string, { signal, ...options }: WatchOptions<R>): AsyncIterableIterator<RowChange<R>> => {
    const { iterator, end } = createRowFeed<R>({
      begin: async (listener) => {
        if (signal?.aborted === true) {
          end();
          return () => {};
        }
        signal?.addEventListener("abort", end);
        ends.add(end);
        return watch(table, options, listener);
      },
      onEnd: () => {
        ends.delete(end);
        signal?.removeEventListener("abort", end);
      },
    });
    return iterator;
  };

  return {
    watch,
    iterate,
    deliver,
    renew: () => {
      if (watches.size === 0) return;
      void askQuietly().then(() => {
        deliver(
          tablesNow().map((table) => ({
            type: "missed",
            table,
            origin: "local",
            version: version(),
            reason: "interrupted",
          })),
        );
      });
    },
    close: () => {
      watches.clear();
      for (const end of ends) end();
    },
  };
};
