/** A database that was copied, with both copies alive. */

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createSilentLogger } from "../src/common/logger.ts";
import { createSystemRandom } from "../src/common/random.ts";
import { createSystemClock } from "../src/common/system-clock.ts";
import { Ledger, type LedgerError } from "../src/index.ts";
import { openReplica, type Replica } from "../src/replica.ts";
import { createTestNetwork } from "../src/testing.ts";
import { enableSyncOn, execOn } from "./support/calls.ts";
import { changesOf, connect, notesTable, openMemoryReplica, rowsOf, settled } from "./support/replicas.ts";

const directories: string[] = [];
const opened: { close(): Promise<void> }[] = [];

const newDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "ledger-clone-"));
  directories.push(directory);
  return directory;
};

const copyOf = (directory: string): string => {
  const copy = newDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const openFile = async (directory: string): Promise<Replica> => {
  const replica = await openReplica(
    { name: "notes", ladder: ["file"], directory, relayDelayMs: 30 },
    { clock: createSystemClock(), random: createSystemRandom(), logger: createSilentLogger() },
  );
  opened.push(replica);
  await execOn(replica, { sql: notesTable });
  await enableSyncOn(replica, "notes");
  return replica;
};

const write = (replica: Replica, id: string) =>
  execOn(replica, {
    sql: "INSERT INTO notes (id, title) VALUES (?, 'hello') ON CONFLICT (id) DO UPDATE SET title = title || '!'",
    params: [id],
  });

const idsOf = async (replica: Replica): Promise<unknown> => rowsOf(replica, "SELECT id FROM notes ORDER BY id");

test("finds out through a peer that its id is another's too, takes a new one and loses no write", async () => {
  const directory = newDirectory();
  const before = await openFile(directory);
  await write(before, "common");
  await before.close();
  const copy = copyOf(directory);
  const alice = await openFile(directory);
  const clone = await openFile(copy);
  const bob = await openMemoryReplica();
  opened.push(bob);
  expect(clone.siteId).toBe(alice.siteId);
  await write(alice, "of Alice");
  await write(clone, "of the clone");
  await write(clone, "common");
  connect(clone, bob);
  await Promise.all([settled(clone, bob), settled(bob, clone)]);
  const renewed = new Promise((resolve) => alice.on("identity", resolve));
  const told = new Promise<LedgerError>((resolve) => alice.on("error", resolve));

  connect(alice, bob);
  await renewed;
  connect(alice, bob);
  connect(alice, clone);
  await Promise.all([settled(alice, bob, clone), settled(bob, alice, clone), settled(clone, alice, bob)]);

  expect((await told).code).toBe("LEDGER_IDENTITY_CLASH");
  expect(alice.siteId).not.toBe(clone.siteId);
  expect(await idsOf(bob)).toEqual([{ id: "common" }, { id: "of Alice" }, { id: "of the clone" }]);
  expect(await changesOf(alice)).toEqual(await changesOf(bob));
  expect(await changesOf(clone)).toEqual(await changesOf(bob));
});

test("keeps its new id when it is opened again, and goes on from where it was", async () => {
  const directory = newDirectory();
  const alice = await openFile(directory);
  const bob = await openMemoryReplica();
  opened.push(bob);
  await write(alice, "a");
  const { siteId: oldId } = alice;

  await alice.renewIdentity();
  const { siteId: newId } = alice;
  await write(alice, "b");
  await alice.close();
  const again = await openFile(directory);
  connect(again, bob);
  await Promise.all([settled(again, bob), settled(bob, again)]);

  expect(newId).not.toBe(oldId);
  expect(again.siteId).toBe(newId);
  expect(await idsOf(bob)).toEqual([{ id: "a" }, { id: "b" }]);
});

test("lets a wait go on under the new id", async () => {
  const [alice, bob] = await Promise.all([openMemoryReplica(), openMemoryReplica()]);
  opened.push(alice, bob);
  await write(alice, "a");
  const receipt = alice.call({ type: "wait", goal: { type: "replicated", peers: 1 }, timeoutMs: 20_000 });

  await alice.renewIdentity();
  connect(alice, bob);

  expect((await receipt).peers).toEqual([bob.siteId]);
});

test("two copies in one room end as two members with all rows", async () => {
  const directory = newDirectory();
  const network = createTestNetwork();
  const token = Ledger.createToken();
  const open = async (where?: string): Promise<Ledger> => {
    const storage = where === undefined ? {} : ({ storage: "file", directory: where } as const);
    const db = new Ledger({ network, signalingUrl: "ws://test", token, dbName: "notes", ...storage });
    opened.push(db);
    await db.init();
    await db.exec(notesTable);
    await db.enableSync("notes");
    return db;
  };
  const before = await open(directory);
  await before.exec("INSERT INTO notes (id) VALUES ('common')");
  await before.close();
  const copy = copyOf(directory);
  const [alice, clone, bob] = [await open(directory), await open(copy), await open()];
  await alice.exec("INSERT INTO notes (id) VALUES ('of Alice')");
  await clone.exec("INSERT INTO notes (id) VALUES ('of the clone')");
  // The one that yields is told, and the other as well if it met the one that yields before that left.
  const told = Promise.race([alice, clone].map((db) => new Promise<LedgerError>((resolve) => db.on("error", resolve))));

  await Promise.all([alice, clone, bob].map((db) => db.connect()));
  const { code } = await told;
  await Promise.all([alice.replicated({ peers: 2 }), clone.replicated({ peers: 2 })]);

  expect(code).toBe("LEDGER_IDENTITY_CLASH");
  expect(new Set([alice, clone, bob].map((db) => db.getNodeId())).size).toBe(3);
  for (const db of [alice, clone, bob]) {
    await db.whenSynced();
    expect(await db.query("SELECT id FROM notes ORDER BY id")).toEqual([
      { id: "common" },
      { id: "of Alice" },
      { id: "of the clone" },
    ]);
  }
});
