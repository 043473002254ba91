/** A replica behind a real message port, as in a browser's worker: frames are transferred, everything else is cloned. */

import { afterEach, describe, expect, it } from "vitest";
import type { LinkId, SiteId } from "../../src/common/ids.ts";
import type { LedgerError } from "../../src/common/errors.ts";
import { openReplicaInWorker, type WorkerEndpoint } from "../../src/replica-client.ts";
import type { PageMessage, WorkerMessage } from "../../src/replica-protocol.ts";
import { serveReplica } from "../../src/replica-server.ts";
import type { Replica } from "../../src/replica.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { changesOf, connect, notesTable, openMemoryReplica, rowsOf, settled } from "../support/replicas.ts";
import { enableSyncOn, execOn } from "../support/calls.ts";

interface FakeWorker extends WorkerEndpoint {
  fail(message: string): void;
  readonly sent: readonly WorkerMessage[];
  readonly received: readonly PageMessage[];
  readonly terminated: boolean;
}

const createWorker = (): FakeWorker => {
  const { port1: page, port2: worker } = new MessageChannel();
  const sent: WorkerMessage[] = [];
  const received: PageMessage[] = [];
  let fail: (message: string) => void = () => {};
  let terminated = false;
  serveReplica({
    post: (message, transfer = []) => {
      sent.push(message);
      worker.postMessage(message, [...transfer]);
    },
    onMessage: (listener) => {
      worker.onmessage = ({ data }) => {
        received.push(data as PageMessage);
        listener(data as PageMessage);
      };
    },
  });
  return {
    post: (message, transfer = []) => page.postMessage(message, [...transfer]),
    onMessage: (listener) => {
      page.onmessage = ({ data }) => listener(data as WorkerMessage);
    },
    onFailure: (listener) => {
      fail = listener;
    },
    terminate: () => {
      terminated = true;
      page.close();
    },
    fail: (message) => fail(message),
    sent,
    received,
    get terminated() {
      return terminated;
    },
  };
};

const opened: Replica[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((replica) => replica.close()));
});

const open = async (): Promise<{ readonly replica: Replica; readonly worker: FakeWorker }> => {
  const worker = createWorker();
  const options = { name: crypto.randomUUID(), ladder: ["memory"] as const, relayDelayMs: 30 };
  const replica = await openReplicaInWorker(worker, options, undefined);
  opened.push(replica);
  await execOn(replica, { sql: notesTable });
  await enableSyncOn(replica, "notes");
  return { replica, worker };
};

const fill = (replica: Replica, rows: number): Promise<unknown> =>
  execOn(replica, {
    sql: `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${rows})
          INSERT INTO notes (id, body, stars) SELECT 'row ' || n, hex(randomblob(400)), 9007199254740993 FROM c`,
  });

describe("a replica in a worker", () => {
  it("answers a plain write that was made before, and tells of its commit after that", async () => {
    const { replica, worker } = await open();
    const insert = (id: string) => execOn(replica, { sql: "INSERT INTO notes (id) VALUES (?)", params: [id] });
    await insert("a");
    const before = worker.sent.length;

    const told = new Promise((resolve) => replica.on("commit", resolve));
    await insert("b");
    expect(replica.version).toBe(2);

    expect(await told).toMatchObject({ tables: ["notes"], version: 2 });
    expect(worker.sent.slice(before).map(({ type }) => type)).toEqual(["answer", "commit"]);
  });

  it("passes on who is expected", async () => {
    const { replica, worker } = await open();
    const peer = "0b".repeat(16) as SiteId;

    replica.expect(peer);
    await execOn(replica, { sql: "SELECT 1" });

    expect(worker.received).toContainEqual({ type: "peer-expected", peer });
  });

  it("answers as one beside the page does: rows, identity and version", async () => {
    const { replica } = await open();
    await execOn(replica, { sql: "INSERT INTO notes VALUES (?, ?, '', ?)", params: ["a", "one", 2n ** 60n] });

    const { rows } = await execOn(replica, { sql: "SELECT id, stars, x'' AS empty FROM notes" });

    expect(rows).toEqual([{ id: "a", stars: 2n ** 60n, empty: new Uint8Array() }]);
    expect(replica).toMatchObject({ storage: "memory", version: 1 });
    expect(replica.siteId).toMatch(/^[0-9a-f]{32}$/);
  });

  it("refuses with the same codes", async () => {
    const { replica } = await open();

    await expect(execOn(replica, { sql: "nonsense" })).rejects.toMatchObject({
      name: "LedgerError",
      code: "LEDGER_SQL_ERROR",
    });
    await expect(enableSyncOn(replica, "nowhere")).rejects.toMatchObject({ code: "LEDGER_TABLE_NOT_FOUND" });
  });

  it("replicates with one beside the page, both ways, more than a link's window holds", async () => {
    const { replica } = await open();
    const bob = await openMemoryReplica();
    opened.push(bob);
    const told: number[] = [];
    replica.on("sync", (count) => told.push(count));
    await fill(replica, 4_000);
    await fill(bob, 2_000);

    connect(replica, bob);
    await Promise.all([settled(replica, bob), settled(bob, replica)]);

    expect(await changesOf(bob)).toEqual(await changesOf(replica));
    expect(told.length).toBeGreaterThan(0);
    expect(replica.progress).toMatchObject([{ peerId: bob.siteId, pending: { changes: 0, bytes: 0 }, digest: "same" }]);
  });

  it("accounts for every frame: what was given is taken, what came is consumed", async () => {
    const { replica, worker } = await open();
    const bob = await openMemoryReplica();
    opened.push(bob);
    await fill(replica, 4_000);
    await fill(bob, 4_000);
    const { links } = connect(replica, bob);
    await Promise.all([settled(replica, bob), settled(bob, replica)]);
    await rowsOf(replica);

    const given = worker.sent.flatMap((message) => (message.type === "link-send" ? [1] : [])).length;
    const frames = worker.received.filter((message) => message.type === "link-frame").length;
    const consumed = worker.sent.filter((message) => message.type === "link-consumed").length;
    expect(given).toBeGreaterThan(0);
    expect(frames).toBeGreaterThan(0);
    expect(consumed).toBe(frames);
    expect(links[0].pendingBytes).toBeLessThan(4_096);
  });

  it("ends a link that the worker refuses, with the worker's reason", async () => {
    const { replica, worker } = await open();
    const errors: LedgerError[] = [];
    replica.on("error", (error) => errors.push(error));
    const { alice, bob } = createMemoryNetwork().connect();
    const clock = createFakeClock();
    const peer = { siteId: "b0".repeat(16) as SiteId, epoch: "0e".repeat(16) as never };
    const link = createLink(alice, { id: 9_001 as LinkId, peer, clock });
    const theirs = createLink(bob, { id: 9_002 as LinkId, peer, clock });
    const closed = new Promise((resolve) => link.on("close", resolve));

    replica.attach(link);
    theirs.send(Uint8Array.of(0, 99));

    expect(await closed).toMatch(/^UNKNOWN_MESSAGE/);
    expect(errors).toMatchObject([{ code: "LEDGER_PEER_FAULT" }]);
    expect(worker.sent.filter(({ type }) => type === "link-close")).toHaveLength(1);
  });
});

describe("the end of a worker", () => {
  it("by close() lets what was asked for finish, then terminates it", async () => {
    const { replica, worker } = await open();
    const asked = execOn(replica, { sql: "SELECT count(*) AS n FROM notes" });

    const closing = replica.close();

    expect(replica.close()).toBe(closing);
    await closing;
    expect((await asked).rows).toEqual([{ n: 0 }]);
    expect(worker.terminated).toBe(true);
  });

  it("by a failure rejects what waits and what comes, closes the links and tells", async () => {
    const { replica, worker } = await open();
    const { alice } = createMemoryNetwork().connect();
    const peer = { siteId: "b0".repeat(16) as SiteId, epoch: "0e".repeat(16) as never };
    const link = createLink(alice, { id: 9_003 as LinkId, peer, clock: createFakeClock() });
    const closed = new Promise((resolve) => link.on("close", resolve));
    const told = new Promise<LedgerError>((resolve) => replica.on("error", resolve));
    replica.attach(link);
    const waiting = execOn(replica, { sql: "SELECT 1" });

    worker.fail("out of memory");

    const { code } = await told;
    expect(code).toMatch(/^LEDGER_ENGINE_/);
    await expect(waiting).rejects.toMatchObject({ code });
    await expect(execOn(replica, { sql: "SELECT 1" })).rejects.toMatchObject({ code });
    expect(await closed).toBe("FAILED");
    await expect(replica.close()).resolves.toBeUndefined();
    expect(worker.terminated).toBe(true);
  });
});
