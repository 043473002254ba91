import { expect, test } from "vitest";
import type { RowChange } from "../src/database/row-change.ts";
import { createRowWatches } from "../src/row-watches.ts";

const open = () => {
  const asked: (readonly string[])[] = [];
  const waiting: (() => void)[] = [];
  const watches = createRowWatches({
    owner: "tab",
    checkCaller: () => {},
    call: ({ tables }) => {
      asked.push(tables);
      return new Promise<void>((resolve) => waiting.push(resolve));
    },
    version: () => 7,
    listenerThrew: (error) => {
      throw error;
    },
  });
  /** Lets the replica answer, after it was asked. */
  const answer = async (): Promise<void> => {
    while (waiting.length === 0) await Promise.resolve();
    waiting.shift()?.();
  };
  return { watches, asked, answer };
};

test("asks another replica for everything that is watched, and tells that rows may have been missed once it answers", async () => {
  const { watches, asked, answer } = open();
  const told: RowChange[] = [];
  const begun = watches.watch("notes", {}, (change) => told.push(change as RowChange));
  await answer();
  await begun;

  watches.renew();
  await Promise.resolve();
  expect(told).toEqual([]);
  await answer();
  while (told.length === 0) await Promise.resolve();

  expect(asked).toEqual([["notes"], ["notes"]]);
  expect(told).toEqual([{ type: "missed", reason: "interrupted", table: "notes", origin: "local", version: 7 }]);
});

test("asks for nothing any more when the last watch ends, and nothing of a replica that nobody watches", async () => {
  const { watches, asked, answer } = open();
  const begun = Promise.all([watches.watch("notes", {}, () => {}), watches.watch("notes", {}, () => {})]);
  await answer();
  await answer();
  const stops = await begun;

  for (const stop of stops) stop();
  await answer();
  await answer();
  watches.renew();

  expect(asked).toEqual([["notes"], ["notes"], [], []]);
});
