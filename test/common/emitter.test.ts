import { describe, expect, it } from "vitest";
import { createEmitter } from "../../src/common/emitter.ts";

interface Events {
  note: [title: string];
  other: [];
}

const create = () => {
  const failures: (readonly [error: unknown, event: keyof Events])[] = [];
  return { emitter: createEmitter<Events>((error, event) => failures.push([error, event])), failures };
};

describe("an emitter", () => {
  it("calls every listener of the event with its arguments, in the order they came", () => {
    const { emitter } = create();
    const heard: string[] = [];
    emitter.on("note", (title) => heard.push(`first ${title}`));
    emitter.on("other", () => heard.push("other"));
    emitter.on("note", (title) => heard.push(`second ${title}`));

    emitter.emit("note", "a");

    expect(heard).toEqual(["first a", "second a"]);
  });

  it("reports a listener that throws, with the event, and calls the rest", () => {
    const { emitter, failures } = create();
    const error = new Error("mine");
    const heard: string[] = [];
    emitter.on("note", () => {
      throw error;
    });
    emitter.on("note", (title) => heard.push(title));

    emitter.emit("note", "a");

    expect(heard).toEqual(["a"]);
    expect(failures).toEqual([[error, "note"]]);
  });

  it("removes one registration, once, of a listener that is there twice", () => {
    const { emitter } = create();
    let calls = 0;
    const listener = (): void => void (calls += 1);
    const off = emitter.on("other", listener);
    emitter.on("other", listener);

    off();
    off();
    emitter.emit("other");

    expect(calls).toBe(1);
  });

  it("lets a listener leave while it is called without the others missing anything", () => {
    const { emitter } = create();
    const heard: string[] = [];
    const off = emitter.on("note", () => {
      heard.push("once");
      off();
    });
    emitter.on("note", (title) => heard.push(title));

    emitter.emit("note", "a");
    emitter.emit("note", "b");

    expect(heard).toEqual(["once", "a", "b"]);
  });

  it("calls a listener that came during an event only from the next one on", () => {
    const { emitter } = create();
    const heard: string[] = [];
    emitter.on("note", (title) => {
      if (title === "a") emitter.on("note", (later) => heard.push(later));
    });

    emitter.emit("note", "a");
    emitter.emit("note", "b");

    expect(heard).toEqual(["b"]);
  });

  it("forgets everyone on clear, and can be used again", () => {
    const { emitter } = create();
    const heard: string[] = [];
    const off = emitter.on("note", (title) => heard.push(title));
    emitter.clear();
    emitter.emit("note", "a");

    emitter.on("note", (title) => heard.push(title));
    off();
    emitter.emit("note", "b");

    expect(heard).toEqual(["b"]);
  });
});
