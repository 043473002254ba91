/** What page and worker say to each other. Everything is structured-cloneable; frames are transferred, not copied. */

import type { WireError } from "./common/errors.ts";
import type { LinkId, SiteId } from "./common/ids.ts";
import type { Commit } from "./database/database.ts";
import type { Conflict } from "./database/conflicts.ts";
import type { RowChange } from "./database/row-change.ts";
import type { ReplicaCall } from "./replica-call.ts";
import type { ReplicaIdentity, ReplicaOptions } from "./replica.ts";
import type { PeerProgress } from "./replicator.ts";
import type { Route } from "./transport/channel.ts";
import type { LinkPeer } from "./transport/link.ts";

/** Of the page, answered by one `answer` of the same `id`. */
export type ReplicaRequest =
  | { readonly type: "open"; readonly options: ReplicaOptions; readonly logs: boolean }
  | { readonly type: "call"; readonly call: ReplicaCall }
  | { readonly type: "renew-identity" }
  | { readonly type: "close" };

/** What a request is answered with. */
export interface RequestAnswers {
  readonly open: ReplicaIdentity;
  /** As the call's type says. */
  readonly call: unknown;
  readonly "renew-identity": undefined;
  readonly close: undefined;
}

export type PageMessage =
  /** Before `open`, which may come much later or never: see warmUpEngine(). */
  | { readonly type: "warm-up"; readonly wasmUrl?: string }
  | { readonly type: "request"; readonly id: number; readonly request: ReplicaRequest }
  | { readonly type: "peer-expected"; readonly peer: SiteId }
  | { readonly type: "link-opened"; readonly link: LinkId; readonly peer: LinkPeer; readonly route: Route }
  | { readonly type: "link-frame"; readonly link: LinkId; readonly frame: Uint8Array<ArrayBuffer> }
  /** The link took so many bytes of what it was given. */
  | { readonly type: "link-taken"; readonly link: LinkId; readonly bytes: number }
  | { readonly type: "link-closed"; readonly link: LinkId; readonly reason: string };

export type WorkerMessage =
  | { readonly type: "answer"; readonly id: number; readonly version: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly version: number; readonly error: WireError }
  | { readonly type: "commit"; readonly commit: Commit }
  | { readonly type: "conflict"; readonly conflict: Conflict }
  | { readonly type: "rows"; readonly changes: readonly RowChange[] }
  | { readonly type: "reset" }
  | { readonly type: "sync"; readonly count: number; readonly peer: SiteId }
  | { readonly type: "schema-ahead" | "diverged"; readonly peer: SiteId }
  | { readonly type: "progress"; readonly progress: readonly PeerProgress[] }
  | { readonly type: "error"; readonly error: WireError }
  | { readonly type: "identity"; readonly identity: ReplicaIdentity }
  | {
      readonly type: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields?: Readonly<Record<string, string | number | boolean | undefined>>;
    }
  | { readonly type: "link-send"; readonly link: LinkId; readonly frame: Uint8Array<ArrayBuffer> }
  /** The oldest frame not yet consumed has been. */
  | { readonly type: "link-consumed"; readonly link: LinkId }
  | { readonly type: "link-close"; readonly link: LinkId; readonly reason: string };

/** The part of a MessagePort or Worker that both sides use. */
export interface MessageEndpoint<Out, In> {
  post(message: Out, transfer?: readonly ArrayBuffer[]): void;
  /** One listener only. */
  onMessage(listener: (message: In) => void): void;
}
