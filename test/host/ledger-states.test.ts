/** Every call in every state: what it answers, and the codes that src/ledger.ts documents. */

import { afterEach, describe, expect, it } from "vitest";
import {
  Ledger,
  type LedgerError,
  type LedgerEventName,
  type LedgerOptions,
  type LedgerStatus,
} from "../../src/index.ts";
import { createTestNetwork } from "../../src/testing.ts";

const opened: Ledger[] = [];

const create = (options: LedgerOptions = {}): Ledger => {
  const db = new Ledger({ dbName: crypto.randomUUID(), network: createTestNetwork(), ...options });
  opened.push(db);
  return db;
};

const open = async (options: LedgerOptions = {}): Promise<Ledger> => {
  const db = create({ signalingUrl: "ws://test", token: "AAECAwQFBgcICQoLDA0ODw", ...options });
  await db.init();
  return db;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

/** The code it rejects with, or "fine". */
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "fine",
    (error: LedgerError) => error.code,
  );

const codeThrownBy = (call: () => unknown): string => {
  try {
    call();
    return "fine";
  } catch (error) {
    return (error as LedgerError).code;
  }
};

const once = (db: Ledger, event: LedgerEventName): Promise<readonly unknown[]> =>
  new Promise((resolve) => {
    const off = db.on(event, (...args: readonly unknown[]) => {
      off();
      resolve(args);
    });
  });

const record = (db: Ledger, ...events: readonly LedgerEventName[]): unknown[][] => {
  const told: unknown[][] = [];
  for (const event of events) db.on(event, (...args: readonly unknown[]) => told.push([event, ...args]));
  return told;
};

const calls = {
  exec: (db: Ledger) => db.exec("SELECT 1"),
  query: (db: Ledger) => db.query("SELECT 1"),
  get: (db: Ledger) => db.get("SELECT 1"),
  enableSync: (db: Ledger) => db.enableSync("notes"),
  connect: (db: Ledger) => db.connect("ws://test", "AAECAwQFBgcICQoLDA0ODw"),
  disconnect: (db: Ledger) => db.disconnect(),
  forgetRoom: (db: Ledger) => db.forgetRoom("AAECAwQFBgcICQoLDA0ODw"),
  replicated: (db: Ledger) => db.replicated({ timeoutMs: 1 }),
  whenSynced: (db: Ledger) => db.whenSynced({ timeoutMs: 1 }),
};

const getters = {
  getNodeId: (db: Ledger) => db.getNodeId(),
  getVersion: (db: Ledger) => db.getVersion(),
};

const everyCall = async (db: Ledger): Promise<readonly string[]> => {
  const codes = await Promise.all(Object.values(calls).map((call) => codeOf(call(db))));
  return [...new Set(codes)];
};

describe("before init", () => {
  it("refuses every call that needs the database, by rejecting", async () => {
    const db = create();

    expect(await everyCall(db)).toEqual(["LEDGER_NOT_INITIALIZED"]);
    for (const getter of Object.values(getters)) expect(codeThrownBy(() => getter(db))).toBe("LEDGER_NOT_INITIALIZED");
  });

  it("answers what can be answered", () => {
    const db = create();

    expect([db.getPeers(), db.isConnected()]).toEqual([[], false]);
    expect(db.status()).toEqual({ state: "new", signaling: "off", peers: [], version: 0 });
  });

  it("can be closed, for good", async () => {
    const db = create();
    await db.close();

    expect(await codeOf(db.init())).toBe("LEDGER_CLOSED");
    expect(await everyCall(db)).toEqual(["LEDGER_CLOSED"]);
    expect(db.status()).toEqual({ state: "closed", signaling: "off", peers: [], version: 0 });
    expect(codeThrownBy(() => db.getNodeId())).toBe("LEDGER_NOT_INITIALIZED");
  });
});

describe("init", () => {
  it("is one, however often it is called, and refuses other calls until it is done", async () => {
    const db = create();
    const first = db.init();

    expect(db.init()).toBe(first);
    expect(db.status()).toEqual({ state: "opening", signaling: "off", peers: [], version: 0 });
    expect(await everyCall(db)).toEqual(["LEDGER_NOT_INITIALIZED"]);
    await first;
    await expect(db.init()).resolves.toBeUndefined();
    expect(db.status()).toMatchObject({ state: "open", storage: "memory", role: "leader", leader: "responding" });
  });

  it("says why it failed, and can be tried anew", async () => {
    const db = create({ storage: "opfs" });
    const told = record(db, "status");

    expect(await codeOf(db.init())).toBe("LEDGER_STORAGE_UNAVAILABLE");
    expect(db.status().state).toBe("failed");
    expect(await everyCall(db)).toEqual(["LEDGER_NOT_INITIALIZED"]);
    expect(await codeOf(db.init())).toBe("LEDGER_STORAGE_UNAVAILABLE");
    const states = told.map(([, status]) => (status as LedgerStatus).state);
    expect(states).toEqual(["opening", "failed", "opening", "failed"]);
  });

  it("that close() overtakes rejects, and the database is closed when close() is done", async () => {
    const db = create();
    const opening = codeOf(db.init());

    await db.close();

    expect(await opening).toBe("LEDGER_CLOSED");
    expect(db.status().state).toBe("closed");
    expect(await codeOf(db.exec("SELECT 1"))).toBe("LEDGER_CLOSED");
  });

  it("tells of every state on the way", async () => {
    const db = create();
    const told = record(db, "status");

    await db.init();
    await db.close();

    const states = told.map(([, status]) => (status as LedgerStatus).state);
    expect(states.filter((state, i) => state !== states[i - 1])).toEqual(["opening", "open", "closed"]);
  });
});

describe("connect", () => {
  it("needs a URL and a token, from the call or the options", async () => {
    const db = await open({ signalingUrl: "ws://test" });
    const bare = create();
    await bare.init();

    expect(await codeOf(bare.connect())).toBe("LEDGER_NO_SIGNALING_URL");
    expect(await codeOf(bare.connect(""))).toBe("LEDGER_NO_SIGNALING_URL");
    expect(await codeOf(bare.connect("ws://test"))).toBe("LEDGER_NO_TOKEN");
    expect(await codeOf(bare.connect("ws://test", ""))).toBe("LEDGER_NO_TOKEN");
    expect(await codeOf(bare.connect("http://test", "token"))).toBe("LEDGER_OPTION_INVALID");
    expect(await codeOf(bare.connect(5 as never, "token"))).toBe("LEDGER_OPTION_INVALID");
    expect(await codeOf(bare.connect("ws://test", 5 as never))).toBe("LEDGER_OPTION_INVALID");
    expect(bare.status().signaling).toBe("off");
    expect(await codeOf(db.connect())).toBe("fine");
  });

  it("tells connected once, with a status that says so", async () => {
    const db = await open();
    const told = record(db, "connected", "disconnected", "reconnecting", "reconnected");
    const connecting = db.connect();
    expect([db.status().signaling, db.isConnected()]).toEqual(["connecting", false]);

    await connecting;

    expect(told).toEqual([["connected"]]);
    expect([db.status().signaling, db.isConnected()]).toEqual(["connected", true]);
  });

  it("rejects while the meeting point is down, goes on trying, and tells when it succeeded", async () => {
    const network = createTestNetwork();
    network.meetingPoint.takeDown();
    const db = await open({ network });
    const told = record(db, "connected", "disconnected", "reconnected", "error");

    expect(await codeOf(db.connect())).toBe("LEDGER_SIGNALING_UNREACHABLE");
    expect(db.status().signaling).toBe("reconnecting");
    const connected = once(db, "connected");
    network.meetingPoint.bringUp();
    await connected;

    expect(told).toEqual([["connected"]]);
    expect(db.isConnected()).toBe(true);
  });

  it("hears of the meeting point's end and return", async () => {
    const network = createTestNetwork();
    const db = await open({ network });
    await db.connect();
    const told = record(db, "connected", "disconnected", "reconnecting", "reconnected");

    const again = once(db, "reconnected");
    const reconnecting = once(db, "reconnecting");
    network.meetingPoint.takeDown();
    await reconnecting;
    expect([db.status().signaling, db.isConnected()]).toEqual(["reconnecting", false]);
    network.meetingPoint.bringUp();
    await again;

    expect(told).toEqual([["disconnected"], ["reconnecting", 1], ["reconnected"]]);
  });

  it("is called off by disconnect(), close() and another connect()", async () => {
    const network = createTestNetwork();
    const db = await open({ network });
    const told = record(db, "connected", "disconnected");

    const first = codeOf(db.connect());
    await db.disconnect();
    const second = codeOf(db.connect());
    const third = codeOf(db.connect());
    expect([await first, await second, await third]).toEqual(["LEDGER_DISCONNECTED", "LEDGER_DISCONNECTED", "fine"]);
    await db.disconnect();
    const fourth = codeOf(db.connect());
    await db.close();

    expect(await fourth).toBe("LEDGER_DISCONNECTED");
    expect(told).toEqual([["connected"], ["disconnected"]]);
  });

  it("leaves the room it was in", async () => {
    const network = createTestNetwork();
    const [alice, bob] = [await open({ network }), await open({ network })];
    const ready = Promise.all([once(alice, "peer-ready"), once(bob, "peer-ready")]);
    await Promise.all([alice.connect(), bob.connect()]);
    await ready;
    const left = once(bob, "peer-leave");

    await alice.connect(undefined, "AQECAwQFBgcICQoLDA0ODw");

    expect(await left).toEqual([alice.getNodeId()]);
    expect([alice.getPeers(), bob.getPeers(), alice.isConnected()]).toEqual([[], [], true]);
  });
});

describe("disconnect", () => {
  it("does nothing when not connected, and tells once when it was", async () => {
    const db = await open();
    const told = record(db, "disconnected");
    await db.disconnect();
    expect(told).toEqual([]);

    await db.connect();
    await db.disconnect();
    await db.disconnect();

    expect(told).toEqual([["disconnected"]]);
    expect(db.status()).toMatchObject({ state: "open", signaling: "off", peers: [] });
    expect(await codeOf(db.exec("SELECT 1"))).toBe("fine");
    expect(await codeOf(db.connect())).toBe("fine");
  });
});

describe("forgetRoom", () => {
  it("leaves the room, and only that one, and lets it be entered again", async () => {
    const db = await open();
    await db.connect();

    await db.forgetRoom("another room");
    expect(db.isConnected()).toBe(true);
    await db.forgetRoom();
    expect(db.status()).toMatchObject({ signaling: "off", peers: [] });

    await db.connect();
    expect(db.isConnected()).toBe(true);
  });

  it("needs a token, from the call, the room or the options", async () => {
    const db = create({ signalingUrl: "ws://test" });
    await db.init();

    expect(await codeOf(db.forgetRoom())).toBe("LEDGER_NO_TOKEN");
    await db.connect(undefined, "room");
    expect(await codeOf(db.forgetRoom())).toBe("fine");
    expect(db.isConnected()).toBe(false);
    expect(await codeOf(db.forgetRoom())).toBe("LEDGER_NO_TOKEN");
  });
});

describe("close", () => {
  it("is one, never rejects, and ends everything but what is known", async () => {
    const db = await open();
    await db.exec("CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, x)");
    await db.enableSync("notes");
    await db.exec("INSERT INTO notes VALUES ('a', 1)");
    await db.connect();
    const told = record(db, "disconnected", "error");
    const [nodeId, version] = [db.getNodeId(), db.getVersion()];

    const closing = db.close();

    expect(db.close()).toBe(closing);
    expect(db[Symbol.asyncDispose]()).toBe(closing);
    await closing;
    expect(told).toEqual([["disconnected"]]);
    expect([db.getNodeId(), db.getVersion()]).toEqual([nodeId, version]);
    expect(version).toBeGreaterThan(0);
    expect([db.getPeers(), db.isConnected()]).toEqual([[], false]);
    expect(db.status()).toEqual({ state: "closed", signaling: "off", peers: [], version });
    expect(await everyCall(db)).toEqual(["LEDGER_CLOSED"]);
    expect(await codeOf(db.init())).toBe("LEDGER_CLOSED");
  });

  it("lets what was asked for before finish", async () => {
    const db = await open();
    const asked = [db.exec("CREATE TABLE t (x)"), db.exec("INSERT INTO t VALUES (1)"), db.query("SELECT * FROM t")];

    await db.close();

    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
    ]);
  });
});

describe("listeners", () => {
  it("that throw are reported as error and stop nobody", async () => {
    const db = await open();
    const mine = new Error("mine");
    let heard = 0;
    db.on("connected", () => {
      throw mine;
    });
    db.on("connected", () => void (heard += 1));
    const failed = once(db, "error");

    expect(await codeOf(db.connect())).toBe("fine");

    expect(heard).toBe(1);
    expect(await failed).toMatchObject([{ code: "LEDGER_LISTENER_FAILED", cause: mine }]);
  });

  it("of error that throw are not called again for it", async () => {
    const db = await open();
    let calls = 0;
    db.on("error", () => {
      calls += 1;
      throw new Error("again");
    });
    db.on("connected", () => {
      throw new Error("first");
    });

    await db.connect();

    expect(calls).toBe(1);
  });

  it("leave once, however often they are told to, and not for their doubles", async () => {
    const db = await open();
    let calls = 0;
    const listener = (): void => void (calls += 1);
    const off = db.on("connected", listener);
    db.on("connected", listener);
    off();
    off();

    await db.connect();

    expect(calls).toBe(1);
  });

  it("may be there before init", async () => {
    const db = create();
    const changes = record(db, "change");
    await db.init();

    await db.exec("CREATE TABLE t (x)");
    await db.exec("INSERT INTO t VALUES (1)");

    expect(changes.at(-1)).toEqual(["change", { tables: ["t"], origin: "local" }]);
  });
});

describe("status", () => {
  it("is told whenever it answers differently, and is a new object only then", async () => {
    const network = createTestNetwork();
    const [alice, bob] = [await open({ network }), await open({ network })];
    let last = JSON.stringify(alice.status());
    const repeated: string[] = [];
    alice.on("status", (status) => {
      const text = JSON.stringify(status);
      if (text === last) repeated.push(text);
      last = text;
    });
    const ready = once(alice, "peer-ready");

    await Promise.all([alice.connect(), bob.connect()]);
    await ready;

    // Asked for first: a round trip that was measured meanwhile is told by asking.
    const present = JSON.stringify(alice.status());
    expect(repeated).toEqual([]);
    expect(last).toBe(present);
    expect(alice.status().peers).toMatchObject([{ peerId: bob.getNodeId(), state: "ready", route: "memory" }]);
  });

  it("is up to date when an event is told", async () => {
    const network = createTestNetwork();
    const [alice, bob] = [await open({ network }), await open({ network })];
    const seen: unknown[] = [];
    alice.on("connected", () => seen.push(["connected", alice.isConnected()]));
    alice.on("peer-join", () => seen.push(["peer-join", alice.status().peers.map(({ state }) => state)]));
    alice.on("peer-ready", (peer) => seen.push(["peer-ready", alice.getPeers().includes(peer)]));
    alice.on("peer-leave", (peer) => seen.push(["peer-leave", alice.getPeers().includes(peer)]));
    alice.on("disconnected", () => seen.push(["disconnected", alice.isConnected()]));
    const ready = once(alice, "peer-ready");
    await alice.connect();
    await bob.connect();
    await ready;

    await alice.disconnect();

    expect(seen).toEqual([
      ["connected", true],
      ["peer-join", ["joined"]],
      ["peer-ready", true],
      ["peer-leave", false],
      ["disconnected", false],
    ]);
  });
});

describe("waiting for replicas", () => {
  it("refuses what is no number of peers and no time", async () => {
    const db = await open();

    for (const peers of [0, 1.5, Number.NaN, 1_001]) {
      expect(await codeOf(db.replicated({ peers }))).toBe("LEDGER_OPTION_INVALID");
    }
    for (const timeoutMs of [-1, Infinity, 2 ** 31]) {
      expect(await codeOf(db.whenSynced({ timeoutMs }))).toBe("LEDGER_OPTION_INVALID");
    }
  });

  it("ends with the reason of the signal", async () => {
    const db = await open();
    const calling = new AbortController();
    const waiting = db.replicated({ signal: calling.signal });

    calling.abort("enough");

    await expect(waiting).rejects.toBe("enough");
    await expect(db.whenSynced({ signal: calling.signal })).rejects.toBe("enough");
  });

  it("gives a receipt for what two replicas wrote", async () => {
    const network = createTestNetwork();
    const [alice, bob] = await Promise.all([open({ network }), open({ network })]);
    for (const db of [alice, bob]) {
      await db.exec("CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL)");
      await db.enableSync("notes");
      await db.connect();
    }
    await alice.exec("INSERT INTO notes VALUES ('a')");

    expect((await alice.replicated()).peers).toEqual([bob.getNodeId()]);
    await bob.whenSynced();
    expect(await bob.query("SELECT * FROM notes")).toEqual([{ id: "a" }]);
  });
});
