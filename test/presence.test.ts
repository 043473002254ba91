import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerOptions, type PresencePeer } from "../src/index.ts";
import { createPresenceClient, broadcastBurst, presenceThrottleMs } from "../src/presence.ts";
import type { EphemeralRequest } from "../src/ephemeral/ephemeral-request.ts";
import { createTestNetwork } from "../src/testing.ts";
import { createFakeClock } from "./support/fake-clock.ts";
import { createSeededRandom } from "./support/seeded-random.ts";

const opened: Ledger[] = [];

const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  await db.init();
  return db;
};

const openRoom = async (count: number): Promise<readonly Ledger[]> => {
  const network = createTestNetwork();
  const ledgers = await Promise.all(Array.from({ length: count }, () => openLedger({ network })));
  const ready = ledgers.map((db) => untilLinked(db, count - 1));
  await Promise.all(ledgers.map((db) => db.connect()));
  await Promise.all(ready);
  return ledgers;
};

const untilLinked = (db: Ledger, count: number): Promise<void> =>
  new Promise((resolve) => {
    const off = db.on("peer-ready", () => {
      if (db.getPeers().length < count) return;
      off();
      resolve();
    });
  });

const untilSeen = (db: Ledger, isSeen: (peers: readonly PresencePeer[]) => boolean): Promise<void> =>
  new Promise((resolve) => {
    if (isSeen(db.presence.peers)) return resolve();
    const off = db.on("presence", (peers) => {
      if (!isSeen(peers)) return;
      off();
      resolve();
    });
  });

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("shows what others set, tells each change once, and not oneself", async () => {
  const [alice, bob] = (await openRoom(2)) as [Ledger, Ledger];

  alice.presence.set({ note: "n1", cursor: 3 });
  bob.presence.set("reading");
  await untilSeen(bob, (peers) => peers.length === 1);
  await untilSeen(alice, (peers) => peers.length === 1);

  expect(bob.presence.peers).toEqual([
    { id: expect.stringMatching(/^[0-9a-f]{16}$/), peerId: alice.getNodeId(), state: { note: "n1", cursor: 3 } },
  ]);
  expect(alice.presence.peers).toMatchObject([{ peerId: bob.getNodeId(), state: "reading" }]);
});

test.each<readonly [string, (alice: Ledger) => unknown]>([
  ["sets nothing", (alice) => alice.presence.set(undefined)],
  ["leaves the room", (alice) => alice.disconnect()],
  ["closes", (alice) => alice.close()],
])("no longer shows a tab that %s", async (_, end) => {
  const [alice, bob] = (await openRoom(2)) as [Ledger, Ledger];
  alice.presence.set(1);
  await untilSeen(bob, (peers) => peers.length === 1);

  await end(alice);
  await untilSeen(bob, (peers) => peers.length === 0);

  expect(bob.presence.peers).toEqual([]);
});

test("shows the state that was set before entering the room, and again after coming back", async () => {
  const network = createTestNetwork();
  const [alice, bob] = [await openLedger({ network }), await openLedger({ network })];
  alice.presence.set("early");
  await Promise.all([alice.connect(), bob.connect()]);
  await untilSeen(bob, (peers) => peers.length === 1);
  await alice.disconnect();
  await untilSeen(bob, (peers) => peers.length === 0);

  await alice.connect();
  await untilSeen(bob, (peers) => peers.length === 1);

  expect(bob.presence.peers).toMatchObject([{ state: "early" }]);
});

test("brings a broadcast to everyone else who listens to its topic", async () => {
  const [alice, bob, carol] = (await openRoom(3)) as [Ledger, Ledger, Ledger];
  const heard: unknown[][] = [];
  const both = new Promise<void>((resolve) => {
    for (const [name, db] of Object.entries({ alice, bob, carol })) {
      db.onBroadcast("chat", (payload, { peerId }) => {
        heard.push([name, payload, peerId]);
        if (heard.length === 4) resolve();
      });
      db.onBroadcast("constructor", (payload) => heard.push([name, payload]));
    }
  });

  await alice.broadcast("chat", { text: "hello" });
  await alice.broadcast("other", 1);
  await alice.broadcast("chat", Uint8Array.of(0, 255));
  await both;

  const from = alice.getNodeId();
  expect(heard.filter(([name]) => name === "bob")).toEqual([
    ["bob", { text: "hello" }, from],
    ["bob", Uint8Array.of(0, 255), from],
  ]);
  expect(heard.filter(([name]) => name === "carol")).toHaveLength(2);
  expect(heard.filter(([name]) => name === "alice")).toEqual([]);
});

test("reports a listener that throws and goes on", async () => {
  const [alice, bob] = (await openRoom(2)) as [Ledger, Ledger];
  const reported = new Promise((resolve) => bob.on("error", resolve));
  bob.onBroadcast("chat", () => {
    throw new Error("mine");
  });

  await alice.broadcast("chat", 1);

  expect(await reported).toMatchObject({ code: "LEDGER_LISTENER_FAILED", cause: { message: "mine" } });
});

test.each<readonly [string, (db: Ledger) => unknown]>([
  ["a state of 4,097 bytes", (db) => db.presence.set("x".repeat(4_095))],
  ["a state that JSON cannot carry", (db) => db.presence.set(() => 1)],
  ["a state that holds itself", (db) => db.presence.set(Object.assign([], { 0: 1n }))],
  ["a payload that is too large", (db) => db.broadcast("t", "é".repeat(5_000))],
  ["bytes that are too many", (db) => db.broadcast("t", new Uint8Array(8_193))],
  ["a payload that is undefined", (db) => db.broadcast("t", undefined)],
  ["a topic that is empty", (db) => db.broadcast("", 1)],
  ["a topic that is too long", (db) => db.onBroadcast("é".repeat(65), () => {})],
])("refuses %s", async (_, call) => {
  const db = await openLedger({});

  await expect((async () => call(db))()).rejects.toMatchObject({ code: "LEDGER_MESSAGE_INVALID" });
});

test("needs an open database", async () => {
  const db = new Ledger({ dbName: crypto.randomUUID() });

  expect(() => db.presence.set(1)).toThrow(expect.objectContaining({ code: "LEDGER_NOT_INITIALIZED" }));
  await expect(db.broadcast("t", 1)).rejects.toMatchObject({ code: "LEDGER_NOT_INITIALIZED" });
  await db.close();
  expect(() => db.presence.set(1)).toThrow(expect.objectContaining({ code: "LEDGER_CLOSED" }));
  expect(db.presence.peers).toEqual([]);
});

const createClient = () => {
  const clock = createFakeClock();
  const sent: EphemeralRequest[] = [];
  const told: (readonly PresencePeer[])[] = [];
  const client = createPresenceClient({
    clock,
    random: createSeededRandom(1),
    checkOpen: () => {},
    onChange: (peers) => told.push(peers),
    onListenerError: () => {},
  });
  client.start(async (request) => void sent.push(request));
  sent.length = 0;
  return { clock, client, sent, told };
};

test("sends the newest state at most every 50 ms", async () => {
  const { clock, client, sent } = createClient();
  await clock.advance(1_000);

  for (let index = 0; index < 20; index += 1) {
    client.presence.set(index);
    await clock.advance(10);
  }
  await clock.advance(presenceThrottleMs);

  expect(sent.map((request) => request.type === "presence" && request.state)).toEqual(["0", "4", "9", "14", "19"]);
});

test("keeps the array of peers while nothing in it changes", () => {
  const { client, told } = createClient();
  const other = { id: "b".repeat(16) as never, siteId: "c".repeat(32) as never, state: '{"x":1}' };

  client.heard({ type: "presence", whole: false, present: [other], gone: [] });
  const before = client.presence.peers;
  client.heard({ type: "presence", whole: true, present: [other], gone: [] });

  expect(client.presence.peers).toBe(before);
  expect(told).toHaveLength(1);
});

test("refuses broadcasts beyond the rate, and takes them again later", async () => {
  const { clock, client, sent } = createClient();
  for (let index = 0; index < broadcastBurst; index += 1) await client.broadcast("t", index);

  await expect(client.broadcast("t", "more")).rejects.toMatchObject({ code: "LEDGER_RATE_LIMITED" });
  await clock.advance(1_000);
  await client.broadcast("t", "later");

  expect(sent).toHaveLength(broadcastBurst + 1);
});
