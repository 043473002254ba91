// @ts-check
/** Two instances over a real NATS server: each a process of its own, so that one can be killed. */

import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { ensurePackage, freePort, installTimeoutMs, startDaemon } from "./daemons.js";
import { runServer } from "./process.js";
import { id } from "./support.js";

const [room, alice, bob, carol, dave] = [id(1), id(10), id(11), id(12), id(13)];
// Short enough for a test, long enough for a machine with more to do.
const heartbeatMs = 1_000;
/** Members of an instance that died are gone by then; see B2 in nats-bus.js. */
const goneWithinMs = 4 * heartbeatMs;

/** @type {string} */
let natsServer;
/** @type {(() => Promise<unknown>)[]} */
const releases = [];

beforeAll(() => {
  natsServer = ensurePackage("nats-server");
}, installTimeoutMs);

afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release();
});

const arrange = async () => {
  const natsPort = await freePort();
  const startNats = async () => {
    const daemon = await startDaemon(natsServer, ["-a", "127.0.0.1", "-p", String(natsPort)], natsPort);
    releases.push(() => daemon.stop());
    return daemon;
  };
  const startInstance = async () => {
    const instance = await runServer({
      NATS_URL: `nats://127.0.0.1:${natsPort}`,
      NATS_HEARTBEAT_MS: String(heartbeatMs),
      CLOSE_TIMEOUT_MS: "100",
    });
    releases.push(() => instance.kill());
    return instance;
  };
  return { startNats, startInstance };
};

describe("instances over NATS", () => {
  it("introduce their members to each other and carry messages both ways, in order", async () => {
    const { startNats, startInstance } = await arrange();
    await startNats();
    const [one, two] = await Promise.all([startInstance(), startInstance()]);
    await Promise.all([one.ready(), two.ready()]);
    const atAlice = await one.join(room, alice);
    const atBob = await two.join(room, bob);
    await Promise.all([atAlice.sees(bob), atBob.sees(alice)]);

    const payloads = Array.from({ length: 100 }, (_, i) => Buffer.from(`message ${i}`).toString("base64url"));
    for (const payload of payloads) atAlice.send({ type: "send", to: bob, payload });
    const received = [];
    for (const _ of payloads) received.push(await atBob.next("message"));
    atBob.send({ type: "send", to: alice, payload: "AA" });

    expect(received).toEqual(payloads.map((payload) => ({ type: "message", from: alice, payload })));
    expect(await atAlice.next("message")).toEqual({ type: "message", from: bob, payload: "AA" });
    atBob.socket.close();
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });
  });

  it("lose the members of one that is killed, and no others", async () => {
    const { startNats, startInstance } = await arrange();
    await startNats();
    const [one, two, three] = await Promise.all([startInstance(), startInstance(), startInstance()]);
    await Promise.all([one.ready(), two.ready(), three.ready()]);
    const [atAlice, atBob, atCarol] = await Promise.all([
      one.join(room, alice),
      two.join(room, bob),
      three.join(room, carol),
    ]);
    await Promise.all([atAlice.sees(bob), atAlice.sees(carol), atCarol.sees(alice), atCarol.sees(bob)]);

    const killedMs = performance.now();
    await two.kill();
    const [left] = await Promise.all([atAlice.next("member-left"), atCarol.next("member-left")]);
    const tookMs = performance.now() - killedMs;
    atAlice.send({ type: "send", to: carol, payload: "AA" });

    expect(left).toEqual({ type: "member-left", member: bob });
    // Twice the bound, because this machine may have more to do than the clock allows for.
    expect(tookMs).toBeLessThan(2 * goneWithinMs + 1_000);
    expect(await atCarol.next("message")).toMatchObject({ from: alice });
    expect((await atBob.closed).code).toBe(1006);
    expect(atAlice.frames.filter(({ type }) => type === "member-left")).toHaveLength(1);
  });

  it("say goodbye for their members when they are stopped", async () => {
    const { startNats, startInstance } = await arrange();
    await startNats();
    const [one, two] = await Promise.all([startInstance(), startInstance()]);
    await Promise.all([one.ready(), two.ready()]);
    const [atAlice, atBob] = await Promise.all([one.join(room, alice), two.join(room, bob)]);
    await atAlice.sees(bob);

    const code = await two.stop();

    expect(code).toBe(0);
    expect(await atBob.closed).toMatchObject({ code: 1001 });
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });
  });

  it("go on alone while NATS is away, say so, and heal with nothing missed", async () => {
    const { startNats, startInstance } = await arrange();
    const nats = await startNats();
    const [one, two] = await Promise.all([startInstance(), startInstance()]);
    await Promise.all([one.ready(), two.ready()]);
    const [atAlice, atBob] = await Promise.all([one.join(room, alice), two.join(room, bob)]);
    await Promise.all([atAlice.sees(bob), atBob.sees(alice)]);

    await nats.stop();
    await Promise.all([one.away(), two.away()]);
    const atCarol = await one.join(room, carol);
    atCarol.send({ type: "send", to: alice, payload: "AA" });
    expect(await atAlice.next("message")).toMatchObject({ from: carol });
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });

    await startNats();
    await Promise.all([one.ready(), two.ready()]);
    await Promise.all([atBob.sees(carol), atAlice.sees(bob)]);
    const atDave = await two.join(room, dave);
    await Promise.all([atDave.sees(alice), atDave.sees(carol)]);
    atDave.send({ type: "send", to: alice, payload: "AQ" });
    expect(await atAlice.next("message")).toMatchObject({ from: dave, payload: "AQ" });
  });

  it("start before NATS does", async () => {
    const { startNats, startInstance } = await arrange();
    const [one, two] = await Promise.all([startInstance(), startInstance()]);
    const [atAlice, atBob] = await Promise.all([one.join(room, alice), two.join(room, bob)]);
    expect(await one.probe("/readyz")).toEqual({ status: 503, body: { status: "nats-away" } });
    expect((await one.probe("/healthz")).status).toBe(200);

    await startNats();

    await Promise.all([atAlice.sees(bob), atBob.sees(alice)]);
    await one.ready();
  });
});
