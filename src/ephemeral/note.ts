/**
 * What replicas tell each other that is never stored: who is present, and messages to the room. docs/protocol.md is the
 * specification; note-codec.ts the bytes.
 */

import type { SiteId } from "../common/ids.ts";

declare const brand: unique symbol;

/** One tab's presence at its database: 8 random bytes as 16 lower-case hex digits. The same for as long as the tab lives. */
export type PresenceId = string & { readonly [brand]: "PresenceId" };

/**
 * What is said of one tab. Of two entries the one with the higher beat is newer; `since` is the beat at which the tab's
 * replica set the state.
 * `state`: it is there, with this state. `beat`: it is still there, with the state it has since then. `gone`: it is not
 * there any more. `doubt`: a link to its replica broke; unless it speaks up soon it is gone.
 */
export type PresenceEntry =
  | {
      readonly type: "state";
      readonly id: PresenceId;
      readonly beat: number;
      readonly since: number;
      readonly siteId: SiteId;
      /** JSON text. */
      readonly state: string;
    }
  | { readonly type: "beat"; readonly id: PresenceId; readonly beat: number; readonly since: number }
  | { readonly type: "gone"; readonly id: PresenceId; readonly beat: number }
  | { readonly type: "doubt"; readonly id: PresenceId; readonly beat: number };

export interface PresenceNote {
  readonly type: "presence";
  readonly entries: readonly PresenceEntry[];
}

/** A message to everyone in the room. */
export interface BroadcastNote {
  readonly type: "broadcast";
  /** Who sent it; with `number` it names the message. */
  readonly id: PresenceId;
  readonly number: number;
  readonly siteId: SiteId;
  /** Links it has come over before this one. */
  readonly hops: number;
  readonly topic: string;
  /** JSON text, or bytes as they are. */
  readonly payload: string | Uint8Array;
}

/** The sites that the sender is linked with: whatever it passes on, it passes on to all of them. */
export interface NeighboursNote {
  readonly type: "neighbours";
  readonly sites: readonly SiteId[];
}

export type Note = PresenceNote | BroadcastNote | NeighboursNote;

/** Bounds on what is accepted; the first three also on what an app may send. All but the last two in bytes. */
export const noteLimits = {
  stateBytes: 4 * 1024,
  payloadBytes: 8 * 1024,
  topicBytes: 128,
  hops: 32,
  neighbours: 64,
} as const;
