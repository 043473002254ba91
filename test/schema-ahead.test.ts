/** Replicas of one room whose schemas differ. */

import { afterEach, expect, test } from "vitest";
import { Ledger, type Migration, type SiteId } from "../src/index.ts";
import { createTestNetwork, type TestNetwork } from "../src/testing.ts";

const opened: Ledger[] = [];

const openLedger = async (network: TestNetwork): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", network });
  opened.push(db);
  await db.init();
  return db;
};

const create: Migration = {
  version: 1,
  name: "create notes",
  up: "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '')",
  sync: ["notes"],
};
const color: Migration = { version: 2, name: "add colors", up: "ALTER TABLE notes ADD COLUMN color TEXT" };

const nextAhead = (db: Ledger): Promise<SiteId> =>
  new Promise((resolve) => {
    const off = db.on("schema-ahead", (peer) => {
      off();
      resolve(peer);
    });
  });

const schemaOf = (db: Ledger): string | undefined => db.status().peers[0]?.schema;

const untilSchemaIs = (db: Ledger, schema: string): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (schemaOf(db) !== schema) return;
      off();
      resolve();
    };
    const off = db.on("status", look);
    look();
  });

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("tells a replica that a peer has run more migrations, until it has run them as well", async () => {
  const network = createTestNetwork();
  const [alice, bob] = await Promise.all([openLedger(network), openLedger(network)]);
  await Promise.all([alice.migrate([create, color]), bob.migrate([create])]);
  const told: string[] = [];
  alice.on("schema-ahead", (peer) => told.push(peer));
  const ahead = nextAhead(bob);

  await Promise.all([alice.connect(), bob.connect()]);
  const peer = await ahead;
  await untilSchemaIs(alice, "behind");
  const before = schemaOf(bob);
  await bob.migrate([create, color]);
  await Promise.all([untilSchemaIs(alice, "same"), untilSchemaIs(bob, "same")]);

  expect([peer, before]).toEqual([alice.getNodeId(), "ahead"]);
  expect(told).toEqual([]);
});

test("tells of a peer that migrates while it is linked", async () => {
  const network = createTestNetwork();
  const [alice, bob] = await Promise.all([openLedger(network), openLedger(network)]);
  await Promise.all([alice, bob].map((db) => db.migrate([create])));
  await Promise.all([alice, bob].map((db) => db.connect()));
  await Promise.all([untilSchemaIs(alice, "same"), untilSchemaIs(bob, "same")]);
  const ahead = nextAhead(bob);

  await alice.migrate([create, color]);

  expect(await ahead).toBe(alice.getNodeId());
});

test("tells without migrations as soon as a row has no place here", async () => {
  const network = createTestNetwork();
  const [alice, bob] = await Promise.all([openLedger(network), openLedger(network)]);
  await alice.exec("CREATE TABLE extras (id TEXT PRIMARY KEY NOT NULL)");
  await alice.enableSync("extras");
  await Promise.all([alice, bob].map((db) => db.connect()));
  await untilSchemaIs(bob, "different");
  const ahead = nextAhead(bob);

  await alice.exec("INSERT INTO extras VALUES ('a')");

  expect(await ahead).toBe(alice.getNodeId());
  expect(schemaOf(bob)).toBe("ahead");
  expect(schemaOf(alice)).toBe("different");
});
