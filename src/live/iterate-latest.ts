/** An async iterator over something that changes: gives the newest value, and none that was overtaken before it was read. */

export interface LatestObserver<T> {
  next(value: T): void;
  error(error: Error): void;
  complete(): void;
}

/**
 * Subscribes at the first `next()` and leaves at the end, at an error, and when the loop is left.
 * @param subscribe - may call the observer at once; answers how to leave
 */
export const iterateLatest = <T>(subscribe: (observer: LatestObserver<T>) => () => void): AsyncIterator<T> => {
  /** What was told and not read. */
  let unread: { readonly value: T } | undefined;
  let failure: { readonly error: Error } | undefined;
  let isOver = false;
  let leave: (() => void) | undefined;
  const readers: { readonly resolve: (result: IteratorResult<T>) => void; readonly reject: (error: Error) => void }[] =
    [];

  const end = (): void => {
    isOver = true;
    leave?.();
  };

  /** Answers as many readers as possible. */
  const serve = (): void => {
    for (;;) {
      const reader = unread !== undefined || failure !== undefined || isOver ? readers.shift() : undefined;
      if (reader === undefined) return;
      if (failure !== undefined) {
        reader.reject(failure.error);
        failure = undefined;
      } else if (unread !== undefined) {
        reader.resolve({ done: false, value: unread.value });
        unread = undefined;
      } else reader.resolve({ done: true, value: undefined });
    }
  };

  const observer: LatestObserver<T> = {
    next: (value) => {
      unread = { value };
      serve();
    },
    error: (error) => {
      unread = undefined;
      failure = { error };
      end();
      serve();
    },
    complete: () => {
      end();
      serve();
    },
  };

  return {
    next: () =>
      new Promise((resolve, reject) => {
        readers.push({ resolve, reject });
        if (leave === undefined && !isOver) {
          leave = subscribe(observer);
          if (isOver) leave(); // It ended while subscribing.
        }
        serve();
      }),
    return: () => {
      unread = undefined;
      failure = undefined;
      end();
      serve();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
};
