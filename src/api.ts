/** Types of the public API that are not options: events, results, status. No logic. */

import type { LedgerError } from "./common/errors.ts";
import type { SiteId } from "./common/ids.ts";
import type { Conflict } from "./database/conflicts.ts";
import type { RowMode, StorageKind } from "./database/database.ts";
import type { SqlParams, SqlValue } from "./database/value.ts";
import type { PresencePeer } from "./presence.ts";
import type { Route } from "./transport/channel.ts";

/** A row keyed by column name. Of several columns with one name the last is kept. */
export type Row = Readonly<Record<string, SqlValue>>;

export interface ExecOptions {
  /** `object` (default): rows keyed by column name; `array`: values in the order of `columns`. */
  readonly rowMode?: RowMode;
}

export interface ExecResult<R = Row> {
  readonly columns: readonly string[];
  readonly rows: readonly R[];
  /** Rows that INSERT, UPDATE and DELETE changed; 0 for a query. */
  readonly rowsAffected: number;
}

/** A statement of `batch()`: its text, or with params. */
export type BatchStatement = string | { readonly sql: string; readonly params?: SqlParams };

/** Some commit changed these tables. */
export interface ChangeEvent {
  /** Names of the tables whose rows changed, sorted. */
  readonly tables: readonly string[];
  readonly origin: "local" | "remote";
  /** With `remote`: the peer that the changes came from. */
  readonly peerId?: SiteId;
}

/** The events and the arguments of their listeners. */
export interface LedgerEvents {
  /** Changes of a peer were merged; `count` is the number of changes that had an effect. */
  sync: readonly [count: number, peerId: SiteId];
  /** A peer was discovered in the room. */
  "peer-join": readonly [peerId: SiteId];
  /** The link to a peer is open and authenticated. */
  "peer-ready": readonly [peerId: SiteId];
  /** A peer is gone: it left, closed, reloaded, crashed, or its link broke. */
  "peer-leave": readonly [peerId: SiteId];
  /** The bytes of a linked peer take another way than before. Which way they take at first is in `status().peers`. */
  route: readonly [peerId: SiteId, route: Route];
  /** Joined the room at the signaling server for the first time since connect(). */
  connected: readonly [];
  /** Left by disconnect() or close(), or lost the signaling server. Live links go on. */
  disconnected: readonly [];
  /** About to try to reach the signaling server again; `attempt` counts from 1. */
  reconnecting: readonly [attempt: number];
  /** Joined again after `reconnecting`. */
  reconnected: readonly [];
  /** Rows of some tables changed, here or elsewhere. */
  change: readonly [change: ChangeEvent];
  /** `presence.peers` has changed. */
  presence: readonly [peers: readonly PresencePeer[]];
  /** A merge replaced a value that was written here and that no peer had seen. */
  conflict: readonly [conflict: Conflict];
  /**
   * A peer's schema is newer than the own one: what has no place here waits until this replica has migrated as well. Told
   * once per link, and again when either schema changes. A good time to offer a reload.
   */
  "schema-ahead": readonly [peerId: SiteId];
  /**
   * A peer holds other rows than this replica, although both hold the same as far as they knew: a defect, or a damaged
   * file. Everything is exchanged with the peer anew, which repairs what a merge can.
   */
  diverged: readonly [peerId: SiteId];
  /** `status()` would answer differently from before. */
  status: readonly [status: LedgerStatus];
  /** Something went wrong that no promise reports. */
  error: readonly [error: LedgerError];
}

export type LedgerEventName = keyof LedgerEvents;

/** How long to wait for replicas. */
export interface WaitOptions {
  /** Milliseconds, 0 to 2,147,483,647. Default 30,000. */
  readonly timeoutMs?: number;
  /** Aborting it ends the wait with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** A peer as `status()` shows it. */
export interface PeerStatus {
  readonly peerId: SiteId;
  /** `joined`: discovered, no link yet; `ready`: linked. */
  readonly state: "joined" | "ready";
  /**
   * With `ready`: the way its bytes take. `webrtc`: directly or through TURN; `relay`: through the signaling server,
   * encrypted from end to end; `memory`: in tests.
   */
  readonly route?: Route;
  /**
   * With `ready`: what this replica holds and the peer is not known to hold. `changes` is 0 exactly when there is nothing.
   * What is on its way counts until the peer has stored it; what was not read yet is counted up to 100,000 changes a
   * table, the peer's own among them, and its bytes are estimated from those before. While nothing is counted yet it is 1.
   */
  readonly pending?: { readonly changes: number; readonly bytes: number };
  /** Whether this replica and the peer hold the same rows, by digest, as of the last time both were idle. */
  readonly digest: "unknown" | "same" | "different";
  /**
   * How the peer's synced tables and columns relate to the own ones; absent until the peer said what they are. `different`:
   * neither has run more migrations than the other.
   */
  readonly schema?: "same" | "ahead" | "behind" | "different";
  /** Milliseconds since the epoch of the last message that changed what either side knows; absent before the first. */
  readonly lastSyncAt?: number;
  /** Last measured round trip, milliseconds. */
  readonly roundTripMs?: number;
}

/**
 * Signaling payloads that were thrown away because they were not what a member sent to us, by reason. A few `forged` ones
 * are harmless: somebody tries another token under this room's id, or a server makes mistakes. Many mean that the server or
 * a member attacks; what gets through is still proven anew on every link.
 */
export interface SignalingDrops {
  /** Not sealed by a member for us: foreign, altered, or meant for somebody else. */
  readonly forged: number;
  /** Sealed, but against the rules. */
  readonly malformed: number;
  /** Seen before, or overtaken by a later one. */
  readonly replayed: number;
  /** Our own, come back. */
  readonly reflected: number;
}

/** A synchronous snapshot of the whole. */
export interface LedgerStatus {
  readonly state: "new" | "opening" | "open" | "failed" | "closed";
  /** Absent until open. */
  readonly storage?: StorageKind;
  /**
   * Whether the browser promises not to clear this origin's storage when space runs short, as of init() or persist() in this
   * tab. Absent until known, and where nothing is stored.
   */
  readonly persistent?: boolean;
  /** Whether this tab owns the database (`leader`) or reaches it through another tab (`follower`). Absent until open. */
  readonly role?: "leader" | "follower";
  /**
   * `unresponsive`: the tab that owns the database has not answered for four seconds; calls wait until it does, or until
   * it is closed and another tab takes over. Absent until open.
   */
  readonly leader?: "responding" | "unresponsive";
  readonly signaling: "off" | "connecting" | "connected" | "reconnecting";
  /** Since connect(); absent while not connected to a room. In tabs that follow it may lag behind. */
  readonly signalingDrops?: SignalingDrops;
  readonly peers: readonly PeerStatus[];
  /** Absent until open. */
  readonly nodeId?: SiteId;
  /** The replica's own version: grows with every commit to a synced table, and jumps at every opening. */
  readonly version: number;
}
