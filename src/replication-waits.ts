/**
 * Calls that wait until peers are known to hold something. Looks whenever what is known may have changed; owns the timers
 * of the waits.
 */

import type { Clock } from "./common/clock.ts";
import { LedgerError } from "./common/errors.ts";
import type { SiteId } from "./common/ids.ts";

/** What is waited for. */
export type WaitGoal =
  /** As many other replicas hold all that was written here before the call. */
  | { readonly type: "replicated"; readonly peers: number }
  /** This replica and every peer that it is linked with, one at least, hold the same. */
  | { readonly type: "in-step" };

/** How it stood when the wait was over. */
export interface Receipt {
  /** Newest version that was written here before the call. */
  readonly version: number;
  /** The replicas that hold it, sorted; there may be more by now. */
  readonly peers: readonly SiteId[];
}

export interface ReplicationWaits {
  /** @throws LedgerError LEDGER_TIMEOUT, LEDGER_CLOSED */
  wait(goal: WaitGoal, timeoutMs: number): Promise<Receipt>;
  /** What is known may have changed. */
  look(): void;
  /** Rejects every wait, and those to come. */
  close(): void;
}

export interface ReplicationWaitsOptions {
  readonly clock: Clock;
  /** The newest own version, behind everything the database was asked for so far. */
  readonly ownVersion: () => Promise<number>;
  /** Replicas that are known to hold everything that was written here up to `version`. */
  readonly holdersOf: (version: number) => readonly SiteId[];
  readonly isInStep: () => boolean;
}

interface Waiter {
  /** Undefined until the database has said it. */
  version: number | undefined;
  readonly goal: WaitGoal;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

export const createReplicationWaits = (options: ReplicationWaitsOptions): ReplicationWaits => {
  const { clock, ownVersion, holdersOf, isInStep } = options;
  const waiters = new Set<Waiter>();
  let closed = false;

  const settleIfReached = (waiter: Waiter): void => {
    const { goal, version } = waiter;
    if (version === undefined || (goal.type === "in-step" && !isInStep())) return;
    const peers = [...holdersOf(version)].sort();
    if (goal.type === "replicated" && peers.length < goal.peers) return;
    waiter.resolve({ version, peers });
  };

  return {
    wait: (goal, timeoutMs) => {
      if (closed) return Promise.reject(closedError());
      return new Promise<Receipt>((resolve, reject) => {
        const end = (): void => {
          waiters.delete(waiter);
          cancel();
        };
        const waiter: Waiter = {
          version: undefined,
          goal,
          resolve: (receipt) => {
            end();
            resolve(receipt);
          },
          reject: (error) => {
            end();
            reject(error);
          },
        };
        const cancel = clock.setTimer(timeoutMs, () => waiter.reject(timeoutError(goal, timeoutMs)));
        waiters.add(waiter);
        ownVersion().then((version) => {
          waiter.version = version;
          if (waiters.has(waiter)) settleIfReached(waiter);
        }, waiter.reject);
      });
    },
    look: () => {
      for (const waiter of [...waiters]) settleIfReached(waiter);
    },
    close: () => {
      closed = true;
      for (const waiter of [...waiters]) waiter.reject(closedError());
    },
  };
};

const closedError = (): LedgerError => new LedgerError("LEDGER_CLOSED", "the database was closed during the wait");

const timeoutError = (goal: WaitGoal, timeoutMs: number): LedgerError => {
  const missing =
    goal.type === "replicated"
      ? `fewer than ${goal.peers} peers are known to hold everything written here`
      : "this replica and its peers are not known to hold the same";
  return new LedgerError("LEDGER_TIMEOUT", `after ${timeoutMs} ms ${missing}; it goes on in the background`);
};
