/**
 * The shell around the replication core: feeds it facts, carries out its orders against the change log and the links,
 * and owns their timers. It decides nothing itself.
 */

import type { Clock } from "./common/clock.ts";
import type { Disposer } from "./common/disposer.ts";
import { createDisposer } from "./common/disposer.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import { LedgerError, toLedgerError } from "./common/errors.ts";
import type { LinkId, SiteId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { ChangeLog } from "./database/change-log.ts";
import type { Database } from "./database/database.ts";
import { createFrameJoiner, messageToFrames } from "./message-frames.ts";
import { decodeMessage, encodeMessage } from "./replication/codec.ts";
import { splitChanges } from "./replication/split-changes.ts";
import {
  createCoreState,
  type CoreState,
  type Delays,
  type Effect,
  type Input,
  type TimerName,
} from "./replication/core-state.ts";
import { step } from "./replication/core.ts";
import { covers, versionOf } from "./replication/frontier.ts";
import { defaultReplicationLimits } from "./replication/limits.ts";
import type { Message } from "./replication/message.ts";
import type { Link } from "./transport/link.ts";

/** How a linked peer stands. */
export interface PeerProgress {
  readonly peerId: SiteId;
  readonly pending: boolean;
  readonly digest: "unknown" | "same" | "different";
  /** Milliseconds since the epoch; absent until something was exchanged. */
  readonly lastSyncAt?: number;
}

export interface ReplicatorEvents {
  /** A peer's changes were merged and `count` of them had an effect; never 0. */
  sync: readonly [count: number, peer: SiteId];
  /** `progress()` may answer differently. */
  progress: readonly [];
  error: readonly [error: LedgerError];
}

export interface Replicator {
  /** Replicates over `link` until it closes. */
  attach(link: Link): void;
  progress(): readonly PeerProgress[];
  on<K extends keyof ReplicatorEvents>(event: K, listener: (...args: ReplicatorEvents[K]) => void): Unsubscribe;
  /** Ends all links; idempotent, never rejects. */
  close(): Promise<void>;
}

interface OpenLink {
  readonly link: Link;
  readonly disposer: Disposer;
  /** Keeps the order of messages of which some take longer to deflate than others. */
  outbox: Promise<void> | undefined;
  /** Keeps the order of frames of which some take longer to inflate than others. */
  inbox: Promise<void> | undefined;
  lastSyncAt: number | undefined;
  digest: PeerProgress["digest"];
}

/** The time a digest takes is at most this share of the time between two. */
const digestShare = 1 / 20;

/** However long a digest takes, agreement is looked for again after this quiet time. */
const maxDigestDelayMs = 5_000;

export const createReplicator = (options: {
  readonly database: Database;
  readonly log: ChangeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly delays: Delays;
}): Replicator => {
  const { database, log, clock, logger, delays } = options;
  let state: CoreState = createCoreState(database.siteId, delays);
  const links = new Map<LinkId, OpenLink>();
  const timers = new Map<TimerName, () => void>();
  const inputs: Input[] = [];
  let stepping = false;
  let closed = false;
  let digestCostMs = 0;
  let unsendableReported = false;
  const emitter = createEmitter<ReplicatorEvents>((error) =>
    logger.error("a replicator listener threw", { error: String(error) }),
  );
  const disposer = createDisposer((error) => logger.error("release failed", { error: String(error) }));

  disposer.defer(
    database.onCommit((commit) => {
      if (commit.origin.type === "local") feed({ type: "committed" });
    }),
  );
  disposer.defer(database.onSchemaChange(() => void replayQuarantine()));

  /** Steps the core through everything fed, never re-entered: an effect that feeds is served after this step. */
  const feed = (input: Input): void => {
    if (closed) return;
    inputs.push(input);
    if (stepping) return;
    stepping = true;
    try {
      for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
        const result = step(state, next);
        state = result.state;
        for (const effect of result.effects) carryOutSafely(effect);
      }
    } finally {
      stepping = false;
    }
    emitter.emit("progress");
  };

  /** An order that fails ends the link it is for; the others go on. */
  const carryOutSafely = (effect: Effect): void => {
    try {
      carryOut(effect);
    } catch (error) {
      if ("link" in effect) fail(effect.link, error);
      else reportError(error);
    }
  };

  const carryOut = (effect: Effect): void => {
    switch (effect.type) {
      case "send":
        return sendWhole(effect.link, effect.message);
      case "read-changes":
        return void log.read(effect).then(
          (stretch) => {
            if (stretch.unsendable > 0) reportUnsendable();
            feed({ type: "read", link: effect.link, pass: effect.pass, stretch });
          },
          (error: unknown) => fail(effect.link, error),
        );
      case "apply-changes":
        return void apply(effect);
      case "read-digest":
        return void readDigest();
      case "set-timer":
        return setTimer(effect.timer, effect.afterMs);
      case "report-digest":
        return reportDigest(effect.peer, effect.agrees);
      case "disconnect":
        return fault(effect.link, effect.code);
    }
  };

  const setTimer = (timer: TimerName, afterMs: number): void => {
    const running = timers.get(timer);
    if (running !== undefined && timer !== "digest") return;
    running?.();
    const delayMs =
      timer === "digest" ? Math.max(afterMs, Math.min(digestCostMs / digestShare, maxDigestDelayMs)) : afterMs;
    timers.set(
      timer,
      clock.setTimer(delayMs, () => {
        timers.delete(timer);
        feed({ type: "elapsed", timer });
      }),
    );
  };

  const apply = async (effect: Extract<Effect, { type: "apply-changes" }>): Promise<void> => {
    try {
      const result = await log.apply(effect);
      const open = links.get(effect.link);
      if (open !== undefined) open.lastSyncAt = clock.nowMs();
      feed({
        type: "applied",
        link: effect.link,
        frontier: result.frontier,
        grew: result.grew,
        complete: effect.complete,
      });
      if (result.count > 0) emitter.emit("sync", result.count, effect.peer);
    } catch (error) {
      fail(effect.link, error);
    }
  };

  const readDigest = async (): Promise<void> => {
    try {
      const startedMs = clock.nowMs();
      const { frontier, tables } = await log.digest();
      digestCostMs = Math.max(0, clock.nowMs() - startedMs);
      feed({ type: "digested", frontier, tables });
    } catch (error) {
      reportError(error);
    }
  };

  const reportDigest = (peer: SiteId, agrees: boolean): void => {
    for (const open of links.values()) if (open.link.peer.siteId === peer) open.digest = agrees ? "same" : "different";
    if (!agrees) logger.warn("a peer holds other rows at the same frontier; exchanging everything", { peer });
  };

  const replayQuarantine = async (): Promise<void> => {
    try {
      const count = await log.replayQuarantine();
      if (count > 0) feed({ type: "committed" });
    } catch (error) {
      reportError(error);
    }
  };

  /** Once is enough: the same rows are met again with every peer. */
  const reportUnsendable = (): void => {
    if (unsendableReported) return;
    unsendableReported = true;
    const { maxKeyBytes, maxValueBytes } = defaultReplicationLimits;
    const message = `a synced table holds a key of more than ${maxKeyBytes} bytes, a value of more than ${maxValueBytes} bytes or a key that is not UTF-8; that row stays on this replica`;
    emitter.emit("error", new LedgerError("LEDGER_ROW_NOT_SENT", message));
  };

  const reportError = (thrown: unknown): void => {
    const error = toLedgerError(thrown);
    if (closed || error.code === "LEDGER_CLOSED") return;
    emitter.emit("error", error);
  };

  /** The link cannot go on because of something here: the peer may try again. */
  const fail = (id: LinkId, error: unknown): void => {
    reportError(error);
    links.get(id)?.link.close("FAILED");
  };

  /** The peer broke a rule. */
  const fault = (id: LinkId, code: string): void => {
    const open = links.get(id);
    if (open === undefined) return;
    emitter.emit(
      "error",
      new LedgerError("LEDGER_PEER_FAULT", `peer ${open.link.peer.siteId} broke the protocol: ${code}`),
    );
    open.link.close(code);
  };

  /** A transaction larger than a message may be arrives in parts; everything else as it is. */
  const sendWhole = (id: LinkId, message: Message): void => {
    const bytes = encodeMessage(message);
    if (bytes.length <= defaultReplicationLimits.maxMessageBytes || message.type !== "changes") {
      return send(id, message, bytes);
    }
    logger.warn("a transaction is too large for one message and is sent in parts", { bytes: bytes.length });
    for (const part of splitChanges(message)) sendWhole(id, part);
  };

  const send = (id: LinkId, message: Message, bytes: Uint8Array<ArrayBuffer>): void => {
    const open = links.get(id);
    if (open === undefined) return;
    if (message.type === "changes" || message.type === "progress") {
      open.lastSyncAt = clock.nowMs();
      if (message.type === "changes") open.digest = "unknown";
    }
    const put = (frames: readonly Uint8Array<ArrayBuffer>[]): void => {
      let hasRoom = true;
      for (const frame of frames) hasRoom = open.link.send(frame);
      if (!hasRoom) feed({ type: "congested", link: id });
    };
    const frames = messageToFrames(bytes);
    if (open.outbox === undefined && !(frames instanceof Promise)) return put(frames);
    const turn: Promise<void> = (open.outbox ?? Promise.resolve())
      .then(async () => put(await frames))
      .catch((error: unknown) => fail(id, error))
      .finally(() => {
        if (open.outbox === turn) open.outbox = undefined;
      });
    open.outbox = turn;
  };

  const receive = (open: OpenLink, bytes: Uint8Array): void => {
    const decoded = decodeMessage(bytes, defaultReplicationLimits);
    if (!decoded.ok) return fault(open.link.id, `${decoded.error.code} ${decoded.error.rule}`);
    const message = decoded.value;
    if (message.type === "changes") open.digest = "unknown";
    if (message.type !== "hello") return feed({ type: "received", link: open.link.id, message });
    const lostAfter = log.lostAfter(versionOf(message.frontier, database.siteId));
    if (lostAfter !== undefined) logger.warn("a peer holds writes that were lost here; asking for them");
    feed({
      type: "received",
      link: open.link.id,
      message,
      resumeAt: log.resumePosition(message.cursor),
      ...(lostAfter === undefined ? {} : { lostAfter }),
    });
  };

  const attach = (link: Link): void => {
    if (closed) return link.close("CLOSED");
    const linkDisposer = createDisposer((error) => logger.error("release failed", { error: String(error) }));
    const open: OpenLink = {
      link,
      disposer: linkDisposer,
      outbox: undefined,
      inbox: undefined,
      lastSyncAt: undefined,
      digest: "unknown",
    };
    links.set(link.id, open);
    const joiner = createFrameJoiner(defaultReplicationLimits.maxMessageBytes);
    const isOpen = (): boolean => links.get(link.id) === open;

    const takeFrame = (frame: Uint8Array<ArrayBuffer>, consumed: () => void): void | Promise<void> => {
      if (!isOpen()) return;
      const done = (joined: Awaited<ReturnType<typeof joiner.add>>): void => {
        if (!isOpen()) return;
        if (!joined.ok) return fault(link.id, joined.error);
        if (joined.value !== undefined) receive(open, joined.value);
        // What was merged by the time the next frame is asked for bounds what waits in memory.
        void database.read(async () => {}).then(consumed, consumed);
      };
      const joined = joiner.add(frame);
      return joined instanceof Promise ? joined.then(done) : done(joined);
    };

    /** Lets `taken` settle before the next frame is looked at. */
    const queue = (taken: Promise<void>): void => {
      const turn: Promise<void> = taken
        .catch((error: unknown) => fail(link.id, error))
        .finally(() => {
          if (open.inbox === turn) open.inbox = undefined;
        });
      open.inbox = turn;
    };
    // The peer's hello may be here before our own is said; it waits.
    queue(
      log.greeting(link.peer.siteId).then(({ frontier, cursor }) => {
        if (!isOpen()) return;
        feed({ type: "opened", link: link.id, peer: link.peer.siteId, peerEpoch: link.peer.epoch, frontier, cursor });
      }),
    );
    linkDisposer.defer(
      link.on("frame", (frame, consumed) => {
        if (open.inbox !== undefined) return queue(open.inbox.then(() => takeFrame(frame, consumed)));
        const taken = takeFrame(frame, consumed);
        if (taken instanceof Promise) queue(taken);
      }),
    );
    linkDisposer.defer(link.on("writable", () => feed({ type: "writable", link: link.id })));
    linkDisposer.defer(
      link.on("close", () => {
        if (!isOpen()) return;
        links.delete(link.id);
        void linkDisposer.dispose();
        feed({ type: "lost", link: link.id });
      }),
    );
  };

  return {
    attach,
    progress: () =>
      [...links.values()].map(({ link, digest, lastSyncAt }) => {
        const core = state.links.get(link.id);
        const pending =
          core?.phase !== "streaming" || core.behind || core.reading || !covers(core.held, state.frontier);
        return {
          peerId: link.peer.siteId,
          pending,
          digest,
          ...(lastSyncAt === undefined ? {} : { lastSyncAt }),
        };
      }),
    on: emitter.on,
    close: async () => {
      if (closed) return disposer.dispose();
      closed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
      for (const { link, disposer: linkDisposer } of [...links.values()]) {
        await linkDisposer.dispose();
        link.close("CLOSED");
      }
      links.clear();
      await disposer.dispose();
    },
  };
};
