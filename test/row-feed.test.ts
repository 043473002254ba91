import { expect, test } from "vitest";
import type { RowChange } from "../src/database/row-change.ts";
import { createRowFeed, keptRowChanges } from "../src/row-feed.ts";

const insert = (id: number): RowChange => ({
  type: "insert",
  table: "notes",
  origin: "local",
  version: id,
  key: { id },
  who: "a".repeat(32) as never,
  row: { id },
});

const open = () => {
  let tell = (_change: RowChange): void => {};
  const seen = { begun: 0, stopped: 0, ended: 0 };
  const feed = createRowFeed<Record<string, never>>({
    begin: async (listener) => {
      seen.begun += 1;
      tell = (change) => listener(change as never);
      return () => (seen.stopped += 1);
    },
    onEnd: () => (seen.ended += 1),
  });
  return { ...feed, seen, tell: (change: RowChange) => tell(change) };
};

test("begins with the loop, and gives each change once and in order, to several readers as well", async () => {
  const { iterator, seen, tell } = open();
  expect(seen.begun).toBe(0);

  const [first, second] = [iterator.next(), iterator.next()];
  for (const id of [1, 2, 3, 4]) tell(insert(id));

  const values = [await first, await second, await iterator.next(), await iterator.next()].map(({ value }) => value);
  expect(values).toEqual([1, 2, 3, 4].map(insert));
  expect(seen).toEqual({ begun: 1, stopped: 0, ended: 0 });
});

test("tells a loop that is too slow that it missed changes, and goes on from there", async () => {
  const { iterator, tell } = open();
  const first = iterator.next();
  tell(insert(0));
  await first;

  for (let id = 1; id <= keptRowChanges + 1; id += 1) tell(insert(id));
  tell(insert(-1));

  const missed = {
    type: "missed",
    reason: "slow-reader",
    table: "notes",
    origin: "local",
    version: keptRowChanges + 1,
  };
  expect((await iterator.next()).value).toEqual(missed);
  expect((await iterator.next()).value).toEqual(insert(-1));
});

test("ends once, with whoever waits, and drops what was not read", async () => {
  const { iterator, end, seen, tell } = open();
  const first = iterator.next();
  tell(insert(1));
  await first;
  tell(insert(2));

  await iterator.return?.();
  end();
  tell(insert(3));

  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  expect(seen).toEqual({ begun: 1, stopped: 1, ended: 1 });
});

test("stops a watch that begins only after the loop was left", async () => {
  const { iterator, end, seen } = open();

  const reading = iterator.next();
  end();

  expect(await reading).toEqual({ done: true, value: undefined });
  expect(seen).toEqual({ begun: 1, stopped: 1, ended: 1 });
});
