/**
 * The calls of one tab, from being made until they are answered, over changes of the leader. Rules:
 * 1. Calls made while no leader answers wait, and are sent in the order in which they were made.
 * 2. A call whose leader went before it answered is sent again only when running it twice does no harm. Of any other
 *    nothing is known, so it is rejected with LEDGER_LEADER_CHANGED and the app decides.
 * 3. The news that a leader is gone may overtake its last answers: those are waited for, shortly.
 */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import { mayCallTwice } from "../replica-call.ts";
import type { HostAnswers, HostRequest, Outcome } from "./tab-message.ts";

/** How long answers of a leader that is gone are waited for, milliseconds: locks and messages come different ways. */
export const lateAnswerMs = 200;

/** Where calls are answered at present. */
export interface Desk {
  ask(request: HostRequest): Promise<Outcome>;
}

export interface CallBook {
  call<R extends HostRequest>(request: R): Promise<HostAnswers[R["type"]]>;
  /** Sends what waits, and what is called from now on, to `desk`. */
  open(desk: Desk): void;
  /** From now on calls wait. What was sent is still answered, until strand(). */
  shut(): void;
  /** Where calls were sent to is gone. */
  strand(): void;
  /** Rejects what waits; with `forGood` also whatever is called until the next open(). */
  refuse(error: LedgerError, forGood: boolean): void;
  /** Rejects what was sent and is not answered. */
  giveUp(error: LedgerError): void;
  /** Resolves once nothing that was sent is unanswered. */
  idle(): Promise<void>;
}

interface Call {
  readonly request: HostRequest;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type State =
  | { readonly name: "shut" }
  | { readonly name: "open"; readonly desk: Desk }
  | { readonly name: "refusing"; readonly error: LedgerError };

const mayRunTwice = (request: HostRequest): boolean => request.type !== "call" || mayCallTwice(request.call);

export const createCallBook = (clock: Clock): CallBook => {
  let state: State = { name: "shut" };
  const waiting: Call[] = [];
  const sent = new Set<Call>();
  const whenIdle: (() => void)[] = [];

  const finish = (call: Call): boolean => {
    const wasSent = sent.delete(call);
    if (sent.size === 0) {
      for (const resolve of whenIdle.splice(0)) resolve();
    }
    return wasSent;
  };

  const place = (call: Call): void => {
    switch (state.name) {
      case "shut":
        waiting.push(call);
        return;
      case "open":
        return void send(call, state.desk);
      case "refusing":
        return call.reject(state.error);
    }
  };

  const send = async (call: Call, desk: Desk): Promise<void> => {
    sent.add(call);
    const outcome = await desk.ask(call.request).catch(notCloneable);
    if (!finish(call)) return;
    switch (outcome.type) {
      case "answer":
        return call.resolve(outcome.value);
      case "refusal":
        return call.reject(outcome.error);
      case "unserved":
        // That desk is closing: the call is for the next one.
        if (state.name === "open" && state.desk === desk) waiting.push(call);
        else place(call);
    }
  };

  return {
    call: <R extends HostRequest>(request: R) =>
      new Promise<unknown>((resolve, reject) => place({ request, resolve, reject })) as Promise<HostAnswers[R["type"]]>,
    open: (desk) => {
      state = { name: "open", desk };
      for (const call of waiting.splice(0)) place(call);
    },
    shut: () => {
      state = { name: "shut" };
    },
    strand: () => {
      // Keeps 2 and 3.
      const again = [...sent].filter((call) => mayRunTwice(call.request));
      for (const call of again) finish(call);
      const inDoubt = [...sent];
      clock.setTimer(lateAnswerMs, () => {
        for (const call of inDoubt) if (finish(call)) call.reject(leaderChanged());
      });
      // They were made before everything that waits already: keeps 1.
      waiting.unshift(...again);
      if (state.name !== "shut") for (const call of waiting.splice(0)) place(call);
    },
    refuse: (error, forGood) => {
      if (forGood) state = { name: "refusing", error };
      for (const call of waiting.splice(0)) call.reject(error);
    },
    giveUp: (error) => {
      for (const call of sent) {
        finish(call);
        call.reject(error);
      }
    },
    idle: () => (sent.size === 0 ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
  };
};

const leaderChanged = (): LedgerError =>
  new LedgerError(
    "LEDGER_LEADER_CHANGED",
    "the tab that owned the database went away before it answered; look whether the write is there before repeating it",
  );

const notCloneable = (cause: unknown): Outcome => ({
  type: "refusal",
  error: new LedgerError("LEDGER_PARAMS_INVALID", "a parameter is of a type that cannot be stored", { cause }),
});
