/**
 * The page that the browser tests drive: opens Ledgers by name and keeps every event they send.
 * Everything goes through the public API. See support/replica.ts for the other end.
 */

import { Ledger, LedgerError, type LedgerEventName, type LedgerOptions } from "ledger";

export interface SeenEvent {
  readonly name: LedgerEventName;
  readonly args: readonly unknown[];
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** An outcome that survives the way to the test: an error's `code` would be lost otherwise. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly events: SeenEvent[];
  /** With a set, only these peers are linked with. May be changed at any time. */
  accepted: ReadonlySet<string> | undefined;
}

/** The methods a test may call, with their arguments as they are. */
export type LedgerMethod = Exclude<
  { [K in keyof Ledger]: Ledger[K] extends (...args: never) => unknown ? K : never }[keyof Ledger],
  symbol
>;

declare global {
  interface Window {
    readonly ledgers: Map<string, OpenedLedger>;
    /** Constructs a Ledger and keeps it as `name`; does not init. */
    openLedger(name: string, options: LedgerOptions): Outcome;
    callLedger(name: string, method: LedgerMethod, args: readonly unknown[]): Promise<Outcome>;
  }
}

const eventNames = [
  "sync",
  "peer-join",
  "peer-ready",
  "peer-leave",
  "route",
  "connected",
  "disconnected",
  "reconnecting",
  "reconnected",
  "change",
  "presence",
  "status",
  "error",
] as const satisfies readonly LedgerEventName[];

const failure = (thrown: unknown): Outcome => ({
  ok: false,
  code: thrown instanceof LedgerError ? thrown.code : "NOT_A_LEDGER_ERROR",
  message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
});

const plain = (arg: unknown): unknown => (arg instanceof LedgerError ? { code: arg.code, message: arg.message } : arg);

const ledgers = new Map<string, OpenedLedger>();

const openLedger = (name: string, options: LedgerOptions): Outcome => {
  try {
    const acceptPeer = (peerId: string): boolean => ledgers.get(name)?.accepted?.has(peerId) ?? true;
    const ledger = new Ledger({ acceptPeer, ...options });
    const opened: OpenedLedger = { ledger, events: [], accepted: undefined };
    for (const event of eventNames) {
      ledger.on(event, (...args: readonly unknown[]) => {
        opened.events.push({ name: event, args: args.map(plain), atMs: performance.timeOrigin + performance.now() });
      });
    }
    ledgers.set(name, opened);
    return { ok: true, value: undefined };
  } catch (error) {
    return failure(error);
  }
};

const callLedger = async (name: string, method: LedgerMethod, args: readonly unknown[]): Promise<Outcome> => {
  try {
    const { ledger } = ledgers.get(name) ?? failMissing(name);
    const call = ledger[method] as (...args: readonly unknown[]) => unknown;
    return { ok: true, value: await call.apply(ledger, [...args]) };
  } catch (error) {
    return failure(error);
  }
};

const failMissing = (name: string): never => {
  throw new Error(`no Ledger named ${name} on this page`);
};

Object.assign(window, { ledgers, openLedger, callLedger });
