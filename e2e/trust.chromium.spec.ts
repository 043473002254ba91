/** What links over real WebRTC do when somebody sits in between, is no member, or comes with yesterday's offer. */

import type { MemberId } from "../src/common/ids.ts";
import { createSystemRandom } from "../src/common/random.ts";
import { deriveRoomKeys } from "../src/security/derive-room-keys.ts";
import { createConnectionId, type ConnectionId } from "../src/security/sealed-envelope.ts";
import { createToken } from "../src/security/token.ts";
import { createForger, createHostileServer, type HostileServer, type Mail } from "./support/hostile-server.ts";
import { openManInTheMiddle, type ManInTheMiddle } from "./support/man-in-the-middle.ts";
import { expect, expectEvent, expectPeers, expectRows, test, type Replica } from "./support/test.ts";

/** Type of the mail that carries descriptions. */
const signalType = 2;

const secretRow = "INSERT INTO notes (id, title) VALUES ('a', 'secret row')";

/** Both were told that the other could not prove itself, and neither has linked or got a row. */
const expectRefused = async (holder: Replica, other: Replica): Promise<void> => {
  for (const replica of [holder, other]) {
    expect((await expectEvent(replica, "error")).args[0]).toMatchObject({ code: "LEDGER_PEER_UNTRUSTED" });
    expect(await replica.events("peer-ready")).toEqual([]);
    expect(await replica.peers()).toEqual([]);
  }
  expect(await other.rows("SELECT * FROM notes")).toEqual([]);
};

const closing = async (server: HostileServer, run: () => Promise<void>): Promise<void> => {
  try {
    await run();
  } finally {
    await server.close();
  }
};

test("gives no row to a server that forges descriptions and bridges two legs", async ({
  newReplica,
  token,
  browser,
}) => {
  const forger = createForger(await deriveRoomKeys(token));
  const mallory = await browser.newPage();
  let attack:
    { readonly conn: ConnectionId; readonly initiator: MemberId; readonly middle: ManInTheMiddle } | undefined;

  const server = await createHostileServer(async (mail) => {
    const { conn, type, body } = await forger.open(mail);
    if (type !== signalType) return [mail];
    const signal = JSON.parse(new TextDecoder().decode(body)) as
      { type: "offer" | "answer"; sdp: string } | { type: "candidate"; candidate: RTCIceCandidateInit };
    const { from, to } = mail;
    const seal = (mine: unknown, asFrom = from, asTo = to): Promise<Mail> =>
      forger.seal(asFrom, asTo, conn, signalType, JSON.stringify(mine));
    if (signal.type === "offer") attack ??= { conn, initiator: from, middle: await openManInTheMiddle(mallory) };
    if (attack?.conn !== conn) return []; // One attempt is enough.
    switch (signal.type) {
      case "offer": {
        const { answer, offer } = await attack.middle.takeOffer(signal);
        return [await seal(offer), await seal(answer, to, from)];
      }
      case "answer":
        await attack.middle.takeAnswer(signal);
        return [];
      case "candidate":
        await attack.middle.takeCandidate(from === attack.initiator ? "initiator" : "responder", signal.candidate);
        return [];
    }
  });

  await closing(server, async () => {
    const alice = await newReplica({ signalingUrl: server.url });
    const bob = await newReplica({ signalingUrl: server.url });
    await alice.exec(secretRow);
    await alice.call("connect");
    await bob.call("connect");

    await expectRefused(alice, bob);

    // Both legs were up, and everything went across: hello (1) and proof (2), then a refusal (3) at most.
    const seen = await attack?.middle.seen();
    for (const messages of [seen?.initiator ?? [], seen?.responder ?? []]) {
      expect(messages.slice(0, 2).map(([kind]) => kind)).toEqual([1, 2]);
      expect(messages.slice(2).every(([kind]) => kind === 3)).toBe(true);
    }
  });
  await mallory.close();
});

test("gives no row to one who has the room's signaling key and not its token, and tells both why", async ({
  newReplica,
  token,
}) => {
  const alice = await newReplica();
  const mallory = await newReplica({ token: "a passphrase" });
  await mallory.page.addScriptTag({ type: "module", url: "/plant-keys.js" });
  await mallory.page.waitForFunction(() => typeof window.plantKeys === "function");
  await mallory.page.evaluate(([room, other]) => window.plantKeys("a passphrase", room, other), [
    token,
    createToken(createSystemRandom()),
  ] as const);
  await alice.exec(secretRow);

  await alice.call("connect");
  await mallory.call("connect");

  await expectRefused(alice, mallory);
});

test("links and counts through a server that repeats, alters, reflects and misdirects what it carries", async ({
  newReplica,
}) => {
  const server = await createHostileServer((mail) => {
    const { from, to, payload } = mail;
    const altered = { from, to, payload: payload.with(20, (payload[20] ?? 0) ^ 1) };
    const reflected = { from, to: from, payload };
    const misdirected = { from: to, to: from, payload };
    return [altered, mail, mail, reflected, misdirected];
  });

  await closing(server, async () => {
    const alice = await newReplica({ signalingUrl: server.url });
    const bob = await newReplica({ signalingUrl: server.url });
    await alice.exec(secretRow);
    await alice.call("connect");
    await bob.call("connect");

    await expectRows([bob], "SELECT title FROM notes", [{ title: "secret row" }]);

    for (const replica of [alice, bob]) {
      const { signalingDrops: drops } = await replica.status();
      expect(drops?.malformed).toBe(0);
      for (const count of [drops?.forged, drops?.replayed, drops?.reflected]) expect(count).toBeGreaterThan(0);
      expect(await replica.events("error")).toEqual([]);
    }
  });
});

test("lets a replayed offer die, and keeps the link that stands", async ({ newReplica, token, browser, baseURL }) => {
  const forger = createForger(await deriveRoomKeys(token));
  const replayed = createConnectionId(createSystemRandom());
  let offer: { readonly mail: Mail; readonly text: string } | undefined;
  let answered = (): void => {};
  const answeredReplay = new Promise<void>((resolve) => (answered = resolve));
  const server = await createHostileServer(async (mail) => {
    const { conn, type, body } = await forger.open(mail);
    const text = new TextDecoder().decode(body);
    if (type === signalType && text.includes('"offer"')) offer ??= { mail, text };
    if (conn === replayed && text.includes('"answer"')) answered();
    return [mail];
  });

  await closing(server, async () => {
    const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
    await context.addInitScript(() => {
      const made: RTCPeerConnection[] = [];
      class Watched extends RTCPeerConnection {
        // One is made ahead, and heard of nobody.
        override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
          if (!made.includes(this)) made.push(this);
          return super.setRemoteDescription(description);
        }
      }
      Object.assign(window, {
        RTCPeerConnection: Watched,
        connectionStates: () => made.map((one) => one.connectionState),
      });
    });
    const options = { signalingUrl: server.url, linkTimeoutMs: 1_500, context };
    const replicas = [await newReplica({ ...options, dbName: "one" }), await newReplica({ ...options, dbName: "two" })];
    // The initiator has the smaller id.
    const ids = await Promise.all(replicas.map((replica) => replica.nodeId()));
    const [alice, bob] = (ids[0] ?? "") < (ids[1] ?? "") ? replicas : replicas.toReversed();
    if (alice === undefined || bob === undefined) throw new Error("there are two");
    await alice.call("connect");
    await bob.call("connect");
    await expectPeers(bob, alice);

    if (offer === undefined) throw new Error("no offer was made");
    const { mail, text } = offer;
    server.deliver(mail);
    server.deliver(await forger.seal(mail.from, mail.to, replayed, signalType, text));
    await answeredReplay;

    const states = (): Promise<readonly string[]> =>
      bob.page.evaluate(() => (window as unknown as { connectionStates(): string[] }).connectionStates());
    await expect.poll(states).toEqual(["connected", "closed"]);
    expect((await bob.status()).signalingDrops).toMatchObject({ replayed: 1 });
    for (const replica of [alice, bob]) expect(await replica.events("peer-leave")).toEqual([]);
    await alice.exec(secretRow);
    await expectRows([bob], "SELECT title FROM notes", [{ title: "secret row" }]);
    await context.close();
  });
});
