import { expect, test } from "vitest";
import { createPersistence } from "../src/persistence.ts";

/** A browser that says `answer` when it is asked. */
const createFakeStorage = (answer: boolean, isPersisted = false) => {
  const storage = {
    asked: 0,
    persisted: async () => isPersisted,
    persist: async () => {
      storage.asked += 1;
      isPersisted = answer;
      return answer;
    },
  };
  return storage;
};

test("asks at the start where the browser decides by itself, and tells what it said", async () => {
  const storage = createFakeStorage(true);
  let changes = 0;
  const persistence = createPersistence({ storage, decidesSilently: true, onChange: () => (changes += 1) });
  expect(persistence.isPersistent).toBeUndefined();

  await persistence.start();

  expect(persistence.isPersistent).toBe(true);
  expect([storage.asked, changes]).toEqual([1, 1]);
});

test("only looks where the user would be asked, until the app wants it", async () => {
  const storage = createFakeStorage(true);
  let changes = 0;
  const persistence = createPersistence({ storage, decidesSilently: false, onChange: () => (changes += 1) });

  await persistence.start();
  expect([persistence.isPersistent, storage.asked]).toEqual([false, 0]);

  expect(await persistence.request()).toBe(true);
  expect([persistence.isPersistent, changes]).toEqual([true, 2]);
});

test("does not ask for what is promised already", async () => {
  const storage = createFakeStorage(false, true);
  const persistence = createPersistence({ storage, decidesSilently: true, onChange: () => {} });

  await persistence.start();

  expect([persistence.isPersistent, storage.asked]).toEqual([true, 0]);
});

test("promises nothing where there is no storage, and where asking fails", async () => {
  const none = createPersistence({ storage: undefined, decidesSilently: true, onChange: () => {} });
  const failing = createPersistence({
    storage: { persist: () => Promise.reject(new TypeError()), persisted: () => Promise.reject(new TypeError()) },
    decidesSilently: true,
    onChange: () => {},
  });

  await Promise.all([none.start(), failing.start()]);

  expect([none.isPersistent, await none.request()]).toEqual([undefined, false]);
  expect([failing.isPersistent, await failing.request()]).toEqual([false, false]);
});
