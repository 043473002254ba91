/** Receipts, waiting to be in step, and what is pending, with the real engine over memory links. */

import { afterEach, describe, expect, it } from "vitest";
import type { Clock } from "../src/common/clock.ts";
import type { LedgerError } from "../src/common/errors.ts";
import type { Replica } from "../src/replica.ts";
import { enableSyncOn, execOn } from "./support/calls.ts";
import { createFakeClock } from "./support/fake-clock.ts";
import { connect, notesTable, openMemoryReplica, rowsOf, settled } from "./support/replicas.ts";

const opened: Replica[] = [];

const open = async (options: { readonly clock?: Clock; readonly schema?: false } = {}): Promise<Replica> => {
  const replica = await openMemoryReplica(options);
  opened.push(replica);
  return replica;
};

const write = (replica: Replica, id: string) =>
  execOn(replica, { sql: "INSERT INTO notes (id, title) VALUES (?, 'hello')", params: [id] });

const replicated = (replica: Replica, peers: number, timeoutMs = 20_000) =>
  replica.call({ type: "wait", goal: { type: "replicated", peers }, timeoutMs });

const inStep = (replica: Replica, timeoutMs = 20_000) =>
  replica.call({ type: "wait", goal: { type: "in-step" }, timeoutMs });

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "fine",
    (error: LedgerError) => error.code,
  );

/** Whether it is settled by the time that everything of this moment has run. */
const isSettled = async (promise: Promise<unknown>, replica: Replica): Promise<boolean> => {
  let done = false;
  const settle = (): void => {
    done = true;
  };
  void promise.then(settle, settle);
  await execOn(replica, { sql: "SELECT 1" });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
});

describe("a receipt", () => {
  it("comes when the peers have stored everything written before the call", async () => {
    const [alice, bob, carol] = await Promise.all([open(), open(), open()]);
    connect(alice, bob);
    connect(alice, carol);
    void write(alice, "a");
    void write(alice, "b");

    const receipt = await replicated(alice, 2);

    expect(receipt.peers).toEqual([bob.siteId, carol.siteId].sort());
    expect(receipt.version).toBe(alice.version);
    expect(await rowsOf(bob)).toHaveLength(2);
    expect(await rowsOf(carol)).toHaveLength(2);
  });

  it("counts each replica once, and never this one", async () => {
    const clock = createFakeClock();
    const [alice, bob] = await Promise.all([open({ clock }), open()]);
    connect(alice, bob).drop();
    connect(alice, bob);
    await write(alice, "a");
    await replicated(alice, 1);

    const code = codeOf(replicated(alice, 2, 5_000));
    await clock.advance(5_000);

    expect(await code).toBe("LEDGER_TIMEOUT");
  });

  it("counts a replica that stored it and left", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    const link = connect(alice, bob);
    await write(alice, "a");
    await replicated(alice, 1);
    link.drop();

    expect((await replicated(alice, 1)).peers).toEqual([bob.siteId]);
  });

  it("does not count a replica for what was written after it left", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    const link = connect(alice, bob);
    await write(alice, "a");
    await replicated(alice, 1);
    link.drop();
    await write(alice, "b");

    expect(await isSettled(replicated(alice, 1), alice)).toBe(false);
  });

  it("counts a peer that keeps the rows for a table it does not have", async () => {
    const [alice, bob] = await Promise.all([open(), open({ schema: false })]);
    connect(alice, bob);
    await write(alice, "a");

    await replicated(alice, 1);
    await execOn(bob, { sql: notesTable });
    const applied = new Promise((resolve) => bob.on("commit", resolve));
    await enableSyncOn(bob, "notes");
    await applied;

    expect(await rowsOf(bob)).toHaveLength(1);
  });

  it("rejects with LEDGER_TIMEOUT when the time is over, and with LEDGER_CLOSED when the database is closed", async () => {
    const clock = createFakeClock();
    const alice = await open({ clock });
    const early = codeOf(replicated(alice, 1, 100));
    const late = codeOf(replicated(alice, 1, 10_000));

    await clock.advance(100);
    expect(await early).toBe("LEDGER_TIMEOUT");
    await alice.close();

    expect(await late).toBe("LEDGER_CLOSED");
    expect(await codeOf(replicated(alice, 1, 100))).toBe("LEDGER_CLOSED");
  });
});

describe("being in step", () => {
  it("waits for the first peer, and for the rows of both", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    await write(alice, "a");
    await write(bob, "b");
    const waiting = inStep(alice);
    expect(await isSettled(waiting, alice)).toBe(false);

    connect(alice, bob);
    const receipt = await waiting;

    expect(receipt.peers).toEqual([bob.siteId]);
    expect(await rowsOf(alice)).toHaveLength(2);
    expect(await rowsOf(bob)).toHaveLength(2);
  });

  it("waits for every linked peer", async () => {
    const [alice, bob, carol] = await Promise.all([open(), open(), open()]);
    connect(alice, bob);
    await inStep(alice);
    await write(carol, "c");
    connect(alice, carol);

    await inStep(alice);

    expect(await rowsOf(bob)).toHaveLength(1);
  });

  it("is over at the next write until that has arrived", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    connect(alice, bob);
    await inStep(alice);

    void write(alice, "a");
    await inStep(alice);

    expect(await rowsOf(bob)).toHaveLength(1);
  });
});

describe("what is pending", () => {
  it("counts changes until the peer has stored them, and then nothing", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    await execOn(alice, {
      sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100)
            INSERT INTO notes (id, title) SELECT 'row-' || n, 'title' FROM c`,
    });
    const seen: { readonly changes: number; readonly bytes: number }[] = [];
    alice.on("progress", ([entry]) => {
      if (entry !== undefined) seen.push(entry.pending);
    });

    connect(alice, bob);
    await settled(alice, bob);

    // A row of the notes table is three cells beside its key.
    expect(Math.max(...seen.map(({ changes }) => changes))).toBe(300);
    expect(Math.max(...seen.map(({ bytes }) => bytes))).toBeGreaterThan(1_000);
    expect(seen.at(-1)).toEqual({ changes: 0, bytes: 0 });
  });

  it("counts what of a long log was not read yet", async () => {
    const [alice, bob] = await Promise.all([open(), open()]);
    for (let part = 0; part < 3; part += 1) {
      await execOn(alice, {
        sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1400)
              INSERT INTO notes (id, title) SELECT 'row-${part}-' || n, hex(randomblob(20)) FROM c`,
      });
    }
    const seen = new Set<number>();
    alice.on("progress", ([entry]) => {
      if (entry !== undefined) seen.add(entry.pending.changes);
    });

    // One that holds nothing would get it all at once.
    await execOn(bob, { sql: "INSERT INTO notes (id) VALUES ('of Bob')" });
    connect(alice, bob);
    await replicated(alice, 1);

    expect(Math.max(...seen)).toBeGreaterThanOrEqual(12_600);
  });
});
