/** Starts the package's worker. The one place that knows where its file is. */

import type { Logger } from "./common/logger.ts";
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
    post: (message: PageMessage, transfer: readonly ArrayBuffer[] = []) =>
      transfer.length === 0 ? worker.postMessage(message) : worker.postMessage(message, [...transfer]),
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

/**
 * A connection to the broker that all tabs of the origin share, started by whoever asks first. The number in its name must
 * be raised when port-broker.ts changes what it says: tabs of another version may have started it from the same URL.
 * @returns undefined where there is none; one that cannot be loaded does not answer
 */
export const connectPortBroker = (workerUrl: string | URL | undefined, logger: Logger): MessagePort | undefined => {
  if (typeof SharedWorker === "undefined") return undefined;
  try {
    const worker =
      workerUrl === undefined
        ? new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "ledger-broker-1" })
        : new SharedWorker(workerUrl, { type: "module", name: "ledger-broker-1" });
    worker.onerror = () => logger.debug("the broker between the tabs could not be loaded");
    return worker.port;
  } catch (error) {
    // A policy of the page's forbids it, or of the browser's: tabs work without.
    logger.debug("the broker between the tabs could not be started", { error: String(error) });
    return undefined;
  }
};
