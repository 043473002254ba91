/**
 * One tab's presence at one database: follows the tab that leads, and leads itself once the leader lock is had. Ends when
 * the database is closed or the page is put away; a page that comes back starts another one.
 * 1. The database is opened only under the leader lock, which is given up only after the database was closed or cut off.
 */

import type { Clock } from "../common/clock.ts";
import { LedgerError, toLedgerError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Host } from "../host.ts";
import { createFollower, type FollowerListener } from "./follower.ts";
import type { LeaderState } from "./leader-liveness.ts";
import type { Locks, ReleaseLock } from "./locks.ts";
import { openWithRetries } from "./open-with-retries.ts";
import type { LineChannels, TabChannels } from "./tab-channel.ts";
import { createTabLeader, type TabLeader } from "./tab-leader.ts";
import { readNotice, tabsVersion, type RoomChoice, type TabId, type TabNames, type TabNotice } from "./tab-message.ts";

export interface TabSessionListener extends FollowerListener {
  leading(leader: TabLeader): void;
  /** Somebody removes the database: it must be closed now. */
  destroyed(): void;
  /** The present leader cannot be followed, or this tab was to lead and could not. Goes on trying. */
  failed(error: LedgerError): void;
}

export interface TabSession {
  readonly liveness: LeaderState;
  /** Finishes what was asked, then gives everything back. Idempotent, never rejects. */
  close(): Promise<void>;
  /**
   * For a page that is about to be frozen: says goodbye and gives everything back before it returns, unless a leader has
   * work under way; that is finished, if the page still runs for so long. A page that is put away with a lock is not kept.
   */
  abandon(): Promise<void>;
  /** For a page that ends: says goodbye. The platform takes back the rest, after the writes of the last moment. */
  sayGoodbye(): void;
}

export interface TabSessionOptions {
  readonly tab: TabId;
  readonly names: TabNames;
  readonly locks: Locks;
  readonly channels: TabChannels;
  readonly lines: LineChannels;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens the replica and leads it; all of it ends at once when `signal` is aborted. */
  readonly openLeader: (signal: AbortSignal) => Promise<Host>;
  /** Called in the tab that leads next, once it is likely to stay: makes opening faster. Ends with `signal`. */
  readonly warmUp: (signal: AbortSignal) => void;
  /** The room that the leader before was in. */
  readonly roomToResume: () => RoomChoice | undefined;
  readonly listener: TabSessionListener;
}

type Role =
  | { readonly name: "follower" }
  | { readonly name: "opening"; readonly opened: Promise<void> }
  | { readonly name: "leader"; readonly leader: TabLeader };

/** How long a tab is the next to lead before it gets ready for that, milliseconds: many pages are loaded just now. */
const warmUpAfterMs = 1_000;

/** Pause before a tab that could not open the database stands in line again, milliseconds. */
const reopenPauseMs = 1_000;

export const startTabSession = (options: TabSessionOptions): TabSession => {
  const { tab, names, locks, channels, clock, logger, listener } = options;
  const cutting = new AbortController();
  const held = new Set<ReleaseLock>();
  let role: Role = { name: "follower" };
  let closing: Promise<void> | undefined;
  /** Abandoned: whatever is still finished, nobody is told of. */
  let isMuted = false;

  const channel = channels.open(names.channel);
  const announce = (notice: TabNotice): void => channel.post(notice);
  const announceSelf = (state: "opening" | "open"): void => announce({ type: "leader", tabsVersion, tab, state });
  const follower = createFollower({ ...options, announce });

  channel.onMessage((message) => {
    if (closing !== undefined) return undefined;
    const notice = readNotice(message);
    if (notice === undefined) return logger.warn("an unknown message came from another tab");
    if (notice.type === "destroyed") return listener.destroyed();
    if (notice.type === "leader") return follower.noticed(notice);
    if (role.name === "opening") return announceSelf("opening");
    if (role.name !== "leader") return undefined;
    if (notice.tabsVersion !== tabsVersion) return announceSelf("open");
    return role.leader.accept(notice.tab, notice.line);
  });

  const take = (name: string, then: (release: ReleaseLock) => void): void => {
    locks.acquire(name, "exclusive", cutting.signal).then(
      (release) => {
        if (closing !== undefined) return release();
        held.add(release);
        then(release);
      },
      (error: unknown) => {
        if (closing !== undefined) return;
        const message = "this page may not use the locks that its tabs share a database by";
        listener.failed(new LedgerError("LEDGER_STORAGE_UNAVAILABLE", message, { cause: error }));
      },
    );
  };

  const standInLine = (): void =>
    take(names.heirLock, (release) => {
      const cancel = clock.setTimer(warmUpAfterMs, () => options.warmUp(cutting.signal));
      take(names.leaderLock, (releaseLeader) => {
        cancel();
        giveUp(release);
        follower.stop();
        role = { name: "opening", opened: lead(releaseLeader) };
      });
    });

  const giveUp = (release: ReleaseLock): void => {
    held.delete(release);
    release();
  };

  const lead = async (release: ReleaseLock): Promise<void> => {
    announceSelf("opening");
    try {
      const host = await openWithRetries(
        () => options.openLeader(cutting.signal),
        clock,
        () => closing === undefined,
      );
      // Keeps 1: close() waits for this.
      if (closing !== undefined) return await host.close();
      begin(host);
    } catch (error) {
      giveUp(release);
      if (closing === undefined) stepBack(toLedgerError(error));
    }
  };

  const begin = (host: Host): void => {
    const leader = createTabLeader({
      ...options,
      host,
      onEvent: (event) => (isMuted ? undefined : listener.happened(event)),
      onSnapshot: (snapshot) => (isMuted ? undefined : listener.snapshotChanged(snapshot)),
      onRoom: (room) => (isMuted ? undefined : listener.roomChanged(room)),
    });
    role = { name: "leader", leader };
    listener.leading(leader);
    // Looked up only now: calls that waited for a leader may have chosen another room, or none.
    const room = options.roomToResume();
    if (room !== undefined) leader.resume(room);
    announceSelf("open");
  };

  const stepBack = (error: LedgerError): void => {
    logger.warn("this tab was to lead and could not open the database", { error: error.message });
    role = { name: "follower" };
    follower.start();
    clock.setTimer(reopenPauseMs, () => {
      if (closing === undefined) standInLine();
    });
    listener.failed(error);
  };

  const giveBack = (): void => {
    cutting.abort(new LedgerError("LEDGER_CLOSED", "the tab left its database"));
    channel.close();
    for (const release of held) release();
    held.clear();
  };

  const closeNow = async (): Promise<void> => {
    follower.leave();
    if (role.name === "opening") await role.opened;
    if (role.name === "leader") await role.leader.close();
    giveBack();
  };

  take(names.tabLock(tab), () => {
    follower.start();
    standInLine();
  });

  return {
    get liveness() {
      return follower.liveness;
    },
    close: () => (closing ??= closeNow()),
    abandon: () => {
      if (closing !== undefined) return closing;
      if (role.name === "leader") {
        role.leader.sayGoodbye();
        isMuted = true;
        if (role.leader.isBusy) return (closing = closeNow());
      }
      closing = Promise.resolve();
      follower.leave();
      giveBack();
      return closing;
    },
    sayGoodbye: () => {
      if (role.name === "leader") role.leader.sayGoodbye();
      else follower.stop();
    },
  };
};
