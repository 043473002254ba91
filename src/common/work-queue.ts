/** Runs asynchronous work strictly one after the other, in the order asked for. */

export interface WorkQueue {
  /** Runs `work` when everything asked for before has settled; a rejection goes to the caller and stops nothing. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Settles when everything asked for so far has settled. */
  idle(): Promise<void>;
  /** Whether everything asked for so far has settled. */
  readonly isIdle: boolean;
}

export const createWorkQueue = (): WorkQueue => {
  let tail: Promise<unknown> = Promise.resolve();
  let unsettled = 0;
  const settled = (): void => {
    unsettled -= 1;
  };

  return {
    run: (work) => {
      unsettled += 1;
      const result = tail.then(work);
      // The tail must not carry a rejection into the next piece of work; its caller has it.
      tail = result.then(settled, settled);
      return result;
    },
    idle: () => tail.then(() => {}),
    get isIdle() {
      return unsettled === 0;
    },
  };
};
