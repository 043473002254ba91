/**
 * A tab that does not lead: finds the tab that does, follows it over a line, and notices when it is gone or silent.
 * 1. Follows one leader at a time, over a line made for it: what an earlier one still says reaches nobody.
 * 2. Tells `lost` before anything else once the leader it followed is gone, however it went.
 * 3. A line that broke is replaced by one that looks for no faster way as long as the leader is the same.
 */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { HostEvent, HostSnapshot } from "../host.ts";
import { lateAnswerMs } from "./call-book.ts";
import { openLeaderLine, type LeaderLine } from "./leader-line.ts";
import { createLeaderLiveness, type LeaderState } from "./leader-liveness.ts";
import type { Locks } from "./locks.ts";
import type { LineChannels } from "./tab-channel.ts";
import { tabsVersion, type RoomChoice, type TabId, type TabNames, type TabNotice } from "./tab-message.ts";

export interface FollowerListener {
  following(line: LeaderLine, snapshot: HostSnapshot, room: RoomChoice | undefined): void;
  /** The leader is gone; another one comes. */
  lost(): void;
  /** The present leader cannot be followed, but perhaps the next. */
  failed(error: LedgerError): void;
  livenessChanged(state: LeaderState): void;
  snapshotChanged(snapshot: HostSnapshot): void;
  happened(event: HostEvent): void;
  /** The room that the replica is meant to be in has changed. */
  roomChanged(room: RoomChoice | undefined): void;
}

export interface Follower {
  readonly liveness: LeaderState;
  /** Looks for a leader. */
  start(): void;
  noticed(notice: Extract<TabNotice, { type: "leader" }>): void;
  /** Follows nobody any more; tells `lost` when it did. Idempotent; start() works again. */
  stop(): void;
  /** As stop(), and closes all channels before it returns. */
  leave(): void;
}

export interface FollowerOptions {
  readonly tab: TabId;
  readonly names: TabNames;
  readonly locks: Locks;
  readonly lines: LineChannels;
  readonly clock: Clock;
  readonly announce: (notice: TabNotice) => void;
  readonly listener: FollowerListener;
}

type State =
  | { readonly name: "idle" }
  /** Has asked over `line` to join. */
  | { readonly name: "seeking"; readonly line: LeaderLine }
  | {
      readonly name: "following";
      readonly leader: TabId;
      readonly line: LeaderLine;
      readonly watching: AbortController;
    }
  /** `leader` speaks another version. */
  | { readonly name: "stranded"; readonly leader: TabId };

export const createFollower = ({ tab, names, locks, lines, clock, announce, listener }: FollowerOptions): Follower => {
  let state: State = { name: "idle" };
  let nextLine = 1;
  /** The leader to which a line broke. */
  let unreliable: TabId | undefined;
  /** Lines to leaders that are gone, for the answers that are still under way. */
  const retired = new Set<LeaderLine>();

  const liveness = createLeaderLiveness({
    clock,
    ask: () => {
      if (state.name === "following") state.line.ping();
      else if (state.name === "seeking") join();
    },
    onChange: (leader) => listener.livenessChanged(leader),
  });

  /** Keeps 1. */
  const become = (next: State): void => {
    const before = state;
    state = next;
    if (before.name === "seeking" && (next.name !== "following" || next.line !== before.line)) before.line.close();
    if (before.name !== "following") return;
    before.watching.abort();
    retire(before.line);
    // Keeps 2.
    listener.lost();
  };

  const retire = (line: LeaderLine): void => {
    line.retire();
    retired.add(line);
    clock.setTimer(lateAnswerMs, () => {
      retired.delete(line);
      line.close();
    });
  };

  const join = (): void => {
    const id = `${tab}:${nextLine}`;
    nextLine += 1;
    const line = openLeaderLine(lines.open(names.line(id)), {
      welcomed: (leader, snapshot, room) => welcomed(line, leader, snapshot, room),
      heard: liveness.heard,
      broken: () => broke(line),
      snapshotChanged: listener.snapshotChanged,
      happened: listener.happened,
      roomChanged: listener.roomChanged,
    });
    become({ name: "seeking", line });
    announce({ type: "join", tabsVersion, tab, line: id });
  };

  const welcomed = (line: LeaderLine, leader: TabId, snapshot: HostSnapshot, room: RoomChoice | undefined): void => {
    const watching = new AbortController();
    become({ name: "following", leader, line, watching });
    listener.following(line, snapshot, room);
    // Keeps 3.
    if (leader !== unreliable) line.hasten();
    locks.acquire(names.tabLock(leader), "shared", watching.signal).then(
      (release) => {
        release();
        if (!watching.signal.aborted) seek();
      },
      () => {}, // No longer followed.
    );
  };

  const broke = (line: LeaderLine): void => {
    if (state.name !== "following" || state.line !== line) return;
    unreliable = state.leader;
    seek();
  };

  const seek = (): void => {
    join();
    liveness.start();
  };

  const noticed: Follower["noticed"] = (notice) => {
    if (state.name === "idle") return;
    if ((state.name === "following" || state.name === "stranded") && state.leader === notice.tab) return;
    if (notice.tabsVersion !== tabsVersion) {
      become({ name: "stranded", leader: notice.tab });
      liveness.stop();
      return listener.failed(versionMismatch());
    }
    if (notice.state === "open") seek();
    else liveness.heard();
  };

  const stop = (): void => {
    liveness.stop();
    become({ name: "idle" });
  };

  return {
    get liveness() {
      return liveness.state;
    },
    start: seek,
    noticed,
    stop,
    leave: () => {
      stop();
      for (const line of retired) line.close();
    },
  };
};

const versionMismatch = (): LedgerError =>
  new LedgerError(
    "LEDGER_VERSION_MISMATCH",
    "another tab runs a different version of Ledger on this database; close or reload the other tabs",
  );
