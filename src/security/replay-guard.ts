/**
 * Lets each sealed signaling message in once: within one (sender, connection) the sequence number must rise. What is
 * old, repeated, overtaken or our own is to be dropped. Memory is bounded: the longest unused connection is
 * forgotten first, and the worst that a replay of a forgotten offer does is start an attempt that dies.
 */

import type { MemberId } from "../common/ids.ts";
import { err, ok, type Result } from "../common/result.ts";
import type { ConnectionId } from "./sealed-envelope.ts";

/** `REPLAYED`: seen before or overtaken by a later one. `REFLECTED`: our own message sent back to us. */
export type ReplayError = "REPLAYED" | "REFLECTED";

export interface ReplayGuard {
  /** To be asked once for each opened message, in the order of their arrival. */
  admit(message: {
    readonly self: MemberId;
    readonly from: MemberId;
    readonly conn: ConnectionId;
    readonly seq: number;
  }): Result<void, ReplayError>;
}

/** @param options.maxConnections - how many (sender, connection) pairs are remembered; default 1,024 */
export const createReplayGuard = ({
  maxConnections = 1_024,
}: { readonly maxConnections?: number } = {}): ReplayGuard => {
  /** In the order of last use: a Map keeps the order of insertion. */
  const lastSeqByConnection = new Map<string, number>();

  return {
    admit: ({ self, from, conn, seq }) => {
      if (from === self) return err("REFLECTED");
      const key = `${from} ${conn}`;
      const lastSeq = lastSeqByConnection.get(key) ?? -1;
      if (seq <= lastSeq) return err("REPLAYED");

      lastSeqByConnection.delete(key);
      lastSeqByConnection.set(key, seq);
      const [oldest] = lastSeqByConnection.keys();
      if (lastSeqByConnection.size > maxConnections && oldest !== undefined) lastSeqByConnection.delete(oldest);
      return ok(undefined);
    },
  };
};
