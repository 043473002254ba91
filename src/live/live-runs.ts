/**
 * What keeps live queries current: which statements are watched, which tables each reads, and when each runs again.
 * Says nothing of subscribers and keys, see live-query.ts.
 * 1. Of one statement at most one run is under way; whoever watches the same statement with the same params shares it.
 * 2. A commit costs nothing but the runs that read one of its tables; they are found by table.
 * 3. What a commit or reset touched while it was being read is read again. Its outdated answer is dropped, but never two
 *    in a row, so that steady writing does not keep everybody from seeing anything.
 * 4. An answer that equals the one before is told to nobody, and no answer to whoever has left.
 */

import { toLedgerError, type LedgerError } from "../common/errors.ts";
import { anyTable, type ExecRequest, type QueryResult } from "../database/database.ts";
import type { NextFrame } from "./frames.ts";
import { areResultsEqual } from "./rows.ts";
import { paramsToText } from "./values-to-text.ts";

/** Told from within watch() when something is known already. */
export interface Watcher {
  changed(rows: QueryResult["rows"]): void;
  /** Goes on being watched: a later run may succeed. */
  failed(error: LedgerError): void;
  /** Nothing more is told. */
  ended(): void;
}

export interface LiveRuns {
  /** Keeps the statement current until the answer is called, which is idempotent. */
  watch(request: ExecRequest, watcher: Watcher): () => void;
  /** The rows of a statement that is watched right now, when they are known. */
  peek(request: ExecRequest): QueryResult["rows"] | undefined;
  /** A commit changed rows of these tables. */
  touched(tables: readonly string[]): void;
  /** Whatever was read may be outdated; also called when reading first becomes possible. */
  reset(): void;
  /** Ends all. */
  close(): void;
}

export interface LiveRunsOptions {
  /** Not called before the first reset(). */
  readonly read: (request: ExecRequest) => Promise<QueryResult>;
  readonly nextFrame: NextFrame;
}

interface Run {
  readonly id: string;
  readonly request: ExecRequest;
  readonly watchers: Set<Watcher>;
  tables: readonly string[];
  rows: QueryResult["rows"] | undefined;
  error: LedgerError | undefined;
  /** Whether the last answer was dropped. */
  hasDropped: boolean;
}

type Answer = { readonly result: QueryResult } | { readonly error: LedgerError };

export const createLiveRuns = ({ read, nextFrame }: LiveRunsOptions): LiveRuns => {
  let state: "waiting" | "open" | "closed" = "waiting";
  const runsById = new Map<string, Run>();
  const runsByTable = new Map<string, Set<Run>>();
  /** Runs that must be made, at the next frame. */
  const due = new Set<Run>();
  /** Runs that nobody watches any more; whoever comes back before the next frame finds them as they were. */
  const unwatched = new Set<Run>();
  /** Runs under way, each with the tables that were touched since it began. */
  const underWay = new Map<Run, Set<string>>();
  let cancelFrame: (() => void) | undefined;

  const schedule = (): void => {
    cancelFrame ??= nextFrame(() => {
      cancelFrame = undefined;
      for (const run of unwatched) if (run.watchers.size === 0) remove(run);
      unwatched.clear();
      for (const run of due) start(run);
    });
  };

  /** Keeps 1: what is under way sees by itself that it was touched. */
  const demand = (run: Run): void => {
    if (underWay.has(run)) return;
    due.add(run);
    schedule();
  };

  const start = (run: Run): void => {
    if (state !== "open") return;
    due.delete(run);
    underWay.set(run, new Set());
    read(run.request).then(
      (result) => finish(run, { result }),
      (error: unknown) => finish(run, { error: toLedgerError(error) }),
    );
  };

  const finish = (run: Run, answer: Answer): void => {
    const touched = underWay.get(run);
    if (touched === undefined) return; // Keeps 4.
    underWay.delete(run);
    if ("result" in answer) place(run, answer.result.readTables);
    // What it reads is not known, and any commit may be what mends it.
    else if (run.rows === undefined) place(run, [anyTable]);

    if (concerns(run, touched)) {
      demand(run);
      run.hasDropped = !run.hasDropped; // Keeps 3.
      if (run.hasDropped) return;
    }
    run.hasDropped = false;
    if ("result" in answer) succeed(run, answer.result.rows);
    else fail(run, answer.error);
  };

  const concerns = (run: Run, touched: ReadonlySet<string>): boolean => {
    if (touched.has(anyTable)) return true;
    return run.tables.includes(anyTable) ? touched.size > 0 : run.tables.some((table) => touched.has(table));
  };

  const succeed = (run: Run, rows: QueryResult["rows"]): void => {
    const isSame = run.rows !== undefined && areResultsEqual(run.rows, rows);
    if (isSame && run.error === undefined) return; // Keeps 4.
    if (!isSame) run.rows = rows;
    run.error = undefined;
    tellAll(run, (watcher) => watcher.changed(run.rows ?? rows));
  };

  const fail = (run: Run, error: LedgerError): void => {
    if (run.error?.code === error.code && run.error.message === error.message) return;
    run.error = error;
    tellAll(run, (watcher) => watcher.failed(error));
  };

  const tellAll = (run: Run, tell: (watcher: Watcher) => void): void => {
    for (const watcher of [...run.watchers]) if (run.watchers.has(watcher)) tell(watcher);
  };

  const place = (run: Run, tables: readonly string[]): void => {
    for (const table of run.tables) {
      const others = runsByTable.get(table);
      others?.delete(run);
      if (others?.size === 0) runsByTable.delete(table);
    }
    run.tables = tables;
    for (const table of tables) {
      const others = runsByTable.get(table) ?? new Set();
      runsByTable.set(table, others.add(run));
    }
  };

  const remove = (run: Run): void => {
    runsById.delete(run.id);
    place(run, []);
    due.delete(run);
    underWay.delete(run);
  };

  const open = (request: ExecRequest): Run => {
    const run: Run = {
      id: idOf(request),
      request,
      watchers: new Set(),
      tables: [],
      rows: undefined,
      error: undefined,
      hasDropped: false,
    };
    runsById.set(run.id, run);
    start(run);
    return run;
  };

  return {
    watch: (request, watcher) => {
      if (state === "closed") {
        watcher.ended();
        return () => {};
      }
      const run = runsById.get(idOf(request)) ?? open(request);
      run.watchers.add(watcher);
      if (run.error !== undefined) watcher.failed(run.error);
      else if (run.rows !== undefined) watcher.changed(run.rows);
      return () => {
        if (!run.watchers.delete(watcher) || run.watchers.size > 0 || state === "closed") return;
        unwatched.add(run);
        schedule();
      };
    },
    peek: (request) => {
      const run = runsById.get(idOf(request));
      return run?.error === undefined ? run?.rows : undefined;
    },
    touched: (tables) => {
      const names = tables.map((table) => table.toLowerCase());
      for (const touched of underWay.values()) for (const name of names) touched.add(name);
      for (const name of [...names, anyTable]) for (const run of runsByTable.get(name) ?? []) demand(run);
    },
    reset: () => {
      if (state === "closed") return;
      state = "open";
      for (const touched of underWay.values()) touched.add(anyTable);
      for (const run of runsById.values()) demand(run);
    },
    close: () => {
      state = "closed";
      cancelFrame?.();
      const watchers = [...runsById.values()].flatMap((run) => [...run.watchers]);
      for (const runs of [runsById, runsByTable, due, unwatched, underWay]) runs.clear();
      for (const watcher of watchers) watcher.ended();
    },
  };
};

/** The same for what is the same statement with the same params. */
const idOf = ({ sql, params }: ExecRequest): string => `${sql}\0${paramsToText(params)}`;
