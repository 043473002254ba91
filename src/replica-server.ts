/** The worker's side: runs a Replica for the page at the other end of a message endpoint. */

import { createSystemClock } from "./common/system-clock.ts";
import { createEmitter } from "./common/emitter.ts";
import { errorToWire, LedgerError } from "./common/errors.ts";
import type { LinkId } from "./common/ids.ts";
import { createSilentLogger, type LogFields, type Logger } from "./common/logger.ts";
import { createSystemRandom } from "./common/random.ts";
import type { Engine } from "./database/engine-module.ts";
import { warmUpEngine } from "./database/warm-engine.ts";
import { openReplica, type Replica } from "./replica.ts";
import type {
  MessageEndpoint,
  PageMessage,
  ReplicaRequest,
  RequestAnswers,
  WorkerMessage,
} from "./replica-protocol.ts";
import { defaultLinkLimits, type Link, type LinkEvents } from "./transport/link.ts";

type Page = MessageEndpoint<WorkerMessage, PageMessage>;

/** A link that lives on the page, as the worker's replicator sees it. */
interface PageLink {
  readonly link: Link;
  receive(frame: Uint8Array<ArrayBuffer>): void;
  taken(bytes: number): void;
  closed(reason: string): void;
}

const createPageLink = (page: Page, opened: Extract<PageMessage, { type: "link-opened" }>): PageLink => {
  const { link: id, peer, route } = opened;
  let waitingBytes = 0;
  let isFull = false;
  let isClosed = false;
  const emitter = createEmitter<LinkEvents>((error) => page.post({ type: "error", error: errorToWire(error) }));

  const closed = (reason: string): void => {
    if (isClosed) return;
    isClosed = true;
    emitter.emit("close", reason);
  };

  return {
    link: {
      id,
      peer,
      route,
      get pendingBytes() {
        return waitingBytes;
      },
      roundTripMs: undefined,
      send: (frame) => {
        if (isClosed) return true;
        waitingBytes += frame.length;
        page.post({ type: "link-send", link: id, frame }, [frame.buffer]);
        isFull ||= waitingBytes >= defaultLinkLimits.windowBytes / 2;
        return !isFull;
      },
      // The page probes; it never asks the worker to.
      probe: () => Promise.resolve(!isClosed),
      on: emitter.on,
      close: (reason) => {
        if (isClosed) return;
        page.post({ type: "link-close", link: id, reason });
        closed(reason);
      },
    },
    receive: (frame) => emitter.emit("frame", frame, () => page.post({ type: "link-consumed", link: id })),
    taken: (bytes) => {
      waitingBytes -= bytes;
      if (!isFull || waitingBytes > 0) return;
      isFull = false;
      emitter.emit("writable");
    },
    closed,
  };
};

const createPageLogger = (page: Page): Logger => {
  const log =
    (level: Extract<WorkerMessage, { type: "log" }>["level"]) =>
    (message: string, fields?: LogFields): void =>
      page.post({ type: "log", level, message, ...(fields === undefined ? {} : { fields }) });
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
};

/** Serves `page` until it asks to close. One page, one replica. */
export const serveReplica = (page: Page): void => {
  let replica: Promise<Replica> | undefined;
  /** Once it is open: a call is not to wait for what is there. */
  let ready: Replica | undefined;
  let warmEngine: Promise<Engine> | undefined;
  let version = 0;
  const links = new Map<LinkId, PageLink>();

  const open = async (request: Extract<ReplicaRequest, { type: "open" }>): Promise<RequestAnswers["open"]> => {
    replica ??= openReplica(request.options, {
      ...(warmEngine === undefined ? {} : { warmEngine }),
      clock: createSystemClock(),
      random: createSystemRandom(),
      logger: request.logs ? createPageLogger(page) : createSilentLogger(),
    });
    const opened = await replica.catch((error: unknown) => {
      replica = undefined; // So that opening can be tried again.
      throw error;
    });
    opened.on("commit", (commit) => page.post({ type: "commit", commit }));
    opened.on("conflict", (conflict) => page.post({ type: "conflict", conflict }));
    opened.on("rows", (changes) => page.post({ type: "rows", changes }));
    opened.on("reset", () => page.post({ type: "reset" }));
    opened.on("sync", (count, peer) => page.post({ type: "sync", count, peer }));
    opened.on("schema-ahead", (peer) => page.post({ type: "schema-ahead", peer }));
    opened.on("diverged", (peer) => page.post({ type: "diverged", peer }));
    opened.on("identity", (identity) => page.post({ type: "identity", identity }));
    opened.on("error", (error) => page.post({ type: "error", error: errorToWire(error) }));
    let posted = "[]";
    opened.on("progress", (progress) => {
      const text = JSON.stringify(progress);
      if (text === posted) return;
      posted = text;
      page.post({ type: "progress", progress });
    });
    version = opened.version;
    ready = opened;
    return { siteId: opened.siteId, epoch: opened.epoch, storage: opened.storage };
  };

  const opened = (): Promise<Replica> =>
    replica ?? Promise.reject(new LedgerError("LEDGER_NOT_INITIALIZED", "the database is not open"));

  const serve = async (request: ReplicaRequest): Promise<unknown> => {
    switch (request.type) {
      case "open":
        return open(request);
      case "call":
        return (await opened()).call(request.call);
      case "renew-identity":
        return (await opened()).renewIdentity();
      case "close":
        await (await replica?.catch(() => undefined))?.close();
        return undefined;
    }
  };

  const answer = async (id: number, request: ReplicaRequest): Promise<void> => {
    try {
      let value: unknown;
      if (request.type === "call" && ready !== undefined) {
        // What is told of a commit comes a microtask later: nobody is to wait for an answer behind it.
        value = ready.callAtOnce(request.call);
        value ??= await ready.call(request.call);
      } else {
        value = await serve(request);
      }
      version = ready?.version ?? version;
      page.post({ type: "answer", id, version, value });
    } catch (error) {
      page.post({ type: "refusal", id, version, error: errorToWire(error) });
    }
  };

  page.onMessage((message) => {
    switch (message.type) {
      case "warm-up":
        warmEngine = warmUpEngine(message.wasmUrl);
        warmEngine.catch(() => {}); // Told when an engine is needed.
        return;
      case "request":
        return void answer(message.id, message.request);
      case "peer-expected":
        return ready?.expect(message.peer);
      case "link-opened": {
        const pageLink = createPageLink(page, message);
        links.set(message.link, pageLink);
        return void opened().then(
          (ready) => ready.attach(pageLink.link),
          () => pageLink.link.close("FAILED"),
        );
      }
      case "link-frame":
        return links.get(message.link)?.receive(message.frame);
      case "link-taken":
        return links.get(message.link)?.taken(message.bytes);
      case "link-closed":
        links.get(message.link)?.closed(message.reason);
        links.delete(message.link);
        return;
    }
  });
};
