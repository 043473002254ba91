/**
 * The shell around the replication core: feeds it facts, carries out its orders against the change log and the links,
 * and owns their timers. It decides nothing itself.
 */

import type { Clock } from "./common/clock.ts";
import { createDisposer } from "./common/disposer.ts";
import { createEmitter, type Unsubscribe } from "./common/emitter.ts";
import { LedgerError, toLedgerError } from "./common/errors.ts";
import type { LinkId, SiteId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { ChangeLog } from "./database/change-log.ts";
import type { Database } from "./database/database.ts";
import { SnapshotRefusedError } from "./database/snapshot-refused.ts";
import { createLinkSession, type LinkSession, type Pending } from "./link-session.ts";
import {
  createCoreState,
  type CoreState,
  type Delays,
  type Effect,
  type Input,
  type TimerName,
} from "./replication/core-state.ts";
import { step } from "./replication/core.ts";
import { versionOf } from "./replication/frontier.ts";
import { isInStepWithAll, isPeerCurrent, ownVersionsHeld } from "./replication/in-step.ts";
import { defaultReplicationLimits } from "./replication/limits.ts";
import type { Message } from "./replication/message.ts";
import type { SchemaRelation } from "./replication/schema-stamp.ts";
import { createReplicationWaits, type Receipt, type WaitGoal } from "./replication-waits.ts";
import type { Link } from "./transport/link.ts";

/** How a linked peer stands. */
export interface PeerProgress {
  readonly peerId: SiteId;
  readonly pending: Pending;
  readonly digest: "unknown" | "same" | "different";
  /** How the peer's schema relates to the own one; absent until it said what it is. */
  readonly schema?: SchemaRelation;
  /** Milliseconds since the epoch; absent until something was exchanged. */
  readonly lastSyncAt?: number;
}

export interface ReplicatorEvents {
  /** A peer's changes were merged and `count` of them had an effect; never 0. */
  sync: readonly [count: number, peer: SiteId];
  /** `progress()` may answer differently. */
  progress: readonly [];
  error: readonly [error: LedgerError];
  /** The peer's schema is newer than the own one. */
  "schema-ahead": readonly [peer: SiteId];
  /** The peer holds other rows although both hold the same as far as they knew. Everything is exchanged anew. */
  diverged: readonly [peer: SiteId];
  /** Another replica writes under this one's id. */
  clash: readonly [];
}

export interface Replicator {
  /** A link to this replica may be attached soon. */
  expect(peer: SiteId): void;
  /** Replicates over `link` until it closes. */
  attach(link: Link): void;
  progress(): readonly PeerProgress[];
  /** @throws LedgerError LEDGER_TIMEOUT, LEDGER_CLOSED */
  wait(goal: WaitGoal, timeoutMs: number): Promise<Receipt>;
  on<K extends keyof ReplicatorEvents>(event: K, listener: (...args: ReplicatorEvents[K]) => void): Unsubscribe;
  /** Ends all links; idempotent, never rejects. */
  close(): Promise<void>;
}

interface OpenLink {
  readonly session: LinkSession;
  digest: PeerProgress["digest"];
  schema: SchemaRelation | undefined;
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
  let state: CoreState = createCoreState(database.siteId, delays, log.reservedTo);
  const links = new Map<LinkId, OpenLink>();
  const timers = new Map<TimerName, () => void>();
  const inputs: Input[] = [];
  let stepping = false;
  let closed = false;
  let digestCostMs = 0;
  let unsendableReported = false;
  /** Own versions up to which each replica is known to hold everything; also of those that left since. */
  const heldBy = new Map<SiteId, number>();
  const emitter = createEmitter<ReplicatorEvents>((error) =>
    logger.error("a replicator listener threw", { error: String(error) }),
  );
  const disposer = createDisposer((error) => logger.error("release failed", { error: String(error) }));
  const waits = createReplicationWaits({
    clock,
    ownVersion: () => log.ownVersion(),
    holdersOf: (version) => [...heldBy].flatMap(([peer, held]) => (held >= version ? [peer] : [])),
    isInStep: () => isInStepWithAll(state),
  });

  disposer.defer(
    database.onCommit((commit) => {
      if (commit.origin.type === "local") feed({ type: "committed" });
    }),
  );
  disposer.defer(database.onSchemaChange(() => void replayQuarantine()));
  disposer.defer(database.onReset(() => void readSchema().catch(reportError)));

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
    for (const [peer, version] of ownVersionsHeld(state)) heldBy.set(peer, version);
    emitter.emit("progress");
    waits.look();
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
        return send(effect.link, effect.message);
      case "read-changes":
        return void read(effect).catch((error: unknown) => fail(effect.link, error));
      case "read-image":
        return void readImage(effect).catch((error: unknown) => fail(effect.link, error));
      case "take-snapshot":
        return void takeSnapshot(effect);
      case "keep-images":
        return log.keepImages(effect.given, effect.from);
      case "apply-changes":
        return void apply(effect);
      case "read-digest":
        return void readDigest();
      case "read-frontier":
        return void log.frontier().then((frontier) => feed({ type: "frontier-read", frontier }), reportError);
      case "set-timer":
        return setTimer(effect.timer, effect.afterMs);
      case "report-digest":
        return reportDigest(effect.peer, effect.agrees);
      case "report-schema":
        return reportSchema(effect.peer, effect.relation);
      case "renew-identity":
        return emitter.emit("clash");
      case "disconnect":
        return fault(effect.link, effect.code);
    }
  };

  const setTimer = (timer: TimerName, afterMs: number): void => {
    const running = timers.get(timer);
    if (running !== undefined && timer !== "digest" && timer !== "images") return;
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

  const read = async (effect: Extract<Effect, { type: "read-changes" }>): Promise<void> => {
    const { link, pass } = effect;
    const snapshot = effect.mayBeImage ? await log.readSnapshot(effect.resume) : undefined;
    if (snapshot !== undefined) {
      const { part, ...stretch } = snapshot;
      return feed({ type: "read", link, pass, stretch: { ...stretch, quarantineTo: effect.quarantineAfter }, part });
    }
    const stretch = await log.read(effect);
    if (stretch.unsendable > 0) reportUnsendable();
    feed({ type: "read", link, pass, stretch });
  };

  /** One part at a time, so that only parts are deflated and wait that the link has room for. */
  const readImage = async ({ link, pass, image, offset }: Extract<Effect, { type: "read-image" }>): Promise<void> => {
    await links.get(link)?.session.whenSent();
    feed({ type: "image-read", link, pass, part: await log.readImagePart({ image, offset }) });
  };

  const takeSnapshot = async ({
    link,
    peer,
    part,
    cursor,
  }: Extract<Effect, { type: "take-snapshot" }>): Promise<void> => {
    try {
      const taken = await log.takeSnapshot({ peer, part, cursor });
      if (taken === undefined) return;
      const { count, grew, frontier } = taken;
      links.get(link)?.session.noteSync();
      feed({ type: "applied", link, frontier, grew, position: cursor.position, complete: false });
      if (count > 0) emitter.emit("sync", count, peer);
    } catch (error) {
      if (!(error instanceof SnapshotRefusedError)) return fail(link, error);
      logger.info("a snapshot is not taken; the changes come one by one", { peer, refusal: error.refusal });
      feed({ type: "snapshot-refused", link });
    }
  };

  const apply = async (effect: Extract<Effect, { type: "apply-changes" }>): Promise<void> => {
    try {
      const result = await log.apply(effect);
      links.get(effect.link)?.session.noteSync();
      feed({
        type: "applied",
        link: effect.link,
        frontier: result.frontier,
        grew: result.grew,
        position: effect.cursor.position,
        complete: effect.complete,
        unknown: result.unknown,
      });
      if (result.count > 0) emitter.emit("sync", result.count, effect.peer);
    } catch (error) {
      fail(effect.link, error);
    }
  };

  const readDigest = async (): Promise<void> => {
    try {
      const startedMs = clock.nowMs();
      const digest = await log.digest();
      digestCostMs = Math.max(0, clock.nowMs() - startedMs);
      // What changed meanwhile will ask for another one.
      if (digest !== undefined) feed({ type: "digested", ...digest });
    } catch (error) {
      reportError(error);
    }
  };

  const reportDigest = (peer: SiteId, agrees: boolean): void => {
    for (const open of links.values())
      if (open.session.link.peer.siteId === peer) open.digest = agrees ? "same" : "different";
    if (agrees) return;
    logger.warn("a peer holds other rows at the same frontier; exchanging everything", { peer });
    emitter.emit("diverged", peer);
  };

  const reportSchema = (peer: SiteId, relation: SchemaRelation): void => {
    for (const open of links.values()) if (open.session.link.peer.siteId === peer) open.schema = relation;
    if (relation === "ahead") emitter.emit("schema-ahead", peer);
  };

  const readSchema = async (): Promise<void> => feed({ type: "schema-read", schema: await log.schema() });

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
    links.get(id)?.session.link.close("FAILED");
  };

  /** The peer broke a rule. */
  const fault = (id: LinkId, code: string): void => {
    const open = links.get(id);
    if (open === undefined) return;
    emitter.emit(
      "error",
      new LedgerError("LEDGER_PEER_FAULT", `peer ${open.session.link.peer.siteId} broke the protocol: ${code}`),
    );
    open.session.link.close(code);
  };

  const send = (id: LinkId, message: Message): void => {
    const open = links.get(id);
    if (open === undefined) return;
    if (message.type === "changes") open.digest = "unknown";
    open.session.send(message);
  };

  const receive = (open: OpenLink, message: Message): void => {
    const { id } = open.session.link;
    if (message.type === "changes" || message.type === "snapshot") open.digest = "unknown";
    const held = "frontier" in message ? versionOf(message.frontier, database.siteId) : 0;
    log.noteSeen(held);
    const lostAfter = log.lostAfter(held);
    if (lostAfter !== undefined) logger.warn("a peer holds writes that were lost here; asking for them");
    feed({
      type: "received",
      link: id,
      message,
      ...(message.type === "hello" ? { resumeAt: log.resumePosition(message.cursor) } : {}),
      ...(lostAfter === undefined ? {} : { lostAfter }),
    });
  };

  const attach = (link: Link): void => {
    if (closed) return link.close("CLOSED");
    const { id, peer } = link;
    const session = createLinkSession({
      link,
      clock,
      logger,
      whenIdle: () => database.read(async () => {}),
      onMessage: (message) => receive(open, message),
      onArriving: () => feed({ type: "arriving", link: id }),
      onFault: (code) => fault(id, code),
      onFailure: (error) => fail(id, error),
      onFull: () => feed({ type: "congested", link: id }),
    });
    const open: OpenLink = { session, digest: "unknown", schema: undefined };
    links.set(id, open);
    const isOpen = (): boolean => links.get(id) === open;

    // Asked for first, so it is known when hello is said.
    readSchema().catch(reportError);
    // The peer's hello may be here before our own is said; it waits.
    session.holdUntil(
      log.greeting(peer.siteId).then(({ frontier, cursor }) => {
        if (isOpen()) feed({ type: "opened", link: id, peer: peer.siteId, peerEpoch: peer.epoch, frontier, cursor });
      }),
    );
    link.on("writable", () => {
      if (isOpen()) feed({ type: "writable", link: id });
    });
    link.on("close", () => {
      if (!isOpen()) return;
      links.delete(id);
      session.dispose();
      feed({ type: "lost", link: id });
    });
  };

  const expect = (peer: SiteId): void => {
    if (closed) return;
    // It may never come.
    log.expect(peer).then(() => {
      if (!closed) setTimer("images", delays.imagesDelayMs);
    }, reportError);
  };

  const pendingOf = ({ session }: OpenLink): Pending => {
    const core = state.links.get(session.link.id);
    if (core?.phase !== "streaming") return { changes: 1, bytes: 0 };
    if (isPeerCurrent(state, core)) return session.pending(Infinity, 0);
    const { changes, bytes } = session.pending(core.stored, core.rest);
    return { changes: Math.max(changes, 1), bytes };
  };

  return {
    expect,
    attach,
    progress: () =>
      [...links.values()].map((open) => {
        const { link, lastSyncAt } = open.session;
        return {
          peerId: link.peer.siteId,
          pending: pendingOf(open),
          digest: open.digest,
          ...(open.schema === undefined ? {} : { schema: open.schema }),
          ...(lastSyncAt === undefined ? {} : { lastSyncAt }),
        };
      }),
    wait: waits.wait,
    on: emitter.on,
    close: async () => {
      if (closed) return disposer.dispose();
      closed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
      waits.close();
      const sessions = [...links.values()].map((open) => open.session);
      links.clear();
      for (const session of sessions) {
        session.dispose();
        session.link.close("CLOSED");
      }
      await disposer.dispose();
    },
  };
};
