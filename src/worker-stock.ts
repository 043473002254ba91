/**
 * The workers of one Ledger: at most one is started before it is needed, in a tab that may have to lead at any moment.
 * It knows nothing of the database until it is taken.
 */

import type { WorkerEndpoint } from "./replica-client.ts";

export interface WorkerStock {
  /** Starts a worker and lets it load its engine, unless one is ready; it ends when `signal` is aborted and it was not taken. */
  warmUp(signal: AbortSignal): void;
  /** The worker that is ready, or a new one. */
  take(): WorkerEndpoint;
}

export const createWorkerStock = (start: () => WorkerEndpoint, wasmUrl: string | undefined): WorkerStock => {
  let ready: WorkerEndpoint | undefined;

  const warmUp: WorkerStock["warmUp"] = (signal) => {
    if (ready !== undefined || signal.aborted) return;
    const worker = start();
    ready = worker;
    const drop = (): void => {
      if (ready !== worker) return;
      ready = undefined;
      worker.terminate();
    };
    // Whoever needs a worker then starts another, and hears what is wrong.
    worker.onFailure(drop);
    signal.addEventListener("abort", drop);
    worker.post({ type: "warm-up", ...(wasmUrl === undefined ? {} : { wasmUrl }) });
  };

  return {
    warmUp,
    take: () => {
      const worker = ready ?? start();
      ready = undefined;
      return worker;
    },
  };
};
