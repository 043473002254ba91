/**
 * The leading tab's side: puts the calls of all tabs to the one Host and tells every tab what happens there. Followers
 * are told over lines; the tab itself by `onEvent` and `onSnapshot`.
 */

import { errorToWire, toLedgerError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { PresenceId } from "../ephemeral/note.ts";
import type { Host, HostEvent, HostSnapshot } from "../host.ts";
import { leftBehindBy, type ReplicaCall } from "../replica-call.ts";
import type { Locks } from "./locks.ts";
import { createRoomKeeper } from "./room-keeper.ts";
import type { LineChannels } from "./tab-channel.ts";
import {
  isWaiting,
  type FollowerMessage,
  type HostRequest,
  type LeaderMessage,
  type Outcome,
  type RoomChoice,
  type TabId,
  type TabNames,
} from "./tab-message.ts";
import { eventToWire } from "./wire-event.ts";

export interface TabLeader {
  readonly isRemote: false;
  readonly snapshot: HostSnapshot;
  /** Whether something that was asked is not answered yet, besides waits. */
  readonly isBusy: boolean;
  /** Enters the room that the leader before was in; a failure is told as event `error`. */
  resume(room: RoomChoice): void;
  /** Never rejects. May stay unanswered when the host is ended by force. */
  ask(request: HostRequest): Promise<Outcome>;
  /** Serves the tab over this line. One that it had before is over, with all that was begun there. */
  accept(tab: TabId, line: string): void;
  /**
   * Before the page goes: leaves the room at once, with a goodbye, and lets go of the followers that wait for no answer.
   * The room stays the one to be entered by the next leader.
   */
  sayGoodbye(): void;
  /** Answers what was asked so far, refuses the rest as unserved, and closes the host. Never rejects. */
  close(): Promise<void>;
}

export interface TabLeaderOptions {
  readonly tab: TabId;
  readonly host: Host;
  readonly names: TabNames;
  readonly locks: Locks;
  readonly lines: LineChannels;
  readonly logger: Logger;
  readonly onEvent: (event: HostEvent) => void;
  readonly onSnapshot: (snapshot: HostSnapshot) => void;
  /** The room that the replica is meant to be in has changed. */
  readonly onRoom: (room: RoomChoice | undefined) => void;
}

interface Follower {
  readonly post: (message: LeaderMessage) => void;
  readonly drop: () => void;
  /** Requests that were received and are not answered, besides waits. */
  unanswered: number;
  /** What ends the transactions and watches that the tab began and did not end. */
  readonly leftBehind: Map<string, ReplicaCall>;
  /** As what the tab is present in the room, once it has said so. */
  presenceId: PresenceId | undefined;
}

export const createTabLeader = (options: TabLeaderOptions): TabLeader => {
  const { host, names, locks, lines, logger } = options;
  const followers = new Map<TabId, Follower>();
  let isClosing = false;
  let running = 0;

  const tellAll = (message: LeaderMessage): void => {
    for (const follower of followers.values()) follower.post(message);
  };
  const tellEvent = (event: HostEvent): void => {
    tellAll({ type: "event", event: eventToWire(event) });
    options.onEvent(event);
  };
  host.onSnapshot((snapshot) => {
    tellAll({ type: "snapshot", snapshot });
    options.onSnapshot(snapshot);
  });
  host.onEvent(tellEvent);

  const keeper = createRoomKeeper({
    host,
    onChoice: (room) => {
      tellAll({ type: "room", room });
      options.onRoom(room);
    },
  });

  const perform = (request: HostRequest): Promise<unknown> => {
    switch (request.type) {
      case "call":
        return host.call(request.call);
      case "connect":
        return keeper.connect(request.room);
      case "disconnect":
        return keeper.disconnect();
      case "forget-room":
        return keeper.forget(request.token);
      case "ephemeral":
        return host.ephemeral(request.request);
    }
  };

  const ask = async (request: HostRequest): Promise<Outcome> => {
    if (isClosing) return { type: "unserved" };
    const weight = isWaiting(request) ? 0 : 1;
    running += weight;
    try {
      return { type: "answer", value: await perform(request) };
    } catch (error) {
      // The next leader enters the room that this one was still entering, and goes on waiting.
      if (isClosing && (request.type === "connect" || isWaiting(request))) return { type: "unserved" };
      return { type: "refusal", error };
    } finally {
      running -= weight;
    }
  };

  const serve = async (follower: Follower, id: number, request: HostRequest): Promise<void> => {
    const weight = isWaiting(request) ? 0 : 1;
    follower.unanswered += weight;
    if (request.type === "call") note(follower, request.call);
    if (request.type === "ephemeral") follower.presenceId = request.request.id;
    const outcome = await ask(request);
    follower.unanswered -= weight;
    if (outcome.type === "refusal") follower.post({ type: "refusal", id, error: errorToWire(outcome.error) });
    else follower.post({ ...outcome, id });
  };

  const note = ({ leftBehind }: Follower, call: ReplicaCall): void => {
    const left = leftBehindBy(call);
    if (left?.end !== undefined) leftBehind.set(left.id, left.end);
    else if (left !== undefined) leftBehind.delete(left.id);
  };

  /** Nobody is left to end what the tab began. */
  const endFor = ({ leftBehind }: Follower): void => {
    for (const end of leftBehind.values()) {
      host.call(end).catch((error: unknown) => {
        logger.warn("what a tab left behind was not ended", { call: end.type, error: String(error) });
      });
    }
    leftBehind.clear();
  };

  const release = (tab: TabId, follower: Follower): void => {
    follower.drop();
    endFor(follower);
    if (followers.get(tab) !== follower) return;
    followers.delete(tab);
    const { presenceId: id } = follower;
    if (id !== undefined && !isClosing) {
      void host.ephemeral({ type: "presence", id, state: undefined, isNew: false });
    }
  };

  const receive = (tab: TabId, follower: Follower, message: FollowerMessage): void => {
    switch (message.type) {
      case "request":
        return void serve(follower, message.id, message.request);
      case "ping":
        // A frozen page still hears of BroadcastChannel, but nothing goes on there: one that did not get done with closing
        // before it froze must not pass for a leader that responds.
        return isClosing ? undefined : follower.post({ type: "pong" });
      case "leave":
        return release(tab, follower);
    }
  };

  const accept = (tab: TabId, line: string): void => {
    const before = followers.get(tab);
    before?.drop();
    // What was asked for there and not answered is asked for again here: nothing of it may find its transaction open.
    if (before !== undefined) endFor(before);
    const channel = lines.open(names.line(line));
    const watching = new AbortController();
    const follower: Follower = {
      unanswered: 0,
      leftBehind: new Map(),
      presenceId: before?.presenceId,
      post: (message) => channel.post(message),
      drop: () => {
        watching.abort();
        channel.close();
      },
    };
    channel.onMessage((message) => receive(tab, follower, message as FollowerMessage));
    followers.set(tab, follower);
    follower.post({ type: "welcome", leader: options.tab, snapshot: host.snapshot, room: keeper.choice });
    channel.hasten();
    logger.debug("a tab follows", { tab });

    // The lock is had when the tab is gone, however it went.
    locks.acquire(names.tabLock(tab), "shared", watching.signal).then(
      (unlock) => {
        unlock();
        release(tab, follower);
      },
      () => {}, // Dropped before.
    );
  };

  const bidFarewell = (): void => {
    for (const [tab, follower] of followers) {
      if (follower.unanswered > 0) continue;
      follower.post({ type: "farewell" });
      release(tab, follower);
    }
  };

  return {
    isRemote: false,
    get snapshot() {
      return host.snapshot;
    },
    get isBusy() {
      return running > 0;
    },
    resume: (room) => {
      keeper.connect(room).catch((error: unknown) => {
        if (!isClosing) tellEvent({ name: "error", args: [toLedgerError(error)] });
      });
    },
    ask,
    accept,
    sayGoodbye: () => {
      void host.disconnect();
      bidFarewell();
    },
    close: async () => {
      isClosing = true;
      await host.close();
      bidFarewell();
      for (const [tab, follower] of followers) release(tab, follower);
    },
  };
};
