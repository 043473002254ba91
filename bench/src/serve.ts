/** Makes a system drivable from the runner: `window.bench`. */

import { makeRows } from "./row.ts";
import type { BenchPage, System } from "./system.ts";

/** How often arrivals are counted at most: counting takes time from arriving. */
const countEveryMs = 25;

const now = (): number => performance.timeOrigin + performance.now();

/** Every connection that the system makes, for its statistics. */
const connections: RTCPeerConnection[] = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.push(this);
  }
};

let longestTaskMs = 0;
const noteTasks = (entries: PerformanceEntryList): void => {
  for (const { duration } of entries) longestTaskMs = Math.max(longestTaskMs, duration);
};
const taskObserver = new PerformanceObserver((list) => noteTasks(list.getEntries()));
taskObserver.observe({ type: "longtask", buffered: true });

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

/** Ids of `count` of the first `rows` rows, all over them. */
const spreadIds = (count: number, rows: number): readonly string[] =>
  makeRows(rows)
    .filter((_, index) => index % Math.floor(rows / count) === 0)
    .slice(0, count)
    .map(({ id }) => id);

export const serve = (system: System): void => {
  const listeners = new Set<() => void>();
  let change = Promise.resolve(Number.NaN);

  const until = async (isReached: () => Promise<boolean>, pauseMs = countEveryMs): Promise<number> => {
    for (;;) {
      if (await isReached()) return now();
      await new Promise<void>((resolve) => {
        // A timer beside the events: some systems tell before they have stored.
        const timer = setTimeout(done, 200);
        function done(): void {
          clearTimeout(timer);
          listeners.delete(done);
          setTimeout(resolve, pauseMs);
        }
        listeners.add(done);
      });
    }
  };

  const bench: BenchPage = {
    open: async (options) => {
      await system.open(options);
      system.onRemoteChange?.(() => {
        for (const listener of [...listeners]) listener();
      });
    },
    insertOneByOne: (count, from) => {
      const rows = makeRows(count, from);
      return timed(async () => {
        for (const row of rows) await system.insert(row);
      });
    },
    insertAll: (count, from) => {
      const rows = makeRows(count, from);
      return timed(() => system.insertAll(rows));
    },
    insertAt: async (from) => {
      const [row] = makeRows(1, from);
      if (row === undefined) throw new Error("no row");
      const startedMs = now();
      await system.insert(row);
      return startedMs;
    },
    retitle: async (count, rows, title) => system.retitle?.(spreadIds(count, rows), title),
    connect: async () => system.connect?.(),
    disconnect: async () => system.disconnect?.(),
    reached: (count) => until(async () => (await system.count()) >= count),
    reachedTitled: (count, rows, title) => {
      const ids = spreadIds(count, rows);
      return until(async () => ((await system.countTitled?.(ids, title)) ?? 0) >= count, 0);
    },
    linkedAt: () => system.linkedAt?.(),
    awaitChange: () => {
      change = new Promise((resolve) => {
        const listener = (): void => {
          listeners.delete(listener);
          resolve(now());
        };
        listeners.add(listener);
      });
    },
    changeSeen: () => change,
    coldStart: async (options) => {
      await system.open(options);
      const rows = await system.latest();
      return { ms: performance.now(), rows: rows.length };
    },
    bytesReceived: async () => {
      let bytes = 0;
      for (const connection of connections) {
        for (const entry of (await connection.getStats()).values()) {
          const { type, bytesReceived = 0 } = entry as { type: string; bytesReceived?: number };
          if (type === "data-channel") bytes += bytesReceived;
        }
      }
      return bytes;
    },
    longestTask: () => {
      noteTasks(taskObserver.takeRecords());
      const longestMs = longestTaskMs;
      longestTaskMs = 0;
      return longestMs;
    },
  };
  window.bench = bench;
};
