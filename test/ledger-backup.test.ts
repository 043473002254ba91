import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerOptions } from "../src/index.ts";
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

const until = (db: Ledger, event: "change" | "presence" | "peer-ready", isSo: () => Promise<boolean> | boolean) =>
  new Promise<void>((resolve) => {
    let off = (): void => {};
    const look = async (): Promise<void> => {
      if (!(await isSo())) return;
      off();
      resolve();
    };
    off = db.on(event, () => void look());
    void look();
  });

const titles = async (db: Ledger): Promise<unknown> =>
  (await db.query<{ title: string }>("SELECT title FROM notes ORDER BY id")).map(({ title }) => title);

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("restores a file into a room as a new replica, and converges with it", async () => {
  const network = createTestNetwork();
  const [alice, bob] = [await openLedger({ network }), await openLedger({ network })];
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'one')");
  const file = await alice.export();
  await Promise.all([alice.connect(), bob.connect()]);
  await until(bob, "change", async () => (await bob.query("SELECT 1 FROM notes")).length === 1);
  await alice.exec("UPDATE notes SET title = 'newer'");
  bob.presence.set("here");
  await until(alice, "presence", () => alice.presence.peers.length === 1);
  const before = bob.getNodeId();
  const told: string[] = [];
  for (const event of ["disconnected", "reconnected", "change"] as const) bob.on(event, () => told.push(event));

  await bob.import(new Uint8Array(await file.arrayBuffer()));
  expect(bob.getNodeId()).not.toBe(before);
  await until(bob, "change", async () => JSON.stringify(await titles(bob)) === '["newer"]');
  await until(alice, "presence", () => alice.presence.peers.some(({ peerId }) => peerId === bob.getNodeId()));

  expect(alice.getPeers()).toEqual([bob.getNodeId()]);
  expect(alice.presence.peers).toMatchObject([{ peerId: bob.getNodeId(), state: "here" }]);
  expect(told.join()).toMatch(/change,disconnected,reconnected/);
});

test("refuses what is no file of ours, and goes on as before", async () => {
  const db = await openLedger();
  await db.exec("INSERT INTO notes (id, title) VALUES ('a', 'one')");

  await expect(db.import(new TextEncoder().encode("hello"))).rejects.toMatchObject({ code: "LEDGER_IMPORT_REFUSED" });

  expect(await titles(db)).toEqual(["one"]);
});

test("refuses to wait for itself within a transaction", async () => {
  const db = await openLedger();

  await expect(db.transaction(() => db.export())).rejects.toMatchObject({ code: "LEDGER_TRANSACTION_MISUSED" });
});
