/** Time and timers as a port, so that every wait can be tested without waiting. */

export interface Clock {
  /** Milliseconds since the epoch; may jump. Never used to order writes. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels and may be called at any time. */
  setTimer(delayMs: number, run: () => void): () => void;
}
