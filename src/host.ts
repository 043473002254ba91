/**
 * Port: what stands behind a Ledger. In the tab that leads it is the replica and its room; in a tab that follows it is a
 * line to the leader.
 */

import type { LedgerEvents, LedgerStatus } from "./api.ts";
import type { Unsubscribe } from "./common/emitter.ts";
import type { SiteId } from "./common/ids.ts";
import type { StorageKind } from "./database/database.ts";
import type { EphemeralNews, EphemeralRequest } from "./ephemeral/ephemeral-request.ts";
import type { RowChange } from "./database/row-change.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";

/** A public event and its arguments, as one value that can be posted. `error` carries a LedgerError. */
type PublicEvent = {
  [K in keyof LedgerEvents]: { readonly name: K; readonly args: LedgerEvents[K] };
}[Exclude<keyof LedgerEvents, "status" | "presence">];

export type HostEvent =
  | PublicEvent
  /** Rows of watched tables changed; told before the `change` of the same commit. */
  | { readonly name: "rows"; readonly args: readonly [changes: readonly RowChange[]] }
  /** For the tab's presence, which makes public events of it. */
  | { readonly name: "ephemeral"; readonly args: readonly [news: EphemeralNews] }
  /** What was read before may be outdated in ways that no `change` tells, as after a change of the schema. */
  | { readonly name: "reset"; readonly args: readonly [] };

/** Everything that the synchronous getters answer from. */
export interface HostSnapshot extends Omit<LedgerStatus, "state"> {
  readonly storage: StorageKind;
  readonly role: "leader" | "follower";
  readonly leader: "responding" | "unresponsive";
  readonly nodeId: SiteId;
}

export interface Host {
  /** As of the newest answer or event. A new object whenever something in it changed. */
  readonly snapshot: HostSnapshot;
  /** Of the room that is entered or being entered. Not part of the snapshot, which may be shown and logged. */
  readonly token: string | undefined;
  call<C extends ReplicaCall>(call: C): Promise<AnswerTo<C>>;
  /** Resolves once the room is joined. See Ledger.connect for what it rejects with. */
  connect(url: string, token: string): Promise<void>;
  disconnect(): Promise<void>;
  /** Leaves the room of `token` if it is in it, and removes its keys from this browser. */
  forgetRoom(token: string): Promise<void>;
  /** Resolves once the request has reached the page that owns the links; what it leads to comes as events. */
  ephemeral(request: EphemeralRequest): Promise<void>;
  /** Public events in order, each once; `snapshot` is up to date when the listener is called. */
  onEvent(listener: (event: HostEvent) => void): Unsubscribe;
  /** Another opening of the database answers from now on: what calls had set up in the one before is gone. */
  onReopened(listener: () => void): Unsubscribe;
  /** `snapshot` changed. */
  onSnapshot(listener: (snapshot: HostSnapshot) => void): Unsubscribe;
  /** Idempotent, never rejects. */
  close(): Promise<void>;
}
