/** When to try again: full jitter, so that a server that comes back is not met by all its clients at once. */

export interface RetryPolicy {
  /** Upper bound of the first delay. */
  readonly firstDelayMs: number;
  /** Upper bound of every delay. */
  readonly maxDelayMs: number;
  /** A connection attempt that is not in the room by then is given up. */
  readonly connectTimeoutMs: number;
  /** A membership shorter than this does not make the next delay short again: a server may accept and then throw out. */
  readonly stableMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  firstDelayMs: 500,
  maxDelayMs: 30_000,
  connectTimeoutMs: 10_000,
  stableMs: 5_000,
};

/**
 * Delay before reconnect attempt `attempt`, in milliseconds, with full jitter.
 * @param attempt - consecutive failures so far, from 0
 * @param random - uniform in [0, 1); passed in so that tests are exact
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export const reconnectDelayMs = (policy: RetryPolicy, attempt: number, random: number): number =>
  random * Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** attempt);

/** Delay after a refusal: asking again soon would not change the server's mind. */
export const refusedDelayMs = (policy: RetryPolicy, random: number): number => (policy.maxDelayMs * (1 + random)) / 2;
