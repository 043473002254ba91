/** Starts the package's worker. The one place that knows where its file is. */

import type { PageMessage, WorkerMessage } from "./replica-protocol.ts";
import type { WorkerEndpoint } from "./replica-client.ts";

/** @param workerUrl - for bundlers that do not understand the expression below */
export const startReplicaWorker = (workerUrl: string | URL | undefined): WorkerEndpoint => {
  // Bundlers look for exactly this expression; the build puts `./worker.js` in its place.
  const worker =
    workerUrl === undefined
      ? new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
      : new Worker(workerUrl, { type: "module" });

  return {
    post: (message: PageMessage, transfer: readonly ArrayBuffer[] = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => {
      worker.onmessage = (event: MessageEvent<WorkerMessage>) => listener(event.data);
    },
    onFailure: (listener) => {
      worker.onerror = (event) => {
        event.preventDefault();
        listener(event.message || "it could not be loaded; see the option workerUrl");
      };
    },
    terminate: () => worker.terminate(),
  };
};
