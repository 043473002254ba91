/** What tabs ask of the hub of their replica, and what it tells all of them. Structured-cloneable. */

import type { SiteId } from "../common/ids.ts";
import type { PresenceId } from "./note.ts";
import type { Present } from "./presence-book.ts";

export type EphemeralRequest =
  /**
   * A tab says what it is; without a state it is not shown. With `isNew` it is there for the first time, or to this hub,
   * and is to be told of everyone.
   */
  | {
      readonly type: "presence";
      readonly id: PresenceId;
      readonly state: string | undefined;
      readonly isNew: boolean;
    }
  /** `number` rises with each message of the tab. */
  | {
      readonly type: "broadcast";
      readonly id: PresenceId;
      readonly number: number;
      readonly topic: string;
      readonly payload: string | Uint8Array;
    };

/** Told to all tabs in one order. */
export type EphemeralNews =
  /** `whole`: nobody else is present; otherwise what has changed. */
  | {
      readonly type: "presence";
      readonly whole: boolean;
      readonly present: readonly Present[];
      readonly gone: readonly PresenceId[];
    }
  | {
      readonly type: "broadcast";
      readonly id: PresenceId;
      readonly siteId: SiteId;
      readonly topic: string;
      readonly payload: string | Uint8Array;
    };
