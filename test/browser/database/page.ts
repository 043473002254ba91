/** Starts workers over the real storages and answers the test that drives the page. */

import type { WorkerAnswer, WorkerTask } from "./worker.ts";

declare global {
  interface Window {
    /** Performs one task in a worker of its own, which ends with it unless `keep` is set; cases share one. */
    perform: (task: WorkerTask, keep?: boolean) => Promise<unknown>;
    /** Lets a worker write and ends it without warning after `rows` acknowledgements; the last row acknowledged. */
    writeAndKill: (task: WorkerTask, rows: number) => Promise<number>;
  }
}

const startWorker = (): Worker => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

/** Runs the conformance cases, one after the other; another one does after a failure, which may have left anything. */
let runner: Worker | undefined;

window.perform = (task, keep = false) =>
  new Promise((resolve, reject) => {
    const isCase = task.type === "run-case";
    const worker = (isCase ? runner : undefined) ?? startWorker();
    runner = isCase ? worker : runner;
    const fail = (message: string): void => {
      if (isCase) runner = undefined;
      worker.terminate();
      reject(new Error(message));
    };
    worker.onerror = (event) => fail(event.message || "the worker could not be loaded");
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
      if (data.type !== "done") return fail(data.type === "failed" ? data.message : data.type);
      if (!keep && !isCase) worker.terminate();
      resolve(data.answer);
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
