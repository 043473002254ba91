/**
 * The Host of a tab that shares its replica with the other tabs of its origin. It stays valid while leaders come and go:
 * calls go to whoever leads, and listeners are told each event once, whichever tab it came from.
 */

import type { Clock } from "../common/clock.ts";
import { createEmitter } from "../common/emitter.ts";
import { LedgerError } from "../common/errors.ts";
import { bytesToHex } from "../common/ids.ts";
import type { Random } from "../common/random.ts";
import type { StorageKind } from "../database/database.ts";
import type { Host, HostEvent, HostSnapshot } from "../host.ts";
import type { AnswerTo, ReplicaCall } from "../replica-call.ts";
import { createCallBook, type Desk } from "./call-book.ts";
import { leaderSilenceMs } from "./leader-liveness.ts";
import { missedEvents, nothingSeen } from "./missed-events.ts";
import type { PageLifecycle } from "./page-lifecycle.ts";
import { destroyedError } from "./take-from-tabs.ts";
import { tabNames, type RoomChoice, type TabId } from "./tab-message.ts";
import { startTabSession, type TabSession, type TabSessionListener, type TabSessionOptions } from "./tab-session.ts";

export interface TabHostOptions extends Pick<TabSessionOptions, "locks" | "channels" | "lines" | "clock" | "logger"> {
  readonly dbName: string;
  readonly lifecycle: PageLifecycle;
  readonly random: Random;
  /** Makes ready what opening a database in OPFS takes, without touching one; until `signal` is aborted. */
  readonly warmUp: (signal: AbortSignal) => void;
  /**
   * Opens the replica and leads it; all of it ends at once when `signal` is aborted.
   * @param known - where the tabs before had the database; no other place may be tried then
   */
  readonly openLeader: (known: StorageKind | undefined, signal: AbortSignal) => Promise<Host>;
}

/** Pause before a replica whose worker died is opened again, milliseconds. */
const restartPauseMs = 250;

/** How long opening waits for a leading tab that does not answer, milliseconds. */
export const openTimeoutMs = 10_000;

/**
 * Resolves once this tab leads or follows.
 * @throws LedgerError as opening the replica does; LEDGER_VERSION_MISMATCH; LEDGER_STORAGE_BUSY when another tab holds the
 *   database and does not answer
 */
export const openTabHost = async (options: TabHostOptions): Promise<Host> => {
  const { clock, random, lifecycle, logger } = options;
  const names = tabNames(options.dbName);
  const calls = createCallBook({ clock, caller: bytesToHex(random.bytes(16)) });
  const emitter = createEmitter<{
    event: readonly [HostEvent];
    snapshot: readonly [HostSnapshot];
    reopened: readonly [];
  }>((error) => logger.error("a host listener threw", { error: String(error) }));
  /** Undefined while the page is in the back/forward cache, and shortly after the worker died. */
  let session: TabSession | undefined;
  let snapshot: HostSnapshot | undefined;
  let standing: Pick<HostSnapshot, "role" | "leader"> = { role: "follower", leader: "responding" };
  let room: RoomChoice | undefined;
  /** Whether the connection that comes up next continues one that went with its leader. */
  let isResuming = false;
  /** What happened before there was a listener. */
  let unheard: HostEvent[] | undefined = [];
  let closing: Promise<void> | undefined;
  let opened = (): void => {};
  let notOpened = (_error: LedgerError): void => {};

  const see = (next: HostSnapshot): void => {
    snapshot = { ...next, ...standing };
    emitter.emit("snapshot", snapshot);
  };

  const tell = (event: HostEvent): void => {
    const isReturn = event.name === "connected" && isResuming;
    if (isReturn) isResuming = false;
    const told: HostEvent = isReturn ? { name: "reconnected", args: [] } : event;
    if (unheard === undefined) emitter.emit("event", told);
    else unheard.push(told);
  };

  const tellUnheard = (): void => {
    const events = unheard ?? [];
    unheard = undefined;
    for (const event of events) emitter.emit("event", event);
  };

  /** Shows `next` and tells what lies between it and what was shown before. */
  const catchUp = (next: HostSnapshot): void => {
    const before = snapshot ?? nothingSeen;
    see(next);
    for (const event of missedEvents(before, next)) tell(event);
  };

  /** The links went with the leader's page. */
  const showLeaderless = (signaling: HostSnapshot["signaling"]): void => {
    standing = { role: "follower", leader: "responding" };
    if (snapshot !== undefined) catchUp({ ...snapshot, peers: [], signaling });
  };

  const loseLeader = (): void => {
    if (closing !== undefined) return;
    calls.shut();
    isResuming = room !== undefined;
    showLeaderless(room === undefined ? "off" : "reconnecting");
  };

  const takeSeat = (role: HostSnapshot["role"], desk: Desk, seen: HostSnapshot): void => {
    if (closing !== undefined) return;
    standing = { role, leader: "responding" };
    catchUp(seen);
    calls.open(desk);
    emitter.emit("reopened");
    opened();
  };

  const listener: TabSessionListener = {
    following: (line, seen, chosen) => {
      room = chosen;
      takeSeat("follower", line, seen);
    },
    leading: (leader) => takeSeat("leader", leader, leader.snapshot),
    lost: () => {
      loseLeader();
      calls.strand();
    },
    failed: (error) => {
      calls.refuse(error, error.code === "LEDGER_VERSION_MISMATCH");
      if (snapshot !== undefined) tell({ name: "error", args: [error] });
      notOpened(error);
    },
    destroyed: () => {
      const error = destroyedError();
      calls.refuse(error, true);
      calls.giveUp(error);
      tell({ name: "error", args: [error] });
      notOpened(error);
    },
    livenessChanged: (leader) => {
      standing = { ...standing, leader };
      if (snapshot !== undefined) see(snapshot);
      if (leader === "unresponsive" && closing !== undefined) calls.giveUp(closedError());
    },
    snapshotChanged: see,
    happened: (event) => {
      tell(event);
      const isCrash = event.name === "error" && event.args[0].code === "LEDGER_ENGINE_CRASHED";
      if (isCrash && standing.role === "leader") queueMicrotask(restart);
    },
    roomChanged: (chosen) => {
      if (chosen?.url !== room?.url || chosen?.token !== room?.token) isResuming = false;
      room = chosen;
    },
  };

  const start = (): void => {
    if (closing !== undefined) return;
    session ??= startTabSession({
      ...options,
      tab: bytesToHex(random.bytes(16)) as TabId,
      names,
      openLeader: (signal) => options.openLeader(snapshot?.storage, signal),
      warmUp: (signal) => {
        if (snapshot?.storage === "opfs") options.warmUp(signal);
      },
      roomToResume: () => room,
      listener,
    });
  };

  const leave = (): void => {
    if (session === undefined || closing !== undefined) return;
    const released = session.abandon();
    session = undefined;
    loseLeader();
    void released.then(calls.strand);
  };

  /** The next tab leads, or this one again. */
  const restart = (): void => {
    leave();
    clock.setTimer(restartPauseMs, start);
  };

  const stopHiding = lifecycle.onHide((mayReturn) => (mayReturn ? leave() : session?.sayGoodbye()));
  const stopShowing = lifecycle.onShow(start);

  const closeNow = async (): Promise<void> => {
    stopHiding();
    stopShowing();
    calls.refuse(closedError(), true);
    // A leader finishes its calls by itself.
    if (standing.role === "follower") await calls.idle();
    await session?.close();
    calls.giveUp(closedError());
    showLeaderless("off");
  };

  const opening = new Promise<void>((resolve, reject) => {
    opened = resolve;
    notOpened = reject;
  });
  start();
  const stopWaiting = giveUpOpening(
    clock,
    () => session?.liveness === "unresponsive",
    (error) => notOpened(error),
  );
  try {
    await opening;
  } catch (error) {
    closing = closeNow();
    await closing;
    throw error;
  } finally {
    stopWaiting();
  }

  return {
    get snapshot() {
      return snapshot as HostSnapshot; // Seen before opening was done.
    },
    call: <C extends ReplicaCall>(call: C) => calls.call({ type: "call", call }) as Promise<AnswerTo<C>>,
    connect: (url, token) => calls.call({ type: "connect", room: { url, token } }),
    disconnect: () => calls.call({ type: "disconnect" }),
    get token() {
      return room?.token;
    },
    forgetRoom: (token) => calls.call({ type: "forget-room", token }),
    ephemeral: (request) => calls.call({ type: "ephemeral", request }),
    onEvent: (receive) => {
      const stop = emitter.on("event", receive);
      // Later, so that whoever opened this host has finished with it.
      queueMicrotask(tellUnheard);
      return stop;
    },
    onReopened: (receive) => emitter.on("reopened", receive),
    onSnapshot: (receive) => emitter.on("snapshot", receive),
    close: () => (closing ??= closeNow()),
  };
};

/** Reports LEDGER_STORAGE_BUSY when the leader is silent after `openTimeoutMs`. @returns stops it */
const giveUpOpening = (clock: Clock, isSilent: () => boolean, report: (error: LedgerError) => void): (() => void) => {
  let cancel = (): void => {};
  const look = (): void => {
    if (!isSilent()) {
      cancel = clock.setTimer(leaderSilenceMs, look);
      return;
    }
    const message = "another tab holds this database and does not answer; close or reload it and call init() again";
    report(new LedgerError("LEDGER_STORAGE_BUSY", message));
  };
  cancel = clock.setTimer(openTimeoutMs, look);
  return () => cancel();
};

const closedError = (): LedgerError =>
  new LedgerError("LEDGER_CLOSED", "the database was closed before the call was answered");
