/**
 * Every option of Ledger: type, default, unit, limit. README's table is checked against `optionDefaults`.
 */

import { LedgerError } from "./common/errors.ts";
import type { SiteId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { StorageKind } from "./database/database.ts";
import type { Network } from "./network.ts";
import type { Bearer } from "./signaling/signaling-connection.ts";

export interface LedgerOptions {
  /** Name of the database; tabs of one origin with the same name share one replica. Default `ledger-default`. */
  readonly dbName?: string;
  /** `ws:` or `wss:` URL of the signaling server. No default: without it and without an argument, connect() rejects. */
  readonly signalingUrl?: string;
  /** The room's secret. Whoever holds it is a full member. Make one with `Ledger.createToken()`. No default. */
  readonly token?: string;
  /**
   * Lets this client in at signaling servers that ask for a bearer token. A function is asked for every connection, for
   * tokens that expire. The leading tab's is used: give the same to every tab. No default.
   */
  readonly bearer?: Bearer;
  /**
   * STUN and TURN servers, handed to WebRTC exactly as given. Default: those that the signaling server hands out, which are
   * none unless its operator set them up; without any, only peers that reach each other directly are linked.
   */
  readonly iceServers?: readonly RTCIceServer[];
  /**
   * Where the database lives: one rung, or several to try in order.
   * Default in browsers `["opfs", "idb", "memory"]`, in Node `["memory"]`.
   */
  readonly storage?: StorageKind | readonly StorageKind[];
  /** Node only: directory of the `file` storage. Default `.ledger` in the working directory. */
  readonly directory?: string;
  /** Whether to link with a peer that was found in the room. Default: with every one. */
  readonly acceptPeer?: (peerId: SiteId) => boolean;
  /**
   * Links at most, 2 to 32. A room of up to so many replicas is a full mesh. Larger ones hold together by relaying:
   * everyone links with its neighbours in several rings, which takes three quarters of the places.
   * Default 8.
   */
  readonly maxLinks?: number;
  /** How long an attempt to link may take before it is made anew, milliseconds. Default 15,000. */
  readonly linkTimeoutMs?: number;
  /**
   * How long to wait for a direct link before frames go through the signaling server, encrypted from end to end and only
   * if its operator allows it, milliseconds; `false` never. The link becomes direct as soon as it can. Default 5,000.
   */
  readonly relayAfterMs?: number | false;
  /**
   * How long changes are waited for from the linked peer that made them, before another peer is asked, milliseconds.
   * Default 60.
   */
  readonly relayDelayMs?: number;
  /** A transaction() that asks nothing of the database for so long is rolled back, milliseconds. Default 5,000. */
  readonly transactionIdleMs?: number;
  /** URL of the package's `worker.js`, for bundlers that do not find it by themselves. */
  readonly workerUrl?: string | URL;
  /** URL of the package's `crsqlite-sync.wasm`, for bundlers that do not find it by themselves. */
  readonly wasmUrl?: string | URL;
  /** Where to write what happens inside. Default: nowhere. */
  readonly logger?: Logger;
  /** Replaces signaling and WebRTC, for tests and for Node: see `ledger/testing`. */
  readonly network?: Network;
}

/** Defaults of the options that have a plain one. */
export const optionDefaults = {
  dbName: "ledger-default",
  directory: ".ledger",
  maxLinks: 8,
  linkTimeoutMs: 15_000,
  relayAfterMs: 5_000,
  relayDelayMs: 60,
  transactionIdleMs: 5_000,
} as const;

export interface ResolvedOptions extends Omit<LedgerOptions, "relayAfterMs"> {
  readonly dbName: string;
  readonly directory: string;
  readonly acceptPeer: (peerId: SiteId) => boolean;
  readonly maxLinks: number;
  readonly linkTimeoutMs: number;
  /** Undefined: never. */
  readonly relayAfterMs: number | undefined;
  readonly relayDelayMs: number;
  readonly transactionIdleMs: number;
  readonly storageLadder: readonly StorageKind[];
}

const storageKinds: readonly StorageKind[] = ["opfs", "idb", "file", "memory"];

const invalid = (message: string): LedgerError => new LedgerError("LEDGER_OPTION_INVALID", message);

/** @throws LedgerError LEDGER_OPTION_INVALID */
export const integerBetween = (name: string, value: unknown, least: number, most: number): number => {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`option ${name} must be a whole number from ${least} to ${most}`);
};

const checkText = (name: string, value: unknown): void => {
  if (value !== undefined && (typeof value !== "string" || value === "")) {
    throw invalid(`option ${name} must be a non-empty string`);
  }
};

const checkFunction = (name: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "function") throw invalid(`option ${name} must be a function`);
};

const checkMethods = (name: string, value: unknown, methods: readonly string[]): void => {
  if (value === undefined) return;
  const fits = typeof value === "object" && value !== null;
  if (!fits || methods.some((method) => typeof (value as Record<string, unknown>)[method] !== "function")) {
    throw invalid(`option ${name} must be an object with ${methods.join(", ")}`);
  }
};

const checkUrl = (name: string, value: unknown): void => {
  if (value === undefined || value instanceof URL || (typeof value === "string" && value !== "")) return;
  throw invalid(`option ${name} must be a URL`);
};

/** @throws LedgerError LEDGER_OPTION_INVALID when `url` is not a WebSocket URL */
export const checkSignalingUrl = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === "ws:" || parsed?.protocol === "wss:") return url;
  throw invalid("the signaling URL must start with ws:// or wss://");
};

const resolveLadder = (storage: LedgerOptions["storage"], inBrowser: boolean): readonly StorageKind[] => {
  if (storage === undefined) return inBrowser ? ["opfs", "idb", "memory"] : ["memory"];
  const ladder = typeof storage === "string" ? [storage] : storage;
  if (!Array.isArray(ladder) || ladder.length === 0 || !ladder.every((kind) => storageKinds.includes(kind))) {
    throw invalid(`option storage must be one or several of ${storageKinds.join(", ")}`);
  }
  return ladder;
};

/**
 * Checks every option and fills in the defaults.
 * @param inBrowser - whether the platform has a window or worker scope rather than Node
 * @throws LedgerError LEDGER_OPTION_INVALID naming the first option that does not fit
 */
export const resolveOptions = (options: LedgerOptions, inBrowser: boolean): ResolvedOptions => {
  if (typeof options !== "object" || options === null) throw invalid("the options must be an object");
  checkText("dbName", options.dbName);
  checkText("token", options.token);
  checkText("directory", options.directory);
  if (options.signalingUrl !== undefined) checkSignalingUrl(options.signalingUrl);
  if (typeof options.bearer !== "function") checkText("bearer", options.bearer);
  if (options.iceServers !== undefined && !Array.isArray(options.iceServers)) {
    throw invalid("option iceServers must be an array of RTCIceServer");
  }
  checkFunction("acceptPeer", options.acceptPeer);
  checkMethods("network", options.network, ["join", "openChannel"]);
  checkMethods("logger", options.logger, ["debug", "info", "warn", "error"]);
  checkUrl("workerUrl", options.workerUrl);
  checkUrl("wasmUrl", options.wasmUrl);

  return {
    ...options,
    dbName: options.dbName ?? optionDefaults.dbName,
    directory: options.directory ?? optionDefaults.directory,
    acceptPeer: options.acceptPeer ?? (() => true),
    maxLinks: integerBetween("maxLinks", options.maxLinks ?? optionDefaults.maxLinks, 2, 32),
    linkTimeoutMs: integerBetween("linkTimeoutMs", options.linkTimeoutMs ?? optionDefaults.linkTimeoutMs, 100, 600_000),
    relayAfterMs:
      options.relayAfterMs === false
        ? undefined
        : integerBetween("relayAfterMs", options.relayAfterMs ?? optionDefaults.relayAfterMs, 0, 600_000),
    relayDelayMs: integerBetween("relayDelayMs", options.relayDelayMs ?? optionDefaults.relayDelayMs, 0, 60_000),
    transactionIdleMs: integerBetween(
      "transactionIdleMs",
      options.transactionIdleMs ?? optionDefaults.transactionIdleMs,
      100,
      600_000,
    ),
    storageLadder: resolveLadder(options.storage, inBrowser),
  };
};
