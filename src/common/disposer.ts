/** Collects releases in the order resources were taken and runs them last in, first out, each once. */

export type Release = () => void | Promise<void>;

export interface Disposer {
  /** Runs `release` on dispose; at once when already disposed. */
  defer(release: Release): void;
  /** Releases everything; idempotent, the same promise every time, never rejects. */
  dispose(): Promise<void>;
  readonly disposed: boolean;
}

/**
 * @param onReleaseError - told of every release that throws or rejects; the rest still run
 */
export const createDisposer = (onReleaseError: (error: unknown) => void): Disposer => {
  const releases: Release[] = [];
  let disposal: Promise<void> | undefined;

  const run = async (release: Release): Promise<void> => {
    try {
      await release();
    } catch (error) {
      onReleaseError(error);
    }
  };

  return {
    defer: (release) => {
      if (disposal === undefined) releases.push(release);
      else void run(release);
    },
    dispose: () => {
      disposal ??= (async () => {
        for (let release = releases.pop(); release !== undefined; release = releases.pop()) await run(release);
      })();
      return disposal;
    },
    get disposed() {
      return disposal !== undefined;
    },
  };
};
