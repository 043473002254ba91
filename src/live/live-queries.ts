/** The live queries of one Ledger: puts runs and queries together. */

import type { Clock } from "../common/clock.ts";
import type { LedgerError } from "../common/errors.ts";
import type { ExecRequest } from "../database/database.ts";
import type { RowChanges } from "./rows.ts";
import { createFrames, type FrameSource } from "./frames.ts";
import { createLiveQuery, type LiveOptions, type LiveQuery, type LiveQueryParts } from "./live-query.ts";
import { createLiveRuns, type LiveRuns, type LiveRunsOptions } from "./live-runs.ts";

export interface LiveQueries extends Pick<LiveRuns, "touched" | "reset" | "close"> {
  /** @throws LedgerError LEDGER_OPTION_INVALID */
  open<R>(request: ExecRequest, options: LiveOptions<R> | undefined): LiveQuery<R, RowChanges<R> | undefined>;
}

export const createLiveQueries = (options: {
  readonly read: LiveRunsOptions["read"];
  readonly clock: Clock;
  readonly frames: FrameSource;
  /** A statement fails and nobody else is told. */
  readonly failed: (error: LedgerError) => void;
  readonly listenerThrew: (error: unknown) => void;
}): LiveQueries => {
  const runs = createLiveRuns({ read: options.read, nextFrame: createFrames(options.clock, options.frames) });
  const parts: LiveQueryParts = { runs, onUnhandled: options.failed, onThrown: options.listenerThrew };
  return {
    open: (request, liveOptions) => createLiveQuery(parts, request, liveOptions),
    touched: runs.touched,
    reset: runs.reset,
    close: runs.close,
  };
};
