// @ts-check
/**
 * Every limit of README.md's table at work, set by its environment variable and by nothing else: what is just within it
 * passes, what is just beyond it does not. The test at the end sees to it that no row is without.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { limitDefinitions, readLimits } from "../src/limits.js";
import { id, joinFrame, startServer, upgradeRequest } from "./support.js";

const [room, alice, bob, carol] = [id(1), id(10), id(11), id(12)];

/** @type {(() => Promise<void>)[]} */
const releases = [];

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/**
 * @param {Readonly<Record<string, string>>} env
 * @param {Omit<import("../src/server.js").SignalingServerOptions, "limits">} [options]
 */
const start = async (env, options) => {
  const clock = createFakeClock();
  const started = await startServer({ clock, ...options, limits: readLimits(env) });
  releases.push(started.release);
  return { ...started, clock };
};

/** @typedef {Awaited<ReturnType<Awaited<ReturnType<typeof start>>["join"]>>} Client */

/**
 * Sends a frame of about this many bytes to the client itself, and resolves once it has come.
 * @param {Client} client
 * @param {number} [bytes]
 */
const echo = async (client, bytes = 80) => {
  client.send({ type: "send", to: alice, payload: "A".repeat(Math.max(2, bytes - 60)) });
  await client.next("message");
};

/** @type {Record<string, () => Promise<void>>} */
const rows = {
  MAX_FRAME_BYTES: async () => {
    const { connect } = await start({ MAX_FRAME_BYTES: "300" });
    const [within, beyond] = [await connect(), await connect()];

    within.send("x".repeat(300));
    beyond.send("x".repeat(301));

    expect((await within.closed).code).toBe(4400);
    expect((await beyond.closed).code).toBe(1009);
  },
  MAX_FRAGMENTS: async () => {
    const { connect } = await start({ MAX_FRAGMENTS: "2" });
    const [within, beyond] = [await connect(), await connect()];

    within.socket.send("no", { fin: false });
    within.socket.send("nsense", { fin: true });
    for (let i = 0; i < 3; i += 1) beyond.socket.send("n", { fin: false });

    expect((await within.closed).code).toBe(4400);
    expect((await beyond.closed).code).toBe(1008);
  },
  JOIN_TIMEOUT_MS: async () => {
    const { connect, clock } = await start({ JOIN_TIMEOUT_MS: "700" });
    const client = await connect();

    await clock.advance(699);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    await clock.advance(1);

    expect(await client.closed).toEqual({ code: 4408, reason: "join-timeout" });
  },
  MAX_ROOM_MEMBERS: async () => {
    const { join, connect } = await start({ MAX_ROOM_MEMBERS: "2" });
    await join(room, alice);
    await join(room, bob);
    const third = await connect();

    third.send(joinFrame(room, carol));

    expect(await third.closed).toEqual({ code: 4428, reason: "room-full" });
  },
  MAX_SOCKETS: async () => {
    const { connect, refusedStatus } = await start({ MAX_SOCKETS: "2" });
    await connect();
    await connect();

    expect(await refusedStatus()).toBe(503);
  },
  MAX_SOCKETS_PER_ADDRESS: async () => {
    const { connect, refusedStatus } = await start({ MAX_SOCKETS_PER_ADDRESS: "2" });
    await connect();
    await connect();

    expect(await refusedStatus()).toBe(429);
  },
  CONNECTS_PER_SECOND: async () => {
    const { connect, refusedStatus, clock } = await start({ CONNECTS_PER_SECOND: "2", CONNECT_BURST: "1" });
    await connect();

    await clock.advance(499);
    expect(await refusedStatus()).toBe(429);
    await clock.advance(1);
    await connect();
  },
  CONNECT_BURST: async () => {
    const { connect, refusedStatus } = await start({ CONNECT_BURST: "2" });
    await connect();
    await connect();

    expect(await refusedStatus()).toBe(429);
  },
  MESSAGES_PER_SECOND: async () => {
    const { join, clock } = await start({ MESSAGES_PER_SECOND: "2", MESSAGE_BURST: "1" });
    const client = await join(room, alice);

    await clock.advance(500);
    await echo(client);
    await clock.advance(499);
    client.send({ type: "send", to: alice, payload: "AA" });

    expect(await client.closed).toEqual({ code: 4429, reason: "rate-limited" });
  },
  MESSAGE_BURST: async () => {
    const { join } = await start({ MESSAGE_BURST: "3" });
    const client = await join(room, alice);

    await echo(client);
    await echo(client);
    client.send({ type: "send", to: alice, payload: "AA" });

    expect(await client.closed).toEqual({ code: 4429, reason: "rate-limited" });
  },
  BYTES_PER_SECOND: async () => {
    const { join, clock } = await start({ BYTES_PER_SECOND: "1024", BYTE_BURST: "1024" });
    const client = await join(room, alice);

    await clock.advance(1_000);
    await echo(client, 1_000);
    await clock.advance(1_000);
    await echo(client, 1_000);
    await clock.advance(500);
    client.send({ type: "send", to: alice, payload: "A".repeat(900) });

    expect(await client.closed).toEqual({ code: 4429, reason: "rate-limited" });
  },
  BYTE_BURST: async () => {
    const { join } = await start({ BYTE_BURST: "4096" });
    const client = await join(room, alice);

    await echo(client, 3_000);
    client.send({ type: "send", to: alice, payload: "A".repeat(3_000) });

    expect(await client.closed).toEqual({ code: 4429, reason: "rate-limited" });
  },
  MAX_BUFFERED_BYTES: async () => {
    const rates = { MESSAGES_PER_SECOND: "2147483647", MESSAGE_BURST: "2147483647", BYTE_BURST: "2147483647" };
    const { join } = await start({ ...rates, MAX_BUFFERED_BYTES: "65536" });
    const [atAlice, atBob] = [await join(room, alice), await join(room, bob)];
    let left = false;
    const leaving = atAlice.next("member-left").then(() => {
      left = true;
    });

    atBob.socket.pause();
    // The kernel's own buffers fill first.
    while (!left) {
      for (let i = 0; i < 50; i += 1) atAlice.send({ type: "send", to: bob, payload: "A".repeat(15_000) });
      await new Promise((resolve) => setImmediate(resolve));
    }

    await leaving;
  },
  RELAY_WINDOW_BYTES: async () => {
    const { join } = await start({ RELAY_WINDOW_BYTES: "65536" }, { relay: true });

    const client = await join(room, alice);

    expect(client.frames[0]).toMatchObject({ relay: { credit: 65_536 } });
  },
  PING_INTERVAL_MS: async () => {
    const { join, clock } = await start({ PING_INTERVAL_MS: "500" });
    const client = await join(room, alice);
    let pings = 0;
    client.socket.on("ping", () => (pings += 1));

    await clock.advance(499);
    await echo(client);
    expect(pings).toBe(0);
    await clock.advance(1);
    await echo(client);

    expect(pings).toBe(1);
  },
  MAX_MISSED_PINGS: async () => {
    const { join, clock } = await start({ MAX_MISSED_PINGS: "1" });
    const dead = await join(room, alice, { autoPong: false });

    await clock.advance(30_000);
    expect(dead.socket.readyState).toBe(dead.socket.OPEN);
    await clock.advance(30_000);

    expect((await dead.closed).code).toBe(1006);
  },
  HEADERS_TIMEOUT_MS: async () => {
    const { dial, port } = await start({ HEADERS_TIMEOUT_MS: "200" });
    const socket = await dial();
    const answer = once(socket, "data");

    socket.write(upgradeRequest(port).slice(0, 40));

    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 408 /);
  },
  SPARE_CONNECTIONS: async () => {
    const { dial } = await start({ MAX_SOCKETS: "1", SPARE_CONNECTIONS: "1" });
    const kept = [await dial(), await dial()];
    const dropped = await dial();

    await once(dropped, "close");

    expect(kept.every((socket) => !socket.destroyed)).toBe(true);
  },
  CLOSE_TIMEOUT_MS: async () => {
    const { server, port, dial, clock } = await start({ CLOSE_TIMEOUT_MS: "300" });
    const half = await dial();
    half.write(upgradeRequest(port));
    await once(half, "data");
    const ended = once(half, "close");

    const closing = server.close();
    await clock.advance(299);
    expect(server.socketCount).toBe(1);
    await clock.advance(1);

    await Promise.all([closing, ended]);
  },
  AUTH_TIMEOUT_MS: async () => {
    const { connect, clock } = await start({ AUTH_TIMEOUT_MS: "300" }, { authChecks: [() => new Promise(() => {})] });
    const connecting = connect();
    await expect.poll(() => clock.pendingDelaysMs()).toContain(300);

    await clock.advance(300);

    expect(await (await connecting).closed).toEqual({ code: 4401, reason: "unauthorized" });
  },
};

describe("the limit", () => {
  it.each(Object.entries(rows))("%s holds what it says", async (_, holds) => holds());

  it("of every row of the table is tested here, or by name where relaying is", () => {
    const relaying = readFileSync(new URL("relay.test.js", import.meta.url), "utf8");
    const named = [...relaying.matchAll(/ it\("[^"]*\b(RELAY_[A-Z_]+)/g)].map(([, name]) => name ?? "");

    const tested = new Set([...Object.keys(rows), ...named]);

    expect([...tested].sort()).toEqual(
      Object.values(limitDefinitions)
        .map(({ env }) => env)
        .sort(),
    );
  });
});
