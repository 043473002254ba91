import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerOptions, type Transaction } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";
import { notesTable } from "./support/replicas.ts";

const opened: Ledger[] = [];

const openLedger = async (options: LedgerOptions = {}): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  await db.init();
  await db.exec(notesTable);
  await db.enableSync("notes");
  return db;
};

const add = (tx: Transaction | Ledger, id: string) => tx.exec("INSERT INTO notes (id, title) VALUES (?, ?)", [id, id]);

const ids = async (db: Ledger | Transaction): Promise<unknown> =>
  (await db.query<{ id: string }>("SELECT id FROM notes ORDER BY id")).map(({ id }) => id).join("");

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("answers with the function's value and keeps what it did", async () => {
  const db = await openLedger();

  const count = await db.transaction(async (tx) => {
    await add(tx, "a");
    await add(tx, "b");
    return tx.get("SELECT count(*) AS n FROM notes");
  });

  expect(count).toEqual({ n: 2 });
  expect(await ids(db)).toBe("ab");
});

test("undoes everything when the function throws, and rejects with what it threw", async () => {
  const db = await openLedger();
  const reason = new Error("the app changed its mind");

  const failed = db.transaction(async (tx) => {
    await add(tx, "a");
    throw reason;
  });

  await expect(failed).rejects.toBe(reason);
  expect(await ids(db)).toBe("");
});

test("arrives whole at peers", async () => {
  const network = createTestNetwork();
  const alice = await openLedger({ network });
  const bob = await openLedger({ network });
  const ready = new Promise((resolve) => alice.on("peer-ready", resolve));
  await Promise.all([alice.connect(), bob.connect()]);
  await ready;
  const seen: Promise<unknown>[] = [];
  const synced = new Promise<void>((resolve) =>
    bob.on("sync", () => {
      seen.push(ids(bob));
      resolve();
    }),
  );

  await alice.transaction(async (tx) => {
    for (const id of ["a", "b", "c"]) await add(tx, id);
  });
  await synced;

  expect(await Promise.all(seen)).toEqual(["abc"]);
});

test("isolates: calls made meanwhile see all of it or nothing, and two transactions run one after the other", async () => {
  const db = await openLedger();
  let seen: Promise<unknown> | undefined;
  const first = db.transaction(async (tx) => {
    await add(tx, "a");
    await new Promise((resolve) => setTimeout(resolve, 1));
    await add(tx, "b");
  });
  setTimeout(() => (seen = ids(db)));
  const second = db.transaction((tx) => ids(tx));

  await first;

  expect(await second).toBe("ab");
  expect(await seen).toBe("ab");
});

test("undoes only the inner transaction when it throws", async () => {
  const db = await openLedger();

  await db.transaction(async (tx) => {
    await add(tx, "a");
    const inner = tx.transaction(async (nested) => {
      await add(nested, "b");
      await nested.transaction(async (deep) => add(deep, "c"));
      throw new Error("no");
    });
    await expect(inner).rejects.toThrow("no");
    expect(await tx.transaction(async (nested) => (await add(nested, "d")).rowsAffected)).toBe(1);
  });

  expect(await ids(db)).toBe("ad");
});

test("refuses calls of the database inside, where they would wait for themselves", async () => {
  const db = await openLedger();
  const misused = { code: "LEDGER_TRANSACTION_MISUSED" };

  await db.transaction(async (tx) => {
    await expect(add(db, "x")).rejects.toMatchObject(misused);
    await tx.query("SELECT 1");
    const calls = [
      db.exec("SELECT 1"),
      db.query("SELECT 1"),
      db.get("SELECT 1"),
      db.batch(["SELECT 1"]),
      db.enableSync("notes"),
      db.transaction(async () => {}),
    ];
    for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ reason: misused });
    await add(tx, "a");
  });

  expect(await ids(db)).toBe("a");
});

test("lets others call the database while a transaction is open", async () => {
  const db = await openLedger();
  const other = (async () => {
    for (let index = 0; index < 20; index += 1) await add(db, `o${index}`);
  })();

  await db.transaction(async (tx) => {
    for (let index = 0; index < 20; index += 1) await add(tx, `t${index}`);
  });
  await other;

  expect(await db.get("SELECT count(*) AS n FROM notes")).toEqual({ n: 40 });
});

test("refuses the outer tx while an inner transaction is open, and any tx afterwards", async () => {
  const db = await openLedger();
  let kept: Transaction | undefined;

  await db.transaction(async (tx) => {
    kept = tx;
    await tx.transaction(async (nested) => {
      await expect(add(tx, "x")).rejects.toMatchObject({ code: "LEDGER_TRANSACTION_MISUSED" });
      await add(nested, "a");
    });
    await add(tx, "b");
  });

  await expect(add(kept as Transaction, "x")).rejects.toMatchObject({ code: "LEDGER_TRANSACTION_ENDED" });
  expect(await ids(db)).toBe("ab");
});

test("rolls back one that asks nothing for too long, and serves the others", async () => {
  const db = await openLedger({ transactionIdleMs: 100 });
  const waiting = db.transaction(async (tx) => {
    await add(tx, "a");
    await new Promise((resolve) => setTimeout(resolve, 0));
    return add(db, "b"); // Not told from a call of somebody else: waits.
  });

  await expect(waiting).rejects.toMatchObject({ code: "LEDGER_TRANSACTION_ENDED" });
  expect(await ids(db)).toBe("b");
});

test("rolls back when it is aborted, before and after it has its turn", async () => {
  const db = await openLedger();
  const reason = new Error("enough");
  const early = new AbortController();
  const late = new AbortController();
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));

  const first = db.transaction(
    async (tx) => {
      await add(tx, "a");
      begun();
      await new Promise(() => {});
    },
    { signal: late.signal },
  );
  const second = db.transaction((tx) => add(tx, "b"), { signal: early.signal });
  await running;
  early.abort(reason);
  await expect(second).rejects.toBe(reason);
  late.abort(reason);

  await expect(first).rejects.toBe(reason);
  expect(await ids(db)).toBe("");
  await expect(db.transaction(async () => {}, { signal: early.signal })).rejects.toBe(reason);
});

test("ends an open transaction when the database is closed", async () => {
  const db = await openLedger();
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));
  let go = (): void => {};
  const wait = new Promise<void>((resolve) => (go = resolve));
  const transaction = db.transaction(async (tx) => {
    await add(tx, "a");
    begun();
    await wait;
    await add(tx, "b");
  });
  await running;

  await db.close();
  go();

  await expect(transaction).rejects.toMatchObject({ code: "LEDGER_CLOSED" });
});

test("runs a batch in one transaction", async () => {
  const db = await openLedger();
  const insert = "INSERT INTO notes (id, title) VALUES (?, '')";

  const answers = await db.batch([{ sql: insert, params: ["a"] }, "SELECT id FROM notes"]);
  const failed = db.batch([
    { sql: insert, params: ["b"] },
    { sql: insert, params: ["a"] },
  ]);

  expect(answers[1]?.rows).toEqual([{ id: "a" }]);
  await expect(failed).rejects.toMatchObject({ code: "LEDGER_CONSTRAINT" });
  expect(await ids(db)).toBe("a");
});
