import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerOptions, type RowChange } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";
import { notesTable } from "./support/replicas.ts";

interface Note {
  readonly id: string;
  readonly title: string;
  readonly stars: number | null;
}

const opened: Ledger[] = [];

const openLedger = async (options: LedgerOptions = {}): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  await db.init();
  await db.exec(notesTable);
  await db.enableSync("notes");
  return db;
};

const add = (db: Ledger, id: string, title = id) => db.exec("INSERT INTO notes (id, title) VALUES (?, ?)", [id, title]);

/** Keeps what is told, and resolves once there are `count` of them. */
const collect = (count: number) => {
  const told: RowChange<Note>[] = [];
  let done = (): void => {};
  const all = new Promise<void>((resolve) => (done = resolve));
  const listener = (change: RowChange<Note>): void => {
    told.push(change);
    if (told.length === count) done();
  };
  return { told, listener, all };
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("tells of the rows of a table, own and merged, until it is ended", async () => {
  const network = createTestNetwork();
  const [alice, bob] = [await openLedger({ network }), await openLedger({ network })];
  const seen = collect(3);
  const stop = await alice.watch<Note>("notes", seen.listener);
  const ready = new Promise((resolve) => alice.on("peer-ready", resolve));
  await Promise.all([alice.connect(), bob.connect()]);
  await ready;

  await add(alice, "a");
  await alice.exec("UPDATE notes SET stars = 2");
  await add(bob, "b");
  await seen.all;
  stop();
  stop();
  await add(alice, "c");

  expect(seen.told).toMatchObject([
    { type: "insert", origin: "local", who: alice.getNodeId(), row: { id: "a", title: "a", stars: null } },
    { type: "update", origin: "local", key: { id: "a" }, old: { stars: null }, new: { stars: 2 } },
    { type: "insert", origin: "remote", who: bob.getNodeId(), row: { id: "b", title: "b" } },
  ]);
});

test("tells each watch what passes its filter, and before the change event of the commit", async () => {
  const db = await openLedger();
  const order: string[] = [];
  db.on("change", () => order.push("change"));
  await db.watch<Note>("notes", { filter: (change) => change.type === "delete" }, ({ type }) =>
    order.push(`1 ${type}`),
  );
  await db.watch<Note>("notes", ({ type }) => order.push(`2 ${type}`));

  await add(db, "a");
  await db.exec("DELETE FROM notes");

  expect(order).toEqual(["2 insert", "change", "1 delete", "2 delete", "change"]);
});

test("ends with its signal, and does not begin with one that was aborted", async () => {
  const db = await openLedger();
  const seen = collect(1);
  const controller = new AbortController();
  await db.watch("notes", { signal: controller.signal }, seen.listener as never);

  controller.abort();
  await add(db, "a");
  const again = db.watch("notes", { signal: controller.signal }, seen.listener as never);

  await expect(again).rejects.toBe(controller.signal.reason);
  await add(db, "b");
  expect(seen.told).toEqual([]);
});

test("goes on telling others when a listener or a filter throws, and reports it", async () => {
  const db = await openLedger();
  const codes: string[] = [];
  db.on("error", ({ code }) => codes.push(code));
  const seen = collect(1);
  const bad = (): never => {
    throw new Error("of the app");
  };
  await db.watch("notes", bad);
  await db.watch("notes", { filter: bad }, () => {});
  await db.watch<Note>("notes", seen.listener);

  await add(db, "a");

  expect(seen.told).toHaveLength(1);
  expect(codes).toEqual(["LEDGER_LISTENER_FAILED", "LEDGER_LISTENER_FAILED"]);
});

test("refuses a table that does not sync, and a call inside a transaction", async () => {
  const db = await openLedger();
  const kept = collect(1);
  await db.watch<Note>("notes", kept.listener);

  await expect(db.watch("nothing", () => {})).rejects.toMatchObject({ code: "LEDGER_TABLE_NOT_SYNCED" });
  await db.transaction(async () => {
    await expect(db.watch("notes", () => {})).rejects.toMatchObject({ code: "LEDGER_TRANSACTION_MISUSED" });
  });

  await add(db, "a");
  expect(kept.told).toHaveLength(1);
});

test("gives the changes to a loop, until it is left", async () => {
  const db = await openLedger();
  const changes = db.watch<Note>("notes", { filter: (change) => change.type !== "update" });
  const first = changes.next();
  await db.watch("notes", () => {}); // Asked for after the loop's, so answered after it.

  for (const id of ["a", "b", "c"]) await add(db, id);
  await db.exec("UPDATE notes SET stars = 1");
  await db.exec("DELETE FROM notes WHERE id = 'a'");

  const told = [(await first).value as RowChange<Note>];
  for await (const change of changes) {
    told.push(change);
    if (change.type === "delete") break;
  }
  expect(told.map((change) => change.type !== "missed" && `${change.type} ${change.row.id}`)).toEqual([
    "insert a",
    "insert b",
    "insert c",
    "delete a",
  ]);
  expect(await changes.next()).toEqual({ done: true, value: undefined });
});

test("ends a loop by its signal and by closing the database", async () => {
  const db = await openLedger();
  const controller = new AbortController();
  const loop = async (signal?: AbortSignal): Promise<number> => {
    let count = 0;
    for await (const _ of db.watch("notes", signal === undefined ? {} : { signal })) count += 1;
    return count;
  };
  const loops = [loop(controller.signal), loop()];
  await db.watch("notes", () => {});
  await add(db, "a");

  controller.abort();
  await add(db, "b");
  await db.close();

  expect(await Promise.all(loops)).toEqual([1, 2]);
  await expect(db.watch("notes").next()).rejects.toMatchObject({ code: "LEDGER_CLOSED" });
});

test("rejects in the loop what a watch is refused for, and ends at once with a signal that was aborted", async () => {
  const db = await openLedger();
  const signal = AbortSignal.abort();

  await expect(db.watch("nothing").next()).rejects.toMatchObject({ code: "LEDGER_TABLE_NOT_SYNCED" });
  expect(await db.watch("notes", { signal }).next()).toEqual({ done: true, value: undefined });
});
