/** The public names of `ledger`. */

export type {
  BatchStatement,
  ChangeEvent,
  ExecOptions,
  ExecResult,
  LedgerEventName,
  LedgerEvents,
  LedgerStatus,
  PeerStatus,
  Row,
  SignalingDrops,
  WaitOptions,
} from "./api.ts";
export type { Unsubscribe } from "./common/emitter.ts";
export { errorCodes, LedgerError, type LedgerErrorCode } from "./common/errors.ts";
export type { SiteId } from "./common/ids.ts";
export type { Logger, LogFields } from "./common/logger.ts";
export { uuidv7 } from "./common/uuidv7.ts";
export type { Conflict } from "./database/conflicts.ts";
export type { MissedReason, RowChange } from "./database/row-change.ts";
export type { StorageKind } from "./database/database.ts";
export type { SqlParam, SqlParams, SqlValue } from "./database/value.ts";
export type { BroadcastListener, BroadcastSender, Presence, PresencePeer } from "./presence.ts";
export { Ledger } from "./ledger.ts";
export type {
  KeyedLiveQuery,
  LiveKey,
  LiveObserver,
  LiveOptions,
  LiveQuery,
  LiveStatus,
  LiveSubscription,
} from "./live/live-query.ts";
export type { RowChanges } from "./live/rows.ts";
export { loadMigrations, type Migration, type MigrationResult, type MigrationTransaction } from "./migrations.ts";
export type { History } from "./history.ts";
export type { LedgerOptions } from "./options.ts";
export type { Receipt } from "./replication-waits.ts";
export {
  sql,
  type LedgerSqlTag,
  type SqlParts,
  type SqlPart,
  type SqlQuery,
  type SqlStatement,
  type SqlTag,
} from "./sql.ts";
export type { Transaction, TransactionOptions } from "./transaction.ts";
export type { WatchOptions } from "./row-watches.ts";
export type { Route } from "./transport/channel.ts";
