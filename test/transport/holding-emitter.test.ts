import { expect, it } from "vitest";
import { createHoldingEmitter } from "../../src/transport/holding-emitter.ts";

interface Events {
  word: readonly [word: string];
  close: readonly [reason: string];
}

const create = () => {
  const errors: unknown[] = [];
  const events = createHoldingEmitter<Events, "word">("word", (error) => errors.push(error));
  return { errors, events };
};

it("holds again when the last listener has left, and gives everything in order to the next", async () => {
  const { events } = create();
  const heard: string[] = [];

  const off = events.on("word", (word) => heard.push(`first ${word}`));
  events.offer("a");
  off();
  off();
  events.offer("b");
  events.on("word", (word) => heard.push(`second ${word}`));
  events.offer("c");
  await Promise.resolve();

  expect(heard).toEqual(["first a", "second b", "second c"]);
  expect(events.heldCount).toBe(0);
});

it("reports listeners that throw, late ones too, and tells the rest", async () => {
  const { errors, events } = create();
  const heard: string[] = [];
  const fail = (): never => {
    throw new Error("no");
  };

  events.on("close", fail);
  events.on("close", (reason) => heard.push(reason));
  events.end("over");
  events.end("again");
  events.on("close", fail);
  events.on("close", (reason) => heard.push(`late ${reason}`))();
  events.on("close", (reason) => heard.push(`later ${reason}`));
  await Promise.resolve();

  expect(heard).toEqual(["over", "later over"]);
  expect(errors).toEqual([new Error("no"), new Error("no")]);
});
