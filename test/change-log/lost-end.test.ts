/** A replica whose file went back in time (restored, or its tail lost) with the same site id: design §6, point 8. */

import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { openReplica, type Replica } from "../../src/replica.ts";
import { connect, notesTable, openMemoryReplica, rowsOf, settled } from "../support/replicas.ts";
import { enableSyncOn, execOn } from "../support/calls.ts";

const openFile = (directory: string): Promise<Replica> =>
  openReplica(
    { name: "alice", ladder: ["file"], directory, relayDelayMs: 30 },
    { clock: createSystemClock(), random: createSystemRandom(), logger: createSilentLogger() },
  );
const write = (replica: Replica, id: string) =>
  execOn(replica, {
    sql: "INSERT INTO notes (id) VALUES (?) ON CONFLICT (id) DO UPDATE SET title = title || 'x'",
    params: [id],
  });

const rig = async () => {
  const directory = mkdtempSync(join(tmpdir(), "ledger-tail-"));
  let alice = await openFile(directory);
  const bob = await openMemoryReplica();
  await execOn(alice, { sql: notesTable });
  await enableSyncOn(alice, "notes");
  await write(alice, "one");
  await alice.close();
  const file = readdirSync(directory).find((name) => name.endsWith(".db")) as string;
  copyFileSync(join(directory, file), join(directory, "backup"));
  alice = await openFile(directory);
  const first = connect(alice, bob);
  for (const id of ["two", "two", "two", "two", "three"]) await write(alice, id);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);
  first.drop();
  await alice.close();
  copyFileSync(join(directory, "backup"), join(directory, file));
  alice = await openFile(directory);
  return {
    alice,
    bob,
    end: async () => {
      await alice.close();
      await bob.close();
      rmSync(directory, { recursive: true });
    },
  };
};

test("a write after the loss reaches a peer that has seen more of the log", async () => {
  const { alice, bob, end } = await rig();
  await write(alice, "new");

  connect(alice, bob);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);

  expect(await rowsOf(bob, "SELECT id FROM notes ORDER BY id")).toEqual([
    { id: "new" },
    { id: "one" },
    { id: "three" },
    { id: "two" },
  ]);
  expect(await rowsOf(alice)).toEqual(await rowsOf(bob));
  await end();
});

test("a write after the missing rows came back reaches the peer they came from", async () => {
  const { alice, bob, end } = await rig();
  connect(alice, bob);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);
  expect(await rowsOf(alice)).toEqual(await rowsOf(bob));

  await write(alice, "new");
  await Promise.all([settled(alice, bob), settled(bob, alice)]);

  expect(await rowsOf(bob)).toEqual(await rowsOf(alice));
  await end();
});
