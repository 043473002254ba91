/** Runs asynchronous work strictly one after the other, in the order asked for. */

export interface WorkQueue {
  /** Runs `work` when everything asked for before has settled; a rejection goes to the caller and stops nothing. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Settles when everything asked for so far has settled. */
  idle(): Promise<void>;
}

export const createWorkQueue = (): WorkQueue => {
  let tail: Promise<unknown> = Promise.resolve();

  return {
    run: (work) => {
      const result = tail.then(work);
      // The tail must not carry a rejection into the next piece of work; its caller has it.
      tail = result.catch(() => {});
      return result;
    },
    idle: () => tail.then(() => {}),
  };
};
