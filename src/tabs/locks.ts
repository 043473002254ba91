/** Port: locks that all tabs of an origin share, and that the platform releases when their holder dies. */

export type ReleaseLock = () => void;

export interface Locks {
  /**
   * Waits in line for the lock; resolves with its release, which is idempotent.
   * @throws signal.reason when aborted while waiting; a lock that is held is not given up by aborting
   */
  acquire(name: string, mode: "exclusive" | "shared", signal: AbortSignal): Promise<ReleaseLock>;
}
