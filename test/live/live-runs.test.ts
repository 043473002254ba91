import { describe, expect, it } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import type { ExecRequest, QueryResult } from "../../src/database/database.ts";
import { createLiveRuns, type LiveRuns, type Watcher } from "../../src/live/live-runs.ts";
import { execOn } from "../support/calls.ts";
import { openMemoryReplica } from "../support/replicas.ts";
import { createManualFrames, type ManualFrames } from "./manual-frames.ts";

interface Reading {
  readonly request: ExecRequest;
  answer(value: unknown, ...tables: readonly string[]): Promise<void>;
  fail(message: string): Promise<void>;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs over a reader that answers when the test says so. */
const openRuns = (): { runs: LiveRuns; frames: ManualFrames; readings: Reading[] } => {
  const frames = createManualFrames();
  const readings: Reading[] = [];
  const read = (request: ExecRequest): Promise<QueryResult> =>
    new Promise((resolve, reject) => {
      readings.push({
        request,
        answer: (value, ...tables) => {
          resolve({ columns: ["v"], rows: [{ v: value as string }], readTables: tables });
          return settle();
        },
        fail: (message) => {
          reject(new LedgerError("LEDGER_SQL_ERROR", message));
          return settle();
        },
      });
    });
  const runs = createLiveRuns({ read, nextFrame: frames.nextFrame });
  runs.reset();
  return { runs, frames, readings };
};

const recorder = (): { watcher: Watcher; told: unknown[] } => {
  const told: unknown[] = [];
  return {
    told,
    watcher: {
      changed: (rows) => told.push((rows[0] as { readonly v: unknown }).v),
      failed: (error) => told.push(error.message),
      ended: () => told.push("ended"),
    },
  };
};

const watch = (runs: LiveRuns, sql = "select", params?: ExecRequest["params"]) => {
  const { watcher, told } = recorder();
  return { told, stop: runs.watch(params === undefined ? { sql } : { sql, params }, watcher) };
};

describe("sharing", () => {
  it("runs once for everybody who watches the same statement with the same params", async () => {
    const { runs, readings } = openRuns();
    const alice = watch(runs, "select ?", ["a"]);
    const bob = watch(runs, "select ?", ["a"]);
    await readings[0]?.answer(1, "notes");
    const carol = watch(runs, "select ?", ["a"]);

    expect(readings).toHaveLength(1);
    expect([alice.told, bob.told, carol.told]).toEqual([[1], [1], [1]]);
  });

  it("never takes params for the same that SQLite tells apart", () => {
    const { runs, readings } = openRuns();
    const blob = new Uint8Array([1, 2]);
    const distinct: ExecRequest["params"][] = [
      [1],
      ["1"],
      [1n],
      [true],
      [null],
      ["null"],
      [0],
      [-0],
      [Infinity],
      ["a", "b"],
      ["a,b"],
      ['a","b'],
      [blob],
      [new Uint8Array([12])],
      ["x1 2"],
      { a: 1 },
      { a: "1" },
      ["a", 1],
      { a: 1, b: 2 },
      [],
    ];
    for (const params of distinct) watch(runs, "select", params);
    for (const params of distinct) watch(runs, "select", params);
    watch(runs, "select", [new Uint8Array([1, 2]).buffer]);

    expect(readings).toHaveLength(distinct.length);
  });
});

describe("a commit", () => {
  it("makes only those run again that read one of its tables, at the next frame", async () => {
    const { runs, frames, readings } = openRuns();
    const notes = watch(runs, "notes");
    const tags = watch(runs, "tags");
    await readings[0]?.answer(1, "notes", "authors");
    await readings[1]?.answer(1, "tags");

    runs.touched(["Authors"]);
    expect(readings).toHaveLength(2);
    await frames.pass();
    await readings[2]?.answer(2, "notes", "authors");

    expect(readings).toHaveLength(3);
    expect([notes.told, tags.told]).toEqual([[1, 2], [1]]);
  });

  it("costs nothing for a thousand queries of other tables: no run, no frame", async () => {
    const { runs, frames, readings } = openRuns();
    for (let index = 0; index < 1000; index += 1) watch(runs, `select ${index}`);
    for (const reading of readings) void reading.answer(1, "notes");
    await settle();
    await frames.pass();

    for (let commit = 0; commit < 100; commit += 1) runs.touched(["tags"]);

    expect(frames.waiting).toBe(0);
    expect(readings).toHaveLength(1000);
  });

  it("shares one run with all commits of its frame", async () => {
    const { runs, frames, readings } = openRuns();
    watch(runs);
    await readings[0]?.answer(1, "notes");

    for (let commit = 0; commit < 50; commit += 1) runs.touched(["notes"]);
    await frames.pass();

    expect(readings).toHaveLength(2);
  });

  it("is told to queries of the log of changes, whatever it changed", async () => {
    const { runs, frames, readings } = openRuns();
    watch(runs);
    await readings[0]?.answer(1, "*");

    runs.touched(["notes"]);
    await frames.pass();

    expect(readings).toHaveLength(2);
  });

  it("reaches a query under the tables that it reads now", async () => {
    const { runs, frames, readings } = openRuns();
    watch(runs);
    await readings[0]?.answer(1, "notes");
    runs.reset();
    await frames.pass();
    await readings[1]?.answer(2, "tags");

    runs.touched(["notes"]);
    expect(frames.waiting).toBe(0);
    runs.touched(["tags"]);
    expect(frames.waiting).toBe(1);
  });

  it("costs one call beside the write, with the real engine", async () => {
    const replica = await openMemoryReplica();
    const frames = createManualFrames();
    let calls = 0;
    const runs = createLiveRuns({
      nextFrame: frames.nextFrame,
      read: (request) => {
        calls += 1;
        return replica.call({ type: "query", request });
      },
    });
    replica.on("commit", ({ tables }) => runs.touched(tables));
    runs.reset();
    const seen: unknown[] = [];
    let told = (): void => {};
    const next = (): Promise<void> => new Promise((resolve) => (told = resolve));
    const first = next();
    const watcher: Watcher = { changed: (rows) => (seen.push(rows), told()), failed: () => {}, ended: () => {} };
    runs.watch({ sql: "select count(*) as n from notes" }, watcher);
    await first;

    calls = 0;
    const second = next();
    await execOn(replica, { sql: "insert into notes (id) values ('a')" });
    await frames.pass();
    await second;

    expect(seen).toEqual([[{ n: 0 }], [{ n: 1 }]]);
    expect(calls).toBe(1);
    await replica.close();
  });
});

describe("a run under way", () => {
  it("is the only one of its statement, however much is written meanwhile", async () => {
    const { runs, frames, readings } = openRuns();
    watch(runs);
    await readings[0]?.answer(1, "notes");
    runs.touched(["notes"]);
    await frames.pass();

    runs.touched(["notes"]);
    await frames.pass();
    runs.reset();
    await frames.pass();

    expect(readings).toHaveLength(2);
  });

  it("is read again when its tables were touched, and its outdated answer is told to nobody", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    runs.touched(["notes"]);
    await readings[0]?.answer("outdated", "notes");
    await frames.pass();
    await readings[1]?.answer("new", "notes");

    expect(alice.told).toEqual(["new"]);
  });

  it("stands when only other tables were touched", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    runs.touched(["tags"]);
    await readings[0]?.answer(1, "notes");

    expect(alice.told).toEqual([1]);
    expect(frames.waiting).toBe(0);
  });

  it("is dropped at most every other time, so that steady writing hides nothing for long", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    for (let index = 0; index < 6; index += 1) {
      runs.touched(["notes"]);
      await readings[index]?.answer(index, "notes");
      await frames.pass();
    }

    expect(alice.told).toEqual([1, 3, 5]);
  });

  it("is told to nobody who has left", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    const bob = watch(runs);
    alice.stop();
    await readings[0]?.answer(1, "notes");
    bob.stop();
    runs.touched(["notes"]);
    await frames.pass();

    expect(readings).toHaveLength(1);
    expect([alice.told, bob.told]).toEqual([[], [1]]);
  });
});

describe("an answer", () => {
  it("that equals the one before is told to nobody", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    for (const [index, value] of ["a", "a", new Uint8Array([1]), new Uint8Array([1]), 1n, 1n, 1].entries()) {
      await readings[index]?.answer(value, "notes");
      runs.touched(["notes"]);
      await frames.pass();
    }

    expect(alice.told).toEqual(["a", new Uint8Array([1]), 1n, 1]);
  });
});

describe("a failure", () => {
  it("is told once, is tried again at any commit, and is over when a run succeeds", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    await readings[0]?.fail("no such table");
    runs.touched(["other"]);
    await frames.pass();
    await readings[1]?.fail("no such table");
    runs.reset();
    await frames.pass();
    await readings[2]?.answer(1, "notes");
    runs.touched(["other"]);

    expect(alice.told).toEqual(["no such table", 1]);
    expect(frames.waiting).toBe(0);
  });

  it("of what could be read before is tried again when a table that it reads is touched", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    await readings[0]?.answer(1, "notes");
    runs.touched(["notes"]);
    await frames.pass();
    await readings[1]?.fail("malformed JSON");
    runs.touched(["other"]);
    expect(frames.waiting).toBe(0);
    runs.touched(["notes"]);
    await frames.pass();
    await readings[2]?.answer(1, "notes");

    expect(alice.told).toEqual([1, "malformed JSON", 1]);
  });

  it("is told to whoever comes later", async () => {
    const { runs, readings } = openRuns();
    watch(runs);
    await readings[0]?.fail("no such table");

    expect(watch(runs).told).toEqual(["no such table"]);
  });
});

describe("leaving", () => {
  it("ends the run at the next frame, and not for whoever is back before", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    await readings[0]?.answer(1, "notes");

    alice.stop();
    const back = watch(runs);
    await frames.pass();
    expect(back.told).toEqual([1]);
    expect(readings).toHaveLength(1);

    back.stop();
    back.stop();
    await frames.pass();
    expect(runs.peek({ sql: "select" })).toBeUndefined();
    watch(runs);
    expect(readings).toHaveLength(2);
  });
});

describe("opening and closing", () => {
  it("waits with everything until it can be read", async () => {
    const frames = createManualFrames();
    let reads = 0;
    const runs = createLiveRuns({
      nextFrame: frames.nextFrame,
      read: () => {
        reads += 1;
        return new Promise(() => {});
      },
    });
    watch(runs, "a");
    watch(runs, "b").stop();
    await frames.pass();
    expect(reads).toBe(0);

    runs.reset();
    await frames.pass();
    expect(reads).toBe(1);
  });

  it("tells everybody of its end, and nothing afterwards", async () => {
    const { runs, frames, readings } = openRuns();
    const alice = watch(runs);
    runs.touched(["notes"]);
    runs.close();
    await readings[0]?.answer(1, "notes");
    runs.touched(["notes"]);
    runs.reset();
    alice.stop();
    await frames.pass();

    expect(alice.told).toEqual(["ended"]);
    expect(watch(runs).told).toEqual(["ended"]);
    expect(readings).toHaveLength(1);
  });
});
