/**
 * The calls of one tab, from being made until they are answered, over changes of the leader. Rules:
 * 1. Calls made while no leader answers wait, and are sent in the order in which they were made.
 * 2. A call whose leader went before it answered is sent again when that does no harm: when it reads, and when it carries
 *    an id under which the database has noted whether it was done. Of any other nothing is known, so it is rejected with
 *    LEDGER_LEADER_CHANGED and the app decides.
 * 3. The news that a leader is gone may overtake its last answers: those are waited for, shortly.
 */

import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import type { RequestId } from "../database/database.ts";
import { needsId, type WritingCall } from "../replica-call.ts";
import { isWaiting, type HostAnswers, type HostRequest, type Outcome } from "./tab-message.ts";

/** How long answers of a leader that is gone are waited for, milliseconds: locks and messages come different ways. */
export const lateAnswerMs = 200;

/** A call is not sent again later than this after it was made, milliseconds: the database forgets ids after a day. */
export const repeatWithinMs = 3_600_000;

/** Where calls are answered at present. */
export interface Desk {
  /** Whether it may be gone while this tab goes on. Then what is sent there carries ids. */
  readonly isRemote: boolean;
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
  /** Resolves once nothing that was sent is unanswered, besides waits. */
  idle(): Promise<void>;
}

interface Call {
  readonly request: HostRequest;
  readonly madeAtMs: number;
  /** Since it was first sent to where it may get lost. */
  id: RequestId | undefined;
  /** Times that it was sent. */
  attempts: number;
  /** Whether a leader that is gone may have carried it out. */
  isInDoubt: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type State =
  | { readonly name: "shut" }
  | { readonly name: "open"; readonly desk: Desk }
  | { readonly name: "refusing"; readonly error: LedgerError };

const writeOf = ({ request }: Call): WritingCall | undefined =>
  request.type === "call" && needsId(request.call) ? request.call : undefined;

export interface CallBookOptions {
  readonly clock: Clock;
  /** Random; this tab's. */
  readonly caller: string;
}

export const createCallBook = ({ clock, caller }: CallBookOptions): CallBook => {
  let state: State = { name: "shut" };
  const waiting: Call[] = [];
  const sent = new Set<Call>();
  const whenIdle: (() => void)[] = [];
  let nextNumber = 1;
  /** Slots of calls that were answered. One whose call was given up is not used again. */
  const freeSlots: number[] = [];
  let slotCount = 0;

  const takeId = (): RequestId => {
    const slot = freeSlots.pop() ?? slotCount++;
    return { caller, slot, number: nextNumber++ };
  };

  /** Keeps 2. */
  const maySendAgain = (call: Call): boolean =>
    writeOf(call) === undefined || (call.id !== undefined && clock.nowMs() - call.madeAtMs < repeatWithinMs);

  const requestOf = (call: Call, desk: Desk): HostRequest => {
    if (!desk.isRemote && call.id === undefined) return call.request;
    const write = writeOf(call);
    if (write === undefined) return call.request;
    call.id ??= takeId();
    return { type: "call", call: { ...write, id: call.id } };
  };

  /** Nobody waits for waits. */
  const isIdle = (): boolean => {
    for (const call of sent) if (!isWaiting(call.request)) return false;
    return true;
  };

  const finish = (call: Call): boolean => {
    const wasSent = sent.delete(call);
    if (whenIdle.length > 0 && isIdle()) {
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
        return refuseOne(call, state.error);
    }
  };

  const refuseOne = (call: Call, error: LedgerError): void =>
    call.reject(call.isInDoubt ? leaderChanged(error) : error);

  const send = async (call: Call, desk: Desk): Promise<void> => {
    sent.add(call);
    const attempt = (call.attempts += 1);
    const outcome = await desk.ask(requestOf(call, desk)).catch(notCloneable);
    // What an earlier leader did is done; what it did not do, the present one may be doing now.
    if (attempt !== call.attempts && outcome.type !== "answer") return;
    if (!finish(call)) return;
    if (outcome.type !== "unserved" && call.id !== undefined) freeSlots.push(call.id.slot);
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
      new Promise<unknown>((resolve, reject) => {
        const madeAtMs = clock.nowMs();
        place({ request, madeAtMs, id: undefined, attempts: 0, isInDoubt: false, resolve, reject });
      }) as Promise<HostAnswers[R["type"]]>,
    open: (desk) => {
      state = { name: "open", desk };
      for (const call of waiting.splice(0)) place(call);
    },
    shut: () => {
      state = { name: "shut" };
    },
    strand: () => {
      // Keeps 2 and 3.
      const again = [...sent].filter(maySendAgain);
      for (const call of again) {
        sent.delete(call);
        call.isInDoubt ||= writeOf(call) !== undefined;
      }
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
      for (const call of waiting.splice(0)) refuseOne(call, error);
    },
    giveUp: (error) => {
      for (const call of sent) {
        finish(call);
        call.reject(error);
      }
    },
    idle: () => (isIdle() ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
  };
};

const leaderChanged = (cause?: LedgerError): LedgerError =>
  new LedgerError(
    "LEDGER_LEADER_CHANGED",
    "the tab that owned the database went away before it answered; look whether the write is there before repeating it",
    cause === undefined ? undefined : { cause },
  );

const notCloneable = (cause: unknown): Outcome => ({
  type: "refusal",
  error: new LedgerError("LEDGER_PARAMS_INVALID", "a parameter is of a type that cannot be stored", { cause }),
});
