/**
 * What is asked of a replica's database, by whichever tab and thread. Calls and answers are structured-cloneable: all the
 * ways between an app and its database carry them as they are, and only the two ends know what they say.
 */

import type { ExecRequest, ExecResult, QueryResult, RequestId } from "./database/database.ts";
import type { Conflict } from "./database/conflicts.ts";
import type { MigrationRecord } from "./database/migration-log.ts";
import type { Receipt, WaitGoal } from "./replication-waits.ts";
import type { StatementRun } from "./statement-runs.ts";

declare const brand: unique symbol;

/** Made by whoever begins a transaction, so that it can be ended even while its beginning is not answered: 32 hex digits. */
export type TransactionId = string & { readonly [brand]: "TransactionId" };

export type ReplicaCall =
  | {
      readonly type: "exec";
      readonly request: ExecRequest;
      /** Default: in none. */
      readonly within?: TransactionId;
      readonly id?: RequestId;
    }
  | { readonly type: "query"; readonly request: ExecRequest }
  | { readonly type: "batch"; readonly runs: readonly StatementRun[]; readonly id?: RequestId }
  /** Answered once the transaction is open. @property idleMs - rolled back when nothing is asked of it for so long */
  | {
      readonly type: "begin";
      readonly transaction: TransactionId;
      readonly idleMs: number;
      /** That the transaction is to run. */
      readonly migration?: MigrationRecord;
    }
  | { readonly type: "savepoint" | "release" | "rollback-to"; readonly transaction: TransactionId }
  | { readonly type: "commit"; readonly transaction: TransactionId; readonly id?: RequestId }
  /** Also of a transaction that is over or unknown, which does nothing. */
  | { readonly type: "rollback"; readonly transaction: TransactionId }
  | { readonly type: "enable-sync"; readonly table: string; /** A migration. */ readonly within?: TransactionId }
  | { readonly type: "export"; readonly withMetadata: boolean }
  | { readonly type: "import"; readonly file: Blob }
  | { readonly type: "wait"; readonly goal: WaitGoal; readonly timeoutMs: number }
  | { readonly type: "conflicts" }
  | { readonly type: "dismiss"; readonly ids: readonly number[] }
  /** `owner` watches exactly these tables from now on. */
  | { readonly type: "watch"; readonly owner: string; readonly tables: readonly string[] };

/** What a call is answered with. */
export interface ReplicaAnswers {
  readonly exec: ExecResult;
  readonly query: QueryResult;
  readonly batch: readonly ExecResult[];
  readonly begin: undefined;
  readonly savepoint: undefined;
  readonly release: undefined;
  readonly "rollback-to": undefined;
  readonly commit: undefined;
  readonly rollback: undefined;
  readonly export: Blob;
  readonly import: undefined;
  readonly "enable-sync": undefined;
  readonly wait: Receipt;
  readonly conflicts: readonly Conflict[];
  readonly dismiss: undefined;
  readonly watch: undefined;
}

export type AnswerTo<C extends ReplicaCall> = ReplicaAnswers[C["type"]];

/** A call that is carried out once however often it is made, when it bears an id. */
export type WritingCall = Extract<ReplicaCall, { readonly id?: RequestId }>;

/** Whether a call that was perhaps carried out by a replica that is gone may be made again, of another, only with an id. */
export const needsId = (call: ReplicaCall): call is WritingCall => {
  switch (call.type) {
    case "exec":
      // A transaction went with its replica, and so did everything that was done in it.
      return call.within === undefined && !onlyReads(call.request.sql);
    case "batch":
      return !call.runs.every(({ sql }) => onlyReads(sql));
    case "commit":
      return true;
    case "query":
    case "begin":
    case "savepoint":
    case "release":
    case "rollback-to":
    case "rollback":
    case "export":
    // Whatever was written between the two goes, as what was written before the first did.
    case "import":
    case "enable-sync":
    case "wait":
    case "conflicts":
    case "dismiss":
    case "watch":
      return false;
  }
};

/** Whether an answer may be long in coming although nothing is wrong: nobody's closing waits for such a call. */
export const isWait = (call: ReplicaCall): boolean => call.type === "wait";
/** What a call leaves behind in the replica until it is ended: under which id, and how to end it; no `end`: it is ended. */
export const leftBehindBy = (call: ReplicaCall): { readonly id: string; readonly end?: ReplicaCall } | undefined => {
  switch (call.type) {
    case "begin":
      return { id: call.transaction, end: { type: "rollback", transaction: call.transaction } };
    case "commit":
    case "rollback":
      return { id: call.transaction };
    case "watch":
      return call.tables.length === 0 ? { id: call.owner } : { id: call.owner, end: { ...call, tables: [] } };
    default:
      return undefined;
  }
};

/** A lone SELECT. Several statements, or one in doubt, count as writing. */
const onlyReads = (sql: string): boolean => /^\s*select\b[^;]*;?\s*$/i.test(sql);
