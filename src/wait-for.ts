/** The page's part of waiting for replicas: checks what is asked for, and ends a wait that is called off. */

import type { WaitOptions } from "./api.ts";
import type { Host } from "./host.ts";
import { integerBetween } from "./options.ts";
import type { Receipt, WaitGoal } from "./replication-waits.ts";

const defaultWaitMs = 30_000;

/** What timers can count to. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Aborting ends only the waiting here: the replica goes on to look until the time is over, which costs next to nothing.
 * @throws LedgerError LEDGER_TIMEOUT, LEDGER_OPTION_INVALID, LEDGER_CLOSED; or the signal's reason
 */
export const waitFor = async (host: Host, goal: WaitGoal, { timeoutMs, signal }: WaitOptions): Promise<Receipt> => {
  signal?.throwIfAborted();
  const limitMs = integerBetween("timeoutMs", timeoutMs ?? defaultWaitMs, 0, longestTimerMs);
  const answer = host.call({ type: "wait", goal, timeoutMs: limitMs });
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    void answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
};
