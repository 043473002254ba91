// @ts-check
/** Each limit, one by one; and that the innocent do not notice. */

import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { id, joinFrame, noRateLimits, startServer } from "./support.js";

const [room, alice, bob] = [id(1), id(10), id(11)];
const toBob = { type: "send", to: bob, payload: "AA" };

/** @type {(() => Promise<void>)[]} */
const releases = [];

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/** @param {import("../src/server.js").SignalingServerOptions} [options] */
const start = async (options) => {
  const started = await startServer(options);
  releases.push(started.release);
  return started;
};

describe("messages per second", () => {
  it("lets the burst through and closes behind it", async () => {
    const { join } = await start({ clock: createFakeClock() });
    const atBob = await join(room, bob);
    const atAlice = await join(room, alice);

    // The join was the first of 200.
    for (let i = 0; i < 200; i += 1) atAlice.send(toBob);

    expect(await atAlice.next("error")).toEqual({ type: "error", code: "rate-limited" });
    expect(await atAlice.closed).toEqual({ code: 4429, reason: "rate-limited" });
    await atBob.next("member-left");
    expect(atBob.frames.filter(({ type }) => type === "message")).toHaveLength(199);
  });

  it("lets 50 a second through for ever", async () => {
    const clock = createFakeClock();
    const { join } = await start({ clock, limits: { messageBurst: 51 } });
    const atBob = await join(room, bob);
    const atAlice = await join(room, alice);

    for (let second = 0; second < 5; second += 1) {
      for (let i = 0; i < 50; i += 1) atAlice.send(toBob);
      for (let i = 0; i < 50; i += 1) await atBob.next("message");
      await clock.advance(1_000);
    }

    expect(atAlice.frames.filter(({ type }) => type === "error")).toEqual([]);
  });

  it("of one socket are no matter of another's", async () => {
    const { join } = await start({ clock: createFakeClock() });
    const atBob = await join(room, bob);
    const atAlice = await join(room, alice);

    for (let i = 0; i < 200; i += 1) atAlice.send(toBob);
    await atAlice.closed;
    atBob.send({ ...toBob, payload: "Ag" });

    let payload;
    while (payload !== "Ag") ({ payload } = await atBob.next("message"));
  });

  it("counts WebSocket pings and pongs as well", async () => {
    const { join } = await start({ clock: createFakeClock() });
    const [pinging, ponging] = [await join(room, alice), await join(room, bob)];

    // One by one: ws by itself cuts a socket that has a hundred unanswered.
    for (let i = 0; i < 200; i += 1) {
      pinging.socket.ping();
      await Promise.race([once(pinging.socket, "pong"), pinging.closed]);
    }
    for (let i = 0; i < 200; i += 1) ponging.socket.pong();

    expect(await pinging.closed).toMatchObject({ code: 4429 });
    expect(await ponging.closed).toMatchObject({ code: 4429 });
  });
});

describe("bytes per second", () => {
  it("closes a socket that sends more", async () => {
    const { join } = await start({ clock: createFakeClock(), limits: { byteBurst: 40_000 } });
    const atAlice = await join(room, alice);
    const large = { type: "send", to: bob, payload: "A".repeat(15_000) };

    for (let i = 0; i < 3; i += 1) atAlice.send(large);

    expect(await atAlice.closed).toMatchObject({ code: 4429 });
  });
});

describe("a slow reader", () => {
  it("is cut off instead of being buffered for", async () => {
    const { server, join } = await start({ limits: { ...noRateLimits, maxBufferedBytes: 64 * 1024 } });
    const atAlice = await join(room, alice);
    const atBob = await join(room, bob);
    const large = JSON.stringify({ type: "send", to: bob, payload: "A".repeat(15_000) });
    let left = false;
    const leaving = atAlice.next("member-left").then(() => {
      left = true;
    });

    atBob.socket.pause();
    // The kernel's own buffers fill first.
    while (!left) {
      for (let i = 0; i < 50; i += 1) atAlice.socket.send(large);
      await new Promise((resolve) => setImmediate(resolve));
    }

    await leaving;
    expect(server.socketCount).toBe(1);
  });
});

describe("pings", () => {
  it("cut off a socket that leaves two unanswered", async () => {
    const clock = createFakeClock();
    const { join } = await start({ clock });
    const atAlice = await join(room, alice);
    const dead = await join(room, bob, { autoPong: false });

    await clock.advance(30_000);
    await clock.advance(30_000);
    expect(atAlice.frames.some(({ type }) => type === "member-left")).toBe(false);
    // An answer travels with real time: what Alice sends behind her pong proves that it has arrived.
    atAlice.send({ type: "send", to: alice, payload: "AA" });
    await atAlice.next("message");
    await clock.advance(30_000);

    expect(await dead.closed).toMatchObject({ code: 1006 });
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });
  });

  it("keep a socket that answers", async () => {
    const clock = createFakeClock();
    const { join } = await start({ clock });
    const atAlice = await join(room, alice);

    for (let i = 0; i < 6; i += 1) {
      const pinged = new Promise((resolve) => atAlice.socket.once("ping", resolve));
      await clock.advance(30_000);
      await pinged;
      atAlice.send({ type: "send", to: alice, payload: "AA" });
      await atAlice.next("message");
    }

    expect(atAlice.socket.readyState).toBe(atAlice.socket.OPEN);
  });
});

describe("sockets", () => {
  it("of one address are limited, and a closed one makes room", async () => {
    const { server, connect, refusedStatus } = await start({ limits: { maxSocketsPerAddress: 2 } });
    const first = await connect();
    await connect();

    expect(await refusedStatus()).toBe(429);
    first.socket.close();
    await first.closed;
    await expect.poll(() => server.socketCount).toBe(1);
    await expect.poll(async () => (await connect().catch(() => undefined)) !== undefined).toBe(true);
  });

  it("of one address are opened only so fast", async () => {
    const clock = createFakeClock();
    const { connect, refusedStatus } = await start({ clock, limits: { connectsPerSecond: 1, connectBurst: 2 } });
    await connect();
    await connect();

    expect(await refusedStatus()).toBe(429);
    await clock.advance(1_000);
    await connect();
  });

  it("of all are limited, and health checks still get through", async () => {
    const { port, connect, refusedStatus } = await start({ limits: { maxSockets: 2 } });
    await connect();
    await connect();

    expect(await refusedStatus()).toBe(503);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  it("count for the address that the trusted proxy names", async () => {
    const { connect } = await start({ trustedProxyHops: 1, limits: { maxSocketsPerAddress: 1 } });

    await connect({ headers: { "x-forwarded-for": "203.0.113.1" } });
    await connect({ headers: { "x-forwarded-for": "203.0.113.2" } });

    await expect(connect({ headers: { "x-forwarded-for": "spoofed, 203.0.113.1" } })).rejects.toThrow();
  });
});

describe("origins", () => {
  it("are all allowed by default", async () => {
    const { join } = await start();

    await join(room, alice, { origin: "https://anywhere.example" });
    await join(room, bob);
  });

  it("are compared with the list, and the refusal can be read by the page", async () => {
    const { connect, join } = await start({ allowedOrigins: ["https://app.example"] });
    await join(room, alice, { origin: "https://app.example" });

    for (const origin of ["https://app.example.evil.test", "http://app.example", "null", undefined]) {
      const refused = await connect(origin === undefined ? {} : { origin });
      refused.send(joinFrame(room, bob));
      expect(await refused.next("error")).toEqual({ type: "error", code: "origin-refused" });
      expect(await refused.closed).toEqual({ code: 4403, reason: "origin-refused" });
    }
  });
});
