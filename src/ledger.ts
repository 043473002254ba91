/**
 * The facade and composition root.
 */

import type { ChangeEvent, ExecOptions, ExecResult, LedgerEventName, LedgerEvents, LedgerStatus, Row } from "./api.ts";
import type { Unsubscribe } from "./common/emitter.ts";
import type { SiteId } from "./common/ids.ts";
import type { SqlParams, SqlValue } from "./database/value.ts";
import type { LedgerOptions } from "./options.ts";

export declare class Ledger {
  constructor(options?: LedgerOptions);
  static createToken(): string;
  init(): Promise<void>;
  exec(sql: string, params: SqlParams | undefined, options: ExecOptions & { readonly rowMode: "array" }): Promise<ExecResult<readonly SqlValue[]>>;
  exec<R = Row>(sql: string, params?: SqlParams, options?: ExecOptions): Promise<ExecResult<R>>;
  query<R = Row>(sql: string, params?: SqlParams): Promise<readonly R[]>;
  get<R = Row>(sql: string, params?: SqlParams): Promise<R | undefined>;
  enableSync(table: string): Promise<void>;
  connect(url?: string, token?: string): Promise<void>;
  disconnect(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  getNodeId(): SiteId;
  getVersion(): number;
  getPeers(): readonly SiteId[];
  isConnected(): boolean;
  status(): LedgerStatus;
  on<K extends LedgerEventName>(event: K, listener: (...args: LedgerEvents[K]) => void): Unsubscribe;
}
export type { ChangeEvent };
