/**
 * Port: an ordered, reliable channel of byte messages to one peer, not yet trusted: what WebRTC's data channel, the
 * relay and the memory network have in common. Handshake first (security/), then a Link is built on it.
 */

import type { Unsubscribe } from "../common/emitter.ts";

/** Which way a link's bytes take. */
export type Route = "webrtc" | "relay" | "memory";

export interface ChannelEvents {
  /** One message as the other side sent it; messages are neither merged nor split. Owned by the listener. */
  message: readonly [bytes: Uint8Array<ArrayBuffer>];
  /** `bufferedBytes` fell to `lowWaterBytes` or below after having been above. */
  drain: readonly [];
  /** The channel is gone; last event, once, also after `close()`. `reason` is for the log. */
  close: readonly [reason: string];
}

export interface Channel {
  readonly route: Route;
  /** Largest message that `send` takes, in bytes. */
  readonly maxMessageBytes: number;
  /** Bytes handed to `send` that have not left yet. */
  readonly bufferedBytes: number;
  /**
   * What a handshake must be bound to: the two DTLS fingerprints of the path as `algorithm hex:hex…` in lower case, or the
   * two public keys of a relayed one as `x25519 hex`. Empty strings in memory.
   */
  readonly fingerprints: { readonly local: string; readonly remote: string };
  /** Sends one message. Silently nothing after close (the `close` event has told). */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  on<K extends keyof ChannelEvents>(event: K, listener: (...args: ChannelEvents[K]) => void): Unsubscribe;
  /** Idempotent. */
  close(reason: string): void;
}

/** Stop filling above, go on below: measured on Chromium, docs/decisions/0005. */
export const highWaterBytes = 64 * 1024;
export const lowWaterBytes = 32 * 1024;
