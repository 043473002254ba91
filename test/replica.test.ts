import { afterEach, expect, test } from "vitest";
import type { Replica } from "../src/replica.ts";
import { changesOf, connect, notesTable, openMemoryReplica, rowsOf, settled } from "./support/replicas.ts";
import { enableSyncOn, execOn } from "./support/calls.ts";

const open: Replica[] = [];

const replicas = async (count: number, schema?: string | false): Promise<Replica[]> => {
  const opened = await Promise.all(
    Array.from({ length: count }, () => openMemoryReplica(schema === undefined ? {} : { schema })),
  );
  open.push(...opened);
  return opened;
};

afterEach(async () => {
  await Promise.all(open.splice(0).map((replica) => replica.close()));
});

const write = (replica: Replica, id: string, title: string): Promise<unknown> =>
  execOn(replica, { sql: "INSERT INTO notes (id, title) VALUES (?, ?)", params: [id, title] });

test("brings rows of both sides to the other", async () => {
  const [alice, bob] = (await replicas(2)) as [Replica, Replica];
  await write(alice, "a", "from Alice");
  await write(bob, "b", "from Bob");

  connect(alice, bob);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);

  expect(await rowsOf(alice)).toHaveLength(2);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("carries a write from Alice to Carol through Bob", async () => {
  const [alice, bob, carol] = (await replicas(3)) as [Replica, Replica, Replica];
  connect(alice, bob);
  connect(bob, carol);
  await Promise.all([settled(alice, bob), settled(bob, carol)]);

  const arrived = new Promise((resolve) => carol.on("sync", resolve));
  await write(alice, "a", "hello");
  await arrived;

  expect(await rowsOf(carol)).toEqual(await rowsOf(alice));
});

test("keeps one value when both sides edit one cell", async () => {
  const [alice, bob] = (await replicas(2)) as [Replica, Replica];
  const first = connect(alice, bob);
  await write(alice, "a", "start");
  await Promise.all([settled(alice, bob), settled(bob, alice)]);
  first.drop();
  await execOn(alice, { sql: "UPDATE notes SET title = 'Alice was here', stars = 1700000000001 WHERE id = 'a'" });
  await execOn(bob, { sql: "UPDATE notes SET title = 'Bob was here', stars = 1700000000002 WHERE id = 'a'" });

  connect(alice, bob);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);

  expect(await rowsOf(alice)).toMatchObject([{ title: "Bob was here", stars: 1_700_000_000_002 }]);
  expect(await changesOf(bob)).toEqual(await changesOf(alice));
});

test("applies a transaction of many rows whole", async () => {
  const [alice, bob] = (await replicas(2)) as [Replica, Replica];
  connect(alice, bob);
  const counts: number[] = [];
  const synced = new Promise<void>((resolve) => {
    bob.on("commit", () => {
      void rowsOf(bob, "SELECT count(*) AS n FROM notes").then((rows) => {
        counts.push((rows as { n: number }[])[0]?.n as number);
        resolve();
      });
    });
  });

  await execOn(alice, {
    sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)
          INSERT INTO notes (id, title, body) SELECT 'row-' || n, hex(randomblob(10)), hex(randomblob(60)) FROM c`,
  });
  await synced;

  expect(counts).toEqual([20_000]);
});

test("keeps rows of a table it does not know and applies them once it does", async () => {
  const [alice] = (await replicas(1)) as [Replica];
  const [bob] = (await replicas(1, false)) as [Replica];
  const [carol] = (await replicas(1)) as [Replica];
  await write(alice, "a", "early");
  connect(alice, bob);
  connect(bob, carol);

  await new Promise((resolve) => carol.on("sync", resolve));
  expect(await rowsOf(carol)).toMatchObject([{ id: "a", title: "early" }]);
  await execOn(bob, { sql: notesTable });
  const applied = new Promise((resolve) => bob.on("commit", resolve));
  await enableSyncOn(bob, "notes");
  await applied;

  expect(await rowsOf(bob)).toEqual(await rowsOf(alice));
});

test("sends nothing again when two replicas that are in step link anew", async () => {
  const [alice, bob] = (await replicas(2)) as [Replica, Replica];
  const first = connect(alice, bob);
  await write(alice, "a", "one");
  await write(bob, "b", "two");
  await Promise.all([settled(alice, bob), settled(bob, alice)]);
  first.drop();
  let synced = 0;
  alice.on("sync", (count) => (synced += count));
  bob.on("sync", (count) => (synced += count));

  connect(alice, bob);
  await Promise.all([settled(alice, bob), settled(bob, alice)]);

  expect(synced).toBe(0);
});

test("keeps a row that no peer would take and sends the rest", async () => {
  const [alice, bob] = (await replicas(2)) as [Replica, Replica];
  const reported = new Promise<string>((resolve) => alice.on("error", (error) => resolve(error.code)));
  await write(alice, "k".repeat(70_000), "too long a key");
  await execOn(alice, { sql: "INSERT INTO notes (id) VALUES (CAST(x'ff' AS TEXT))" });
  await write(alice, "a", "fine");

  const arrived = new Promise((resolve) => bob.on("sync", resolve));
  connect(alice, bob);
  await arrived;

  expect(await reported).toBe("LEDGER_ROW_NOT_SENT");
  expect(await rowsOf(bob)).toMatchObject([{ id: "a", title: "fine" }]);
});
