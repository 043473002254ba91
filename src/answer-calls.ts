/** The replica's end of the calls: puts each to the Database or the Replicator. Owns nothing but the transactions that are open. */

import type { Clock } from "./common/clock.ts";
import type { Logger } from "./common/logger.ts";
import { dismissConflicts, readConflicts } from "./database/conflicts.ts";
import type { Database } from "./database/database.ts";
import type { AnswerTo, ReplicaCall } from "./replica-call.ts";
import type { Replicator } from "./replicator.ts";
import { createReplicaTransactions } from "./replica-transactions.ts";
import { runsToRequests } from "./statement-runs.ts";

/** An import is the Replica's own: it ends what answers calls. */
type AnswerableCall = Exclude<ReplicaCall, { readonly type: "import" }>;

export interface CallAnswerer {
  /** Rejects as the methods of Database and Replicator do. */
  answer<C extends AnswerableCall>(call: C): Promise<AnswerTo<C>>;
  /** The same without any wait, when there is nothing to wait for; else undefined, and nothing was done. Throws what it would reject with. */
  answerAtOnce(call: ReplicaCall): unknown;
  /** Rolls back what is open. Idempotent, never rejects. */
  close(): Promise<void>;
}

export const createCallAnswerer = (options: {
  readonly database: Database;
  readonly replicator: Pick<Replicator, "wait">;
  readonly clock: Clock;
  readonly logger: Logger;
}): CallAnswerer => {
  const { database, replicator } = options;
  const transactions = createReplicaTransactions(options);

  const perform = (call: AnswerableCall): Promise<unknown> => {
    switch (call.type) {
      case "exec": {
        const { request, within, id } = call;
        return within === undefined
          ? database.exec(request, id)
          : transactions.use(within, (open) => open.exec(request));
      }
      case "query":
        return database.query(call.request);
      case "batch":
        return database.batch(runsToRequests(call.runs), call.id);
      case "begin":
        return transactions.begin(call.transaction, call.idleMs, call.migration);
      case "savepoint":
        return transactions.use(call.transaction, (open) => open.savepoint());
      case "release":
        return transactions.use(call.transaction, (open) => open.release());
      case "rollback-to":
        return transactions.use(call.transaction, (open) => open.rollbackTo());
      case "commit":
        return transactions.commit(call.transaction, call.id);
      case "rollback":
        return transactions.rollback(call.transaction);
      case "export":
        return database.export(call.withMetadata);
      case "enable-sync":
        return call.within === undefined
          ? database.enableSync(call.table)
          : transactions.use(call.within, (open) => open.enableSync(call.table));
      case "wait":
        return replicator.wait(call.goal, call.timeoutMs);
      case "conflicts":
        return database.read((connection) => readConflicts(connection, database.syncedTables));
      case "dismiss":
        return database.transact({ type: "local" }, async (connection) => {
          await dismissConflicts(connection, call.ids);
          return { result: undefined, tables: [] };
        });
      case "watch":
        return database.watch(call.owner, call.tables);
    }
  };

  return {
    answer: <C extends AnswerableCall>(call: C) => perform(call) as Promise<AnswerTo<C>>,
    answerAtOnce: (call) =>
      call.type === "exec" && call.within === undefined && call.id === undefined
        ? database.execAtOnce(call.request)
        : undefined,
    close: () => transactions.close(),
  };
};
