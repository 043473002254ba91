/**
 * What the tabs of one database say to each other. Everything is structured-cloneable.
 * On the channel of the database a leader announces itself and followers ask to join; all the rest goes over a line: a
 * channel that one follower and its leader have for themselves.
 */

import type { WireError } from "../common/errors.ts";
import type { EphemeralRequest } from "../ephemeral/ephemeral-request.ts";
import type { HostEvent, HostSnapshot } from "../host.ts";
import { isWait, type ReplicaCall } from "../replica-call.ts";

/** Tabs that speak different versions do not work together. Raise it whenever a type below changes its meaning. */
export const tabsVersion = 6;

declare const brand: unique symbol;

/** One tab's presence at one database, from opening or coming back to closing or being put away. */
export type TabId = string & { readonly [brand]: "TabId" };

/** Must never change in any version, or tabs could not tell that they differ: `tabsVersion` and the notices "leader" and "destroyed". */
export type TabNotice =
  | {
      readonly type: "leader";
      readonly tabsVersion: number;
      readonly tab: TabId;
      readonly state: "opening" | "open";
    }
  | { readonly type: "join"; readonly tabsVersion: number; readonly tab: TabId; readonly line: string }
  /** Somebody removes the database: to be let go at once, and for good. */
  | { readonly type: "destroyed"; readonly tabsVersion: number };

/** The room that the replica is meant to be in. */
export interface RoomChoice {
  readonly url: string;
  /**
   * Told to the other tabs so that the next leader can enter the room. They are of the same origin, where each can read
   * what the others hold anyway.
   */
  readonly token: string;
}

/** What is asked of a Host. */
export type HostRequest =
  | { readonly type: "call"; readonly call: ReplicaCall }
  | { readonly type: "connect"; readonly room: RoomChoice }
  | { readonly type: "disconnect" }
  | { readonly type: "forget-room"; readonly token: string }
  | { readonly type: "ephemeral"; readonly request: EphemeralRequest };

/** Whether its answer may be long in coming: no tab's going waits for it, and the next leader may be asked again. */
export const isWaiting = (request: HostRequest): boolean => request.type === "call" && isWait(request.call);

export interface HostAnswers {
  /** As the call's type says. */
  readonly call: unknown;
  readonly connect: undefined;
  readonly disconnect: undefined;
  readonly "forget-room": undefined;
  readonly ephemeral: undefined;
}

export type FollowerMessage =
  | { readonly type: "request"; readonly id: number; readonly request: HostRequest }
  | { readonly type: "ping" }
  | { readonly type: "leave" };

/** A public event as it travels: an error does not keep its class through a structured clone. */
export type WireEvent =
  Exclude<HostEvent, { readonly name: "error" }> | { readonly name: "error"; readonly error: WireError };

export type LeaderMessage =
  /** The first message on a line. */
  | {
      readonly type: "welcome";
      readonly leader: TabId;
      readonly snapshot: HostSnapshot;
      readonly room: RoomChoice | undefined;
    }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly error: WireError }
  /** The request came too late and nothing of it was done: the next leader may be asked. */
  | { readonly type: "unserved"; readonly id: number }
  | { readonly type: "snapshot"; readonly snapshot: HostSnapshot }
  | { readonly type: "event"; readonly event: WireEvent }
  | { readonly type: "room"; readonly room: RoomChoice | undefined }
  | { readonly type: "pong" }
  /** The last message: this leader has answered all that it received, and nothing was done of what it did not answer. */
  | { readonly type: "farewell" };

/** What became of a request. */
export type Outcome =
  | { readonly type: "answer"; readonly value: unknown }
  | { readonly type: "refusal"; readonly error: unknown }
  | { readonly type: "unserved" };

/** Names of the locks and channels of a database. */
export const tabNames = (dbName: string) => ({
  /** Whoever holds this lock leads. */
  leaderLock: `ledger:${dbName}`,
  /** Held by the tab that leads next, while it waits for the leader's lock. */
  heirLock: `ledger-heir:${dbName}`,
  /** Held by each tab for as long as it is there, so that the others learn of its death from the platform. */
  tabLock: (tab: TabId): string => `ledger-tab:${dbName}:${tab}`,
  channel: `ledger:${dbName}`,
  line: (id: string): string => `ledger-line:${dbName}:${id}`,
});

export type TabNames = ReturnType<typeof tabNames>;

/** Undefined for what no version of these messages can be. */
export const readNotice = (message: unknown): TabNotice | undefined => {
  if (typeof message !== "object" || message === null) return undefined;
  const { type, tabsVersion: version } = message as Partial<TabNotice>;
  return (type === "leader" || type === "join" || type === "destroyed") && typeof version === "number"
    ? (message as TabNotice)
    : undefined;
};
