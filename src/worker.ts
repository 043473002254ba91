/**
 * Entry of the package's worker: a replica for the page that started it; as a SharedWorker, the broker between tabs. One file
 * is both, so that an app which has placed it by hand need not know of a second one.
 */

import type { MessageEndpoint, PageMessage, WorkerMessage } from "./replica-protocol.ts";
import { serveReplica } from "./replica-server.ts";
import { createPortBroker } from "./tabs/port-broker.ts";

/** The parts of the two global scopes that are used; their own types clash with the page's. */
interface DedicatedScope {
  postMessage(message: WorkerMessage, transfer?: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: PageMessage }) => void) | null;
}
interface SharedScope {
  onconnect: ((event: MessageEvent<unknown>) => void) | null;
}

const scope = globalThis as unknown as DedicatedScope | SharedScope;

if ("onconnect" in scope) {
  const serveTab = createPortBroker();
  scope.onconnect = ({ ports: [connection] }) => {
    if (connection !== undefined) serveTab(connection);
  };
} else {
  const page: MessageEndpoint<WorkerMessage, PageMessage> = {
    post: (message, transfer) => scope.postMessage(message, transfer),
    onMessage: (listener) => {
      scope.onmessage = (event) => listener(event.data);
    },
  };
  serveReplica(page);
}
