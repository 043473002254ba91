/** One Ledger on a page of a browser, as a test sees it. Talks to app/app.ts. */

import { expect, type Page } from "@playwright/test";
import type { ExecResult, LedgerEventName, LedgerOptions, LedgerStatus, Row, SqlParams } from "../../src/index.ts";
import type { LedgerMethod, Outcome, SeenEvent } from "../app/app.ts";

/** What a test may pass: everything that can be handed to a page. */
export type ReplicaOptions = Omit<LedgerOptions, "acceptPeer" | "logger" | "network">;

/** A LedgerError that happened on the page. */
export class ReplicaError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export interface Replica {
  readonly page: Page;
  /** @throws ReplicaError with the code of the LedgerError */
  call<T = void>(method: LedgerMethod, ...args: readonly unknown[]): Promise<T>;
  /** The code that a call fails with; `undefined` when it succeeds. */
  failureOf(method: LedgerMethod, ...args: readonly unknown[]): Promise<string | undefined>;
  exec(sql: string, params?: SqlParams): Promise<ExecResult>;
  rows(sql: string, params?: SqlParams): Promise<readonly Row[]>;
  nodeId(): Promise<string>;
  /** Ids of the linked peers, sorted. */
  peers(): Promise<readonly string[]>;
  status(): Promise<LedgerStatus>;
  /** Reloads the page and constructs the Ledger anew with the same options; does not init. Events start over. */
  reload(): Promise<void>;
  /** Links only with these from now on. */
  accept(...peerIds: readonly string[]): Promise<void>;
  /** Everything seen so far, oldest first, or only the events of one name. */
  events(name?: LedgerEventName): Promise<readonly SeenEvent[]>;
  /** Names of the events seen so far, without repetition of neighbours. */
  eventNames(): Promise<readonly LedgerEventName[]>;
}

const valueOf = (outcome: Outcome): unknown => {
  if (outcome.ok) return outcome.value;
  throw new ReplicaError(outcome.code, outcome.message);
};

/**
 * Constructs a Ledger on `page`, which must show the test page; does not init.
 * @param name - tells the Ledgers of one page apart
 */
export const openReplica = async (page: Page, options: ReplicaOptions, name = "main"): Promise<Replica> => {
  const construct = async (): Promise<void> => {
    await page.waitForFunction(() => typeof window.openLedger === "function");
    valueOf(await page.evaluate(([n, o]) => window.openLedger(n, o), [name, options] as const));
  };
  await construct();

  const attempt = (method: LedgerMethod, args: readonly unknown[]): Promise<Outcome> =>
    page.evaluate(([n, m, a]) => window.callLedger(n, m, a), [name, method, args] as const);
  const call = async <T>(method: LedgerMethod, ...args: readonly unknown[]): Promise<T> =>
    valueOf(await attempt(method, args)) as T;
  const events = (only?: LedgerEventName): Promise<readonly SeenEvent[]> =>
    page.evaluate(
      ([n, o]) => window.ledgers.get(n)?.events.filter((event) => o === undefined || event.name === o) ?? [],
      [name, only] as const,
    );

  return {
    page,
    call,
    failureOf: async (method, ...args) => {
      const outcome = await attempt(method, args);
      return outcome.ok ? undefined : outcome.code;
    },
    exec: (sql, params) => call<ExecResult>("exec", sql, params),
    rows: async (sql, params) => (await call<ExecResult>("exec", sql, params)).rows,
    nodeId: () => call<string>("getNodeId"),
    peers: async () => [...(await call<readonly string[]>("getPeers"))].sort(),
    status: () => call<LedgerStatus>("status"),
    reload: async () => {
      await page.reload();
      await construct();
    },
    accept: (...peerIds) =>
      page.evaluate(
        ([n, ids]) => {
          const opened = window.ledgers.get(n);
          if (opened !== undefined) opened.accepted = new Set(ids);
        },
        [name, peerIds] as const,
      ),
    events,
    eventNames: async () => {
      const names = (await events()).map((event) => event.name);
      return names.filter((name, index) => name !== names[index - 1]);
    },
  };
};

/** Waits until `replica` is linked with exactly these peers. */
export const expectPeers = async (replica: Replica, ...others: readonly Replica[]): Promise<void> => {
  const ids = (await Promise.all(others.map((other) => other.nodeId()))).sort();
  await expect.poll(() => replica.peers()).toEqual(ids);
};

/** Waits until every replica answers `sql` with `rows`. */
export const expectRows = async (replicas: readonly Replica[], sql: string, rows: readonly Row[]): Promise<void> => {
  for (const replica of replicas) await expect.poll(() => replica.rows(sql)).toEqual(rows);
};

/** Waits until all replicas answer `sql` alike, and returns that answer. */
export const expectSame = async (replicas: readonly Replica[], sql: string): Promise<readonly Row[]> => {
  let answers: (readonly Row[])[] = [];
  const distinct = async (): Promise<number> => {
    answers = await Promise.all(replicas.map((replica) => replica.rows(sql)));
    return new Set(answers.map((rows) => JSON.stringify(rows))).size;
  };
  await expect.poll(distinct).toBe(1);
  return answers[0] ?? [];
};

/** Waits until `replica` has seen an event of this name, and returns the first. */
export const expectEvent = async (replica: Replica, name: LedgerEventName): Promise<SeenEvent> => {
  await expect.poll(async () => (await replica.events(name)).length, { message: name }).toBeGreaterThan(0);
  const [first] = await replica.events(name);
  if (first === undefined) throw new Error(`no ${name} event`);
  return first;
};
