/** Live queries as Svelte and RxJS use them, by what their documents and sources say that they do. */

import { afterEach, expect, it } from "vitest";
import { Ledger, type LiveQuery } from "../../src/index.ts";

const opened: Ledger[] = [];

const open = async (): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID() });
  opened.push(db);
  await db.init();
  await db.exec("CREATE TABLE notes (id TEXT PRIMARY KEY)");
  return db;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

interface SvelteStore<T> {
  subscribe(run: (value: T) => void, invalidate?: () => void): (() => void) | { unsubscribe(): void };
}

/** As svelte/store does it for `$store`. @see https://svelte.dev/docs/svelte/stores#Store-contract */
const subscribeToStore = <T>(store: SvelteStore<T>, run: (value: T) => void): (() => void) => {
  const unsubscribe = store.subscribe(run, () => {
    throw new Error("Svelte's private callback was called");
  });
  return "unsubscribe" in unsubscribe ? () => unsubscribe.unsubscribe() : unsubscribe;
};

interface RxObserver<T> {
  next(value: T): void;
  error(error: unknown): void;
  complete(): void;
}

/**
 * As RxJS 7 does it in from(): looks for Symbol.observable or "@@observable" first, before async iterables, and hands its
 * subscriber over. The subscriber is over after the first error or completion; then, or when it leaves, it tears down what
 * subscribe() answered, a function or an object, even when that comes only afterwards.
 * @see https://github.com/ReactiveX/rxjs/blob/7.x/src/internal/observable/innerFrom.ts
 */
const from = <T>(input: object, observer: RxObserver<T>): { unsubscribe(): void } => {
  const name = (Symbol as { readonly observable?: symbol }).observable ?? "@@observable";
  const interop = (input as Record<string | symbol, unknown>)[name];
  if (typeof interop !== "function") throw new TypeError("not an observable");
  const source = interop.call(input) as { subscribe(observer: RxObserver<T>): (() => void) | { unsubscribe(): void } };
  let teardown: (() => void) | undefined;
  let isOver = false;
  const unsubscribe = (): void => {
    isOver = true;
    teardown?.();
    teardown = undefined;
  };
  const answer = source.subscribe({
    next: (value) => (isOver ? undefined : observer.next(value)),
    error: (error) => {
      if (isOver) return;
      unsubscribe();
      observer.error(error);
    },
    complete: () => {
      if (isOver) return;
      unsubscribe();
      observer.complete();
    },
  });
  teardown = typeof answer === "function" ? answer : () => answer.unsubscribe();
  if (isOver) unsubscribe();
  return { unsubscribe };
};

/** RxJS's firstValueFrom(): leaves from within the first value. */
const firstValueFrom = <T>(input: object): Promise<T> =>
  new Promise((resolve, reject) => {
    const subscription = from<T>(input, {
      next: (value) => {
        resolve(value);
        queueMicrotask(() => subscription.unsubscribe());
      },
      error: reject,
      complete: () => reject(new Error("no value")),
    });
  });

const firstRows = <R>(live: LiveQuery<R>): Promise<readonly R[]> =>
  new Promise((resolve) => subscribeToStore<readonly R[]>(live, resolve));

it("is a store for Svelte: called at once when the rows are known, then at every change, until unsubscribed", async () => {
  const db = await open();
  const live = db.live("SELECT count(*) AS n FROM notes");
  expect(await firstRows(live)).toEqual([{ n: 0 }]);
  const values: unknown[] = [];
  let told = (): void => {};
  const unsubscribe = subscribeToStore<readonly unknown[]>(live, (rows) => {
    values.push(rows);
    told();
  });
  expect(values).toEqual([[{ n: 0 }]]);

  const next = new Promise<void>((resolve) => (told = resolve));
  await db.exec("INSERT INTO notes VALUES ('a')");
  await next;
  unsubscribe();
  unsubscribe();

  expect(values).toEqual([[{ n: 0 }], [{ n: 1 }]]);
});

it("is an observable for RxJS, whose first value is what was read", async () => {
  const db = await open();
  const live = db.live("SELECT count(*) AS n FROM notes");

  expect(await firstValueFrom(live)).toEqual([{ n: 0 }]);
  expect(await firstValueFrom(live)).toEqual([{ n: 0 }]);
});

it("is an observable for libraries that have made Symbol.observable", async () => {
  const holder = Symbol as { observable?: symbol };
  holder.observable = Symbol("observable");
  try {
    const db = await open();

    expect(await firstValueFrom(db.live("SELECT 1 AS one"))).toEqual([{ one: 1 }]);
  } finally {
    delete holder.observable;
  }
});

it("errs and completes as an observable", async () => {
  const db = await open();
  const live = db.live("SELECT 1 AS one");
  const completed = new Promise<void>((resolve, reject) =>
    from(live, { next: () => live.close(), error: reject, complete: resolve }),
  );

  await completed;
  await expect(firstValueFrom(db.live("SELECT nothing"))).rejects.toMatchObject({ code: "LEDGER_SQL_ERROR" });
  await expect(firstValueFrom(live)).rejects.toThrow("no value");
});

it("stops running once the last subscriber of each kind has left", async () => {
  const db = await open();
  const live = db.live("SELECT count(*) AS n FROM notes");
  const leaveStore = subscribeToStore<unknown>(live, () => {});
  const observed = from(live, { next: () => {}, error: () => {}, complete: () => {} });
  const iterator = live[Symbol.asyncIterator]();
  await iterator.next();
  leaveStore();
  observed.unsubscribe();
  expect(live.status).toBe("ready");
  await iterator.return?.();

  expect(live.status).toBe("loading");
});
