/** Entry of the dedicated worker: a replica for the page that started it. */

import type { MessageEndpoint, PageMessage, WorkerMessage } from "./replica-protocol.ts";
import { serveReplica } from "./replica-server.ts";

/** The part of DedicatedWorkerGlobalScope that is used; its own types clash with the page's. */
interface WorkerScope {
  postMessage(message: WorkerMessage, transfer: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: PageMessage }) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

const page: MessageEndpoint<WorkerMessage, PageMessage> = {
  post: (message, transfer = []) => scope.postMessage(message, transfer),
  onMessage: (listener) => {
    scope.onmessage = (event) => listener(event.data);
  },
};

serveReplica(page);
