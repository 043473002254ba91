/** What server.js offers; server.js is checked against it. */

import type { Authorize } from "./bearer.js";
import type { Limits } from "./limits.js";
import type { Log } from "./log.js";

export interface ServerClock {
  nowMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels. */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** As RTCConfiguration takes them. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

export interface TurnOptions {
  /** coturn's `static-auth-secret`. */
  readonly secret: string;
  /** As `turn:turn.example:3478?transport=udp`. */
  readonly urls: readonly string[];
  /** How long credentials are good for; clients get new ones when half of it is over. */
  readonly ttlSeconds: number;
}

export interface NatsOptions {
  /** `nats://` or `tls://`, several separated by commas; with user and password or a token where the server asks. */
  readonly url: string;
  /** Instances with the same prefix share rooms. */
  readonly subject: string;
  /** An instance that is silent for three of these is given up, and its members leave. */
  readonly heartbeatMs: number;
}

export interface SignalingServerOptions {
  /** Overrides single limits; the rest keep the defaults of README.md. */
  readonly limits?: Partial<Limits>;
  /** Lower-case origins that may connect, as `https://app.example`. Empty allows all. */
  readonly allowedOrigins?: readonly string[];
  /** Reverse proxies of the operator in front of this server that append to X-Forwarded-For. Default 0. */
  readonly trustedProxyHops?: number;
  /** Clients that satisfy one of them are let in. Default: none, which lets everyone in. */
  readonly authChecks?: readonly Authorize[];
  /** Hands out TURN credentials to those who joined. */
  readonly turn?: TurnOptions;
  /** Passes on sealed frames of peers that have no direct link, within the relay limits. Default false. */
  readonly relay?: boolean;
  /** Shares rooms with other instances. */
  readonly nats?: NatsOptions;
  /** Adds figures of the whole process to `/metrics`. Default false. */
  readonly processMetrics?: boolean;
  /** Default: the platform's. */
  readonly clock?: ServerClock;
  /** Default: silent. */
  readonly log?: Log;
}

export interface SignalingServer {
  /** Resolves with the port in use; rejects when the address is taken. Default 8081 on 127.0.0.1; port 0 is any free. */
  listen(address?: { readonly port?: number; readonly host?: string }): Promise<number>;
  /** Tells every client goodbye (1001) and stops. Idempotent, never rejects. */
  close(): Promise<void>;
  /** 0 when not listening. */
  readonly port: number;
  readonly socketCount: number;
  /** Rooms that this instance knows of. */
  readonly roomCount: number;
}

export declare const createSignalingServer: (options?: SignalingServerOptions) => SignalingServer;
