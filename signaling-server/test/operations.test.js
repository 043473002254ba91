// @ts-check
/** What an operator sees: probes, metrics, the log, and the TURN credentials handed out. */

import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createHttpRoutes } from "../src/http-routes.js";
import { createIceServers } from "../src/ice-servers.js";
import { createLog } from "../src/log.js";
import { createMetrics } from "../src/metrics.js";
import { id, startServer } from "./support.js";

const [room, alice, bob] = [id(1), id(10), id(11)];
const turn = { secret: "coturn-secret", urls: ["turn:turn.example:3478"], ttlSeconds: 3_600 };

/** @type {(() => Promise<void>)[]} */
const releases = [];

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/** @param {import("../src/server.js").SignalingServerOptions} [options] */
const start = async (options) => {
  const started = await startServer(options);
  releases.push(started.release);
  /** @param {string} path */
  const get = async (path) => {
    const response = await fetch(`http://127.0.0.1:${started.port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { ...started, get };
};

/** @param {string} text */
const samples = (text) =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );

describe("probes", () => {
  it("say that it lives and is ready", async () => {
    const { get } = await start();

    expect(await get("/healthz")).toEqual({ status: 200, text: '{"status":"ok"}\n' });
    expect(await get("/readyz")).toEqual({ status: 200, text: '{"status":"ready"}\n' });
  });

  it.each(
    /** @type {const} */ ([
      [{ closing: true, busReady: true }, 503, "closing", 503, "closing"],
      [{ closing: false, busReady: false }, 200, "ok", 503, "nats-away"],
    ]),
  )("tell a process that must go from one that waits: %j", async ({ closing, busReady }, ...expected) => {
    const routes = createHttpRoutes({
      isClosing: () => closing,
      isBusReady: () => busReady,
      metrics: createMetrics(),
    });
    const http = createServer(routes).listen(0, "127.0.0.1");
    releases.push(async () => void http.close());
    await once(http, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());

    const answers = [];
    for (const path of ["/healthz", "/readyz"]) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      answers.push(response.status, /** @type {{ status: string }} */ (await response.json()).status);
    }

    expect(answers).toEqual(expected);
  });
});

describe("/metrics", () => {
  it("counts sockets, members, frames and refusals", async () => {
    const { get, join, connect, refusedStatus } = await start({ limits: { maxSocketsPerAddress: 3 } });
    const atAlice = await join(room, alice);
    await join(room, bob);
    const stranger = await connect();
    expect(await refusedStatus()).toBe(429);
    stranger.send("nonsense");
    await stranger.closed;
    atAlice.send({ type: "send", to: alice, payload: "AA" });
    await atAlice.next("message");

    const { text } = await get("/metrics");

    expect(samples(text)).toMatchObject({
      ledger_signaling_members: 2,
      ledger_signaling_rooms: 1,
      ledger_signaling_instances: 1,
      ledger_signaling_ready: 1,
      ledger_signaling_sockets_opened_total: 3,
      ledger_signaling_joins_total: 2,
      'ledger_signaling_refusals_total{code="malformed"}': 1,
      'ledger_signaling_upgrades_refused_total{status="429"}': 1,
      ledger_signaling_frames_received_total: 4,
      // Two joined, one member-joined, one error, one message.
      ledger_signaling_frames_sent_total: 5,
    });
    expect(text).not.toMatch(new RegExp(`${room}|${alice}|127\\.0\\.0\\.1`));
  });

  it("has figures of the process when asked for", async () => {
    const { get } = await start({ processMetrics: true });

    expect((await get("/metrics")).text).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});

describe("the log", () => {
  it("tells refusals by the dozen, without whom they hit", async () => {
    const clock = createFakeClock();
    /** @type {string[]} */
    const lines = [];
    const log = createLog({ writeLine: (line) => lines.push(line), nowMs: clock.nowMs });
    const { connect } = await start({ clock, log });
    for (let i = 0; i < 3; i += 1) {
      const client = await connect();
      client.send("nonsense");
      await client.closed;
    }

    await clock.advance(60_000);

    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: "warn", time: "2023-11-14T22:13:50.000Z", event: "refused", counts: { malformed: 3 } },
    ]);
  });
});

describe("TURN credentials", () => {
  it("are made as coturn checks them", () => {
    const { issue } = createIceServers(
      turn,
      () => 1_700_000_000_999,
      () => "someone",
    );

    const [server] = issue();

    expect(server).toEqual({
      urls: turn.urls,
      username: "1700003600:someone",
      credential: createHmac("sha1", turn.secret).update("1700003600:someone").digest("base64"),
    });
  });

  it("come with joined, different for everyone, and not at all when there is no TURN server", async () => {
    const [with_, without] = [await start({ turn }), await start()];
    const frames = [await with_.join(room, alice), await with_.join(room, bob), await without.join(room, alice)].map(
      (client) => client.frames[0],
    );

    const users = frames.map((frame) => frame?.["iceServers"]?.[0]?.username);
    expect(users[0]).toMatch(/^\d+:[A-Za-z0-9_-]{12}$/);
    expect(new Set(users).size).toBe(3);
    expect(frames[2]).toEqual({ type: "joined", members: [] });
  });

  it("are renewed when half of their time is over", async () => {
    const clock = createFakeClock();
    const { join } = await start({ clock, turn });
    const atAlice = await join(room, alice);
    /** An answer proves that the pongs before it have arrived. */
    const echo = async () => {
      atAlice.send({ type: "send", to: alice, payload: "AA" });
      await atAlice.next("message");
    };

    for (let i = 0; i < 59; i += 1) {
      await clock.advance(30_000);
      await echo();
    }
    expect(atAlice.frames.some(({ type }) => type === "ice-servers")).toBe(false);
    await clock.advance(30_000);

    const { iceServers } = await atAlice.next("ice-servers");
    expect(Number.parseInt(iceServers[0].username, 10)).toBe(1_700_000_000 + 1_800 + 3_600);
  });

  it("are renewed when a member asks, and only where there are any", async () => {
    const clock = createFakeClock();
    const [with_, without] = [await start({ clock, turn }), await start({ clock })];
    const [atAlice, atBob] = [await with_.join(room, alice), await without.join(room, bob)];
    await clock.advance(5_000);

    atAlice.send({ type: "ice-servers" });
    atBob.send({ type: "ice-servers" });

    const { iceServers } = await atAlice.next("ice-servers");
    expect(Number.parseInt(iceServers[0].username, 10)).toBe(1_700_000_000 + 5 + 3_600);
    expect(await atBob.next("error")).toMatchObject({ code: "malformed" });
  });
});
