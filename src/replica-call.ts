/**
 * What is asked of a replica's database, by whichever tab and thread. Calls and answers are structured-cloneable: all the
 * ways between an app and its database carry them as they are, and only the two ends know what they say.
 */

import type { Database, ExecRequest, ExecResult } from "./database/database.ts";

export type ReplicaCall =
  { readonly type: "exec"; readonly request: ExecRequest } | { readonly type: "enable-sync"; readonly table: string };

/** What a call is answered with. */
export interface ReplicaAnswers {
  readonly exec: ExecResult;
  readonly "enable-sync": undefined;
}

export type AnswerTo<C extends ReplicaCall> = ReplicaAnswers[C["type"]];

/** Whether a call that was perhaps carried out may be made again. */
export const mayCallTwice = (call: ReplicaCall): boolean => {
  switch (call.type) {
    case "exec":
      return onlyReads(call.request.sql);
    case "enable-sync":
      return true;
  }
};

/** The database's end. Rejects as the Database's methods do. */
export const answerCall = async <C extends ReplicaCall>(database: Database, call: C): Promise<AnswerTo<C>> =>
  perform(database, call) as Promise<AnswerTo<C>>;

const perform = async (database: Database, call: ReplicaCall): Promise<unknown> => {
  switch (call.type) {
    case "exec":
      return database.exec(call.request);
    case "enable-sync":
      return database.enableSync(call.table);
  }
};

/** A lone SELECT. Several statements, or one in doubt, count as writing. */
const onlyReads = (sql: string): boolean => /^\s*select\b[^;]*;?\s*$/i.test(sql);
