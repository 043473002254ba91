/** The page's side: a Replica that lives in a worker. */

import { createDisposer } from "./common/disposer.ts";
import { createEmitter } from "./common/emitter.ts";
import { errorFromWire, LedgerError } from "./common/errors.ts";
import type { LinkId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";
import type { Replica, ReplicaEvents, ReplicaIdentity, ReplicaOptions } from "./replica.ts";
import type {
  MessageEndpoint,
  PageMessage,
  ReplicaRequest,
  RequestAnswers,
  WorkerMessage,
} from "./replica-protocol.ts";
import type { Link } from "./transport/link.ts";

/** A worker that can be ended. */
export interface WorkerEndpoint extends MessageEndpoint<PageMessage, WorkerMessage> {
  /** The worker could not be loaded, or died of an uncaught error. One listener only. */
  onFailure(listener: (message: string) => void): void;
  terminate(): void;
}

interface Attached {
  readonly link: Link;
  /** Releases of frames given to the worker, oldest first. */
  readonly unconsumed: (() => void)[];
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** @throws LedgerError as openReplica does, and LEDGER_ENGINE_UNAVAILABLE when the worker cannot be started */
export const openReplicaInWorker = async (
  worker: WorkerEndpoint,
  options: ReplicaOptions,
  logger: Logger | undefined,
): Promise<Replica> => {
  const waiting = new Map<number, Waiting>();
  const links = new Map<LinkId, Attached>();
  const emitter = createEmitter<ReplicaEvents>((error) => logger?.error("a listener threw", { error: String(error) }));
  let nextId = 1;
  let version = 0;
  let progress: Replica["progress"] = [];
  let failure: LedgerError | undefined;
  let closing: Promise<void> | undefined;
  let identity: ReplicaIdentity;

  const request = <R extends ReplicaRequest>(body: R): Promise<RequestAnswers[R["type"]]> => {
    if (failure !== undefined) return Promise.reject(failure);
    const id = nextId;
    nextId += 1;
    return new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.post({ type: "request", id, request: body });
    }) as Promise<RequestAnswers[R["type"]]>;
  };

  /** The worker answers nothing any more. */
  const fail = (error: LedgerError): void => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    for (const { link } of [...links.values()]) link.close("FAILED");
  };

  const settle = (id: number, newVersion: number, how: (entry: Waiting) => void): void => {
    version = newVersion;
    const entry = waiting.get(id);
    waiting.delete(id);
    if (entry !== undefined) how(entry);
  };

  worker.onMessage((message) => {
    switch (message.type) {
      case "answer":
        return settle(message.id, message.version, (entry) => entry.resolve(message.value));
      case "refusal":
        return settle(message.id, message.version, (entry) => entry.reject(errorFromWire(message.error)));
      case "commit":
        version = message.commit.version;
        return emitter.emit("commit", message.commit);
      case "conflict":
        return emitter.emit("conflict", message.conflict);
      case "rows":
        return emitter.emit("rows", message.changes);
      case "reset":
        return emitter.emit("reset");
      case "sync":
        return emitter.emit("sync", message.count, message.peer);
      case "schema-ahead":
      case "diverged":
        return emitter.emit(message.type, message.peer);
      case "progress":
        progress = message.progress;
        return emitter.emit("progress", progress);
      case "error":
        return emitter.emit("error", errorFromWire(message.error));
      case "identity":
        ({ identity } = message);
        return emitter.emit("identity", identity);
      case "log":
        return logger?.[message.level](message.message, message.fields);
      case "link-send":
        return void links.get(message.link)?.link.send(message.frame);
      case "link-consumed":
        return links.get(message.link)?.unconsumed.shift()?.();
      case "link-close":
        return links.get(message.link)?.link.close(message.reason);
    }
  });

  worker.onFailure((text) => {
    const error = new LedgerError("LEDGER_ENGINE_UNAVAILABLE", `the database worker failed: ${text}`);
    fail(error);
    if (closing === undefined) emitter.emit("error", error);
  });

  identity = await request({ type: "open", options, logs: logger !== undefined }).catch((error: unknown) => {
    worker.terminate();
    throw error;
  });

  return {
    get siteId() {
      return identity.siteId;
    },
    get epoch() {
      return identity.epoch;
    },
    storage: identity.storage,
    get version() {
      return version;
    },
    get progress() {
      return progress;
    },
    call: <C extends ReplicaCall>(call: C) => request({ type: "call", call }) as Promise<AnswerTo<C>>,
    callAtOnce: () => undefined,
    expect: (peer) => worker.post({ type: "peer-expected", peer }),
    attach: (link) => {
      if (failure !== undefined) return link.close("FAILED");
      const attached: Attached = { link, unconsumed: [] };
      links.set(link.id, attached);
      const disposer = createDisposer((error) => logger?.error("release failed", { error: String(error) }));
      worker.post({ type: "link-opened", link: link.id, peer: link.peer, route: link.route });
      disposer.defer(
        link.on("frame", (frame, consumed) => {
          attached.unconsumed.push(consumed);
          worker.post({ type: "link-frame", link: link.id, frame }, [frame.buffer]);
        }),
      );
      disposer.defer(link.on("taken", (bytes) => worker.post({ type: "link-taken", link: link.id, bytes })));
      disposer.defer(
        link.on("close", (reason) => {
          links.delete(link.id);
          void disposer.dispose();
          worker.post({ type: "link-closed", link: link.id, reason });
        }),
      );
    },
    renewIdentity: () => request({ type: "renew-identity" }).catch(() => undefined), // Told as an error when it failed.
    on: emitter.on,
    close: () => {
      closing ??= request({ type: "close" })
        .catch(() => undefined) // The worker is gone already, which is what was asked for.
        .then(() => {
          worker.terminate();
          fail(new LedgerError("LEDGER_CLOSED", "the database was closed; open a new one"));
        });
      return closing;
    },
  };
};
