/** What an app can ask of the past: own values that lost before anybody had seen them. */

import type { Conflict } from "./database/conflicts.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";

export interface History {
  /** Own values that a merge replaced before any peer had seen them, oldest first, until they are dismissed. */
  conflicts(): Promise<readonly Conflict[]>;
  /** Forgets conflicts; unknown ones are ignored. */
  dismiss(...conflicts: readonly Pick<Conflict, "id">[]): Promise<void>;
}

export const createHistory = (call: <C extends ReplicaCall>(call: C) => Promise<AnswerTo<C>>): History => ({
  conflicts: async () => call({ type: "conflicts" }),
  dismiss: async (...conflicts) => call({ type: "dismiss", ids: conflicts.map(({ id }) => id) }),
});
