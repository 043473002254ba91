/** The page's side of the limits: a database in a worker, one message there and one back per call. */

import type { Row } from "../row.ts";
import type { System } from "../system.ts";

export type LimitCall =
  | { readonly type: "open"; readonly name: string }
  | { readonly type: "insert"; readonly row: Row }
  | { readonly type: "insert-all"; readonly rows: readonly Row[] }
  | { readonly type: "count" }
  | { readonly type: "latest" };

export const createWorkerSystem = (worker: Worker): System => {
  let nextId = 0;
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  worker.addEventListener("message", ({ data }: MessageEvent<{ id: number; value?: unknown; error?: string }>) => {
    const { resolve, reject } = waiting.get(data.id) ?? {};
    waiting.delete(data.id);
    if (data.error === undefined) resolve?.(data.value as never);
    else reject?.(new Error(data.error));
  });
  const call = <T>(message: LimitCall): Promise<T> =>
    new Promise((resolve, reject) => {
      nextId += 1;
      waiting.set(nextId, { resolve, reject });
      worker.postMessage({ id: nextId, message });
    });

  return {
    open: ({ name }) => call({ type: "open", name }),
    insert: (row) => call({ type: "insert", row }),
    insertAll: (rows) => call({ type: "insert-all", rows }),
    count: () => call({ type: "count" }),
    latest: () => call({ type: "latest" }),
  };
};
