/** What became of one row in one commit, as those who watch its table are told. */

import type { SiteId } from "../common/ids.ts";
import type { SqlValue } from "./value.ts";

/** Columns by name. */
export type RowValues = Readonly<Record<string, SqlValue>>;

interface Told {
  readonly table: string;
  /** `remote`: merged from a peer. */
  readonly origin: "local" | "remote";
  /** The replica's version after the commit. */
  readonly version: number;
}

interface RowTold extends Told {
  /** The columns of the primary key. */
  readonly key: RowValues;
  /** Id of the replica that wrote it, however many peers it came through. */
  readonly who: SiteId;
}

export type RowChange<R = RowValues> =
  | (RowTold & { readonly type: "insert"; readonly row: R })
  | (RowTold & {
      readonly type: "update";
      /** The whole row as it is now. */
      readonly row: R;
      /** The columns that changed, as they were. */
      readonly old: Partial<R>;
      /** The columns that changed, as they are now. */
      readonly new: Partial<R>;
    })
  /** `row` is the row as it was. */
  | (RowTold & { readonly type: "delete"; readonly row: R })
  /** Rows changed that are not told one by one: read the table again. */
  | (Told & { readonly type: "missed"; readonly reason: MissedReason });

/**
 * - `many-rows`: one commit changed more than 10,000 rows of the table, or 16 MiB of them.
 * - `interrupted`: the database was opened anew, by another tab or after a crash.
 * - `schema-changed`: a migration changed the table.
 * - `slow-reader`: a loop over the changes read so slowly that more than 20,000 were waiting for it.
 */
export type MissedReason = "many-rows" | "interrupted" | "schema-changed" | "slow-reader";
