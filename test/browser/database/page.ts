/** Starts workers over the real storages and answers the test that drives the page. */

import type { WorkerAnswer, WorkerTask } from "./worker.ts";

declare global {
  interface Window {
    /** Performs one task in a worker of its own, which ends with it unless `keep` is set. */
    perform: (task: WorkerTask, keep?: boolean) => Promise<unknown>;
    /** Lets a worker write and ends it without warning after `rows` acknowledgements; the last row acknowledged. */
    writeAndKill: (task: WorkerTask, rows: number) => Promise<number>;
  }
}

const startWorker = (): Worker => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

window.perform = (task, keep = false) =>
  new Promise((resolve, reject) => {
    const worker = startWorker();
    worker.onerror = (event) => reject(new Error(event.message || "the worker could not be loaded"));
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      if (!keep) worker.terminate();
      if (data.type === "done") resolve(data.answer);
      else reject(new Error(data.type === "failed" ? data.message : data.type));
    };
    worker.postMessage(task);
  });

window.writeAndKill = (task, rows) =>
  new Promise((resolve, reject) => {
    const worker = startWorker();
    let acknowledged = 0;
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      if (data.type !== "acknowledged") return reject(new Error(data.type === "failed" ? data.message : data.type));
      acknowledged += 1;
      if (acknowledged < rows) return;
      worker.terminate();
      resolve(data.row);
    };
    worker.postMessage(task);
  });
