/** What server.js offers; server.js is checked against it. */

import type { Limits } from "./limits.js";

export interface ServerClock {
  nowMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels. */
  setTimer(delayMs: number, run: () => void): () => void;
}

export interface SignalingServerOptions {
  /** Overrides single limits; the rest keep the defaults of README.md. */
  readonly limits?: Partial<Limits>;
  /** Lower-case origins that may connect, as `https://app.example`. Empty allows all. */
  readonly allowedOrigins?: readonly string[];
  /** Reverse proxies of the operator in front of this server that append to X-Forwarded-For. Default 0. */
  readonly trustedProxyHops?: number;
  /** Default: the platform's. */
  readonly clock?: ServerClock;
}

export interface SignalingServer {
  /** Resolves with the port in use; rejects when the address is taken. Default 8081 on 127.0.0.1; port 0 is any free. */
  listen(address?: { readonly port?: number; readonly host?: string }): Promise<number>;
  /** Tells every client goodbye (1001) and stops. Idempotent, never rejects. */
  close(): Promise<void>;
  /** 0 when not listening. */
  readonly port: number;
  readonly socketCount: number;
  readonly roomCount: number;
}

export declare const createSignalingServer: (options?: SignalingServerOptions) => SignalingServer;
