/** The most frequent calls of whatever answers calls: a Replica or a Host. */

import type { ExecRequest, ExecResult } from "../../src/database/database.ts";
import type { AnswerTo, ReplicaCall } from "../../src/replica-call.ts";

interface Callee {
  call<C extends ReplicaCall>(call: C): Promise<AnswerTo<C>>;
}

export const execOn = (callee: Callee, request: ExecRequest): Promise<ExecResult> =>
  callee.call({ type: "exec", request });

export const enableSyncOn = async (callee: Callee, table: string): Promise<void> => {
  await callee.call({ type: "enable-sync", table });
};
