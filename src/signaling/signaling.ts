/**
 * Port: a membership in one room at a meeting point. It introduces members to each other and carries their opaque,
 * already sealed payloads. It heals itself: a lost connection is opened anew under a fresh member id.
 */

import type { LedgerError } from "../common/errors.ts";
import type { Unsubscribe } from "../common/emitter.ts";
import type { MemberId } from "../common/ids.ts";

/**
 * A TURN server of the meeting point's operator, with credentials that expire. A hint: whoever relays learns the
 * addresses of both ends, so the app may have said no.
 */
export interface SuggestedIceServer {
  /** `turn:` and `turns:` only. */
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

export interface SignalingEvents {
  /**
   * In the room under `self`, which is new on every connection; `members` are the others there. `iceServers` is for
   * links opened from now on; left out when the operator has none.
   */
  joined: readonly [self: MemberId, members: readonly MemberId[], iceServers?: readonly SuggestedIceServer[]];
  /** Replace those of `joined`, well before they expire. */
  "ice-servers": readonly [iceServers: readonly SuggestedIceServer[]];
  "member-joined": readonly [member: MemberId];
  "member-left": readonly [member: MemberId];
  message: readonly [from: MemberId, payload: Uint8Array<ArrayBuffer>];
  /** What a member handed to `relay`. */
  relayed: readonly [from: MemberId, payload: Uint8Array<ArrayBuffer>];
  /** More can be relayed, after `relay` said no. */
  "relay-credit": readonly [];
  /** The meeting point relays no more for this membership. */
  "relay-over": readonly [];
  /** The connection was lost after `joined`. Members stay who they are; their links do not depend on it. */
  lost: readonly [];
  /** About to try again; `attempt` counts from 1 and starts over after `joined`. */
  reconnecting: readonly [attempt: number, delayMs: number];
  /** One attempt did not succeed. */
  failed: readonly [error: LedgerError];
}

export interface Signaling {
  /** True between `joined` and `lost`. */
  readonly connected: boolean;
  /** Hands `payload` (at most `maxPayloadBytes`) to a member; dropped when not connected or the member has left. */
  send(to: MemberId, payload: Uint8Array<ArrayBuffer>): void;
  /** Whether the meeting point relays, which is up to its operator; may be otherwise after the next `joined`. */
  readonly relays: boolean;
  /**
   * Like `send`, for the traffic of links: paid for by credit that the meeting point gives. False when there is not
   * enough, and nothing was sent: try again after `relay-credit`.
   */
  relay(to: MemberId, payload: Uint8Array<ArrayBuffer>): boolean;
  /** Asks for an `ice-servers` event with new credentials. Nothing comes when not connected or the operator has none. */
  renewIceServers(): void;
  on<K extends keyof SignalingEvents>(event: K, listener: (...args: SignalingEvents[K]) => void): Unsubscribe;
  /** Leaves the room for good. Idempotent; no event follows. */
  close(): void;
}

/** Fits, base64url-coded and wrapped, in the server's frame limit of 16 KiB. */
export const maxPayloadBytes = 11 * 1024;
