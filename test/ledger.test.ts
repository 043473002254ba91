import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerEventName, type LedgerOptions } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";
import { notesTable } from "./support/replicas.ts";

const opened: Ledger[] = [];

const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  await db.init();
  await db.exec(notesTable);
  await db.enableSync("notes");
  return db;
};

const once = (db: Ledger, event: LedgerEventName): Promise<readonly unknown[]> =>
  new Promise((resolve) => {
    const off = db.on(event, (...args: readonly unknown[]) => {
      off();
      resolve(args);
    });
  });

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("brings a note from Alice to Bob and tells of everything on the way", async () => {
  const network = createTestNetwork();
  const alice = await openLedger({ network });
  const bob = await openLedger({ network });
  const told: string[] = [];
  for (const event of ["connected", "peer-join", "peer-ready", "sync"] as const) bob.on(event, () => told.push(event));
  await alice.exec("INSERT INTO notes (id, title) VALUES (?, ?)", ["a", "hello"]);

  await alice.connect();
  const synced = once(bob, "sync");
  await bob.connect();

  expect(await synced).toEqual([3, alice.getNodeId()]);
  expect(await bob.get("SELECT title FROM notes")).toEqual({ title: "hello" });
  expect(told).toEqual(["connected", "peer-join", "peer-ready", "sync"]);
  expect(bob.getPeers()).toEqual([alice.getNodeId()]);
  expect(bob.isConnected()).toBe(true);
});

test.each([
  { storage: ["opfs", "idb", "memory"], codes: ["LEDGER_STORAGE_VOLATILE"] },
  { storage: "memory", codes: [] },
] as const)("warns of a database in memory that was to be in $storage: $codes", async ({ storage, codes }) => {
  const db = new Ledger({ dbName: crypto.randomUUID(), storage });
  opened.push(db);
  const told: string[] = [];
  db.on("error", ({ code }) => told.push(code));

  await db.init();

  expect(db.status().storage).toBe("memory");
  expect(told).toEqual(codes);
});

test("tells the others when a replica leaves, and takes it back", async () => {
  const network = createTestNetwork();
  const alice = await openLedger({ network });
  const bob = await openLedger({ network });
  const ready = once(alice, "peer-ready");
  await Promise.all([alice.connect(), bob.connect()]);
  await ready;

  const left = once(alice, "peer-leave");
  await bob.disconnect();
  expect(await left).toEqual([bob.getNodeId()]);
  expect(bob.getPeers()).toEqual([]);

  await bob.exec("INSERT INTO notes (id, title) VALUES ('b', 'written offline')");
  const synced = once(alice, "sync");
  await bob.connect();
  await synced;
  expect(await alice.get("SELECT title FROM notes")).toEqual({ title: "written offline" });
});

test("never links replicas with different tokens", async () => {
  const network = createTestNetwork();
  const alice = await openLedger({ network });
  const mallory = await openLedger({ network, token: "another room" });
  const bob = await openLedger({ network });
  const met: unknown[] = [];
  mallory.on("peer-join", (peer) => met.push(peer));
  const ready = once(alice, "peer-ready");

  await Promise.all([alice.connect(), mallory.connect(), bob.connect()]);
  await ready;

  expect(met).toEqual([]);
  expect(mallory.getPeers()).toEqual([]);
});
