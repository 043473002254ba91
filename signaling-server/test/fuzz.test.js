// @ts-check
/**
 * Frames of random and mutated bytes, and bytes that are no frames at all, from many sockets, against the server as a
 * process; then an honest pair, and a look at its memory. LEDGER_FUZZ_FRAMES=100000 for the long run.
 */

import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createSeededRandom } from "../../test/support/seeded-random.ts";
import { parseFrame } from "../src/protocol.js";
import { runServer } from "./process.js";
import { id, joinFrame } from "./support.js";

const frameCount = Number(process.env["LEDGER_FUZZ_FRAMES"] ?? 20_000);
const framesPerSocket = 20;
const socketsAtOnce = 50;
/** Of resident memory after the flood to that before it. Pages that the allocator keeps for later count as used. */
const memoryTolerance = 1.5;

const [room, alice, bob] = [id(1), id(10), id(11)];
const random = createSeededRandom(20_260_101);
/** @param {number} limit */
const below = (limit) => Math.floor(random.unit() * limit);

/** @type {Awaited<ReturnType<typeof runServer>>} */
let server;

beforeAll(async () => {
  const plenty = "1000000000";
  server = await runServer({
    MAX_SOCKETS_PER_ADDRESS: "1000",
    CONNECTS_PER_SECOND: plenty,
    CONNECT_BURST: plenty,
    MESSAGES_PER_SECOND: plenty,
    MESSAGE_BURST: plenty,
    BYTES_PER_SECOND: plenty,
    BYTE_BURST: plenty,
    RELAY: "1",
  });
});

afterAll(() => server?.kill());

const honestFrames = () => [
  JSON.stringify(joinFrame(id(below(4)), id(100 + below(50)))),
  JSON.stringify({
    type: below(2) === 0 ? "send" : "relay",
    to: id(100 + below(50)),
    payload: Buffer.from(random.bytes(1 + below(300))).toString("base64url"),
  }),
];

/** @param {string} text */
const mutate = (text) => {
  const bytes = Buffer.from(text);
  for (let i = 0; i <= below(3); i += 1) {
    const position = below(bytes.length);
    const kind = below(4);
    if (kind === 0) bytes[position] = below(256);
    if (kind === 1) bytes.copyWithin(position, below(bytes.length));
    if (kind === 2) return bytes.subarray(0, position);
    if (kind === 3)
      return Buffer.concat([bytes.subarray(0, position), random.bytes(below(8)), bytes.subarray(position)]);
  }
  return bytes;
};

/** @param {number} [wildness] share of frames that are not honest; an honest one is a send */
const anyFrame = (wildness = 0.8) => {
  const [join = "", send = ""] = honestFrames();
  if (random.unit() >= wildness) return Buffer.from(send);
  if (below(4) === 0) return Buffer.from(random.bytes(below(64)));
  return mutate(below(2) === 0 ? join : send);
};

const expectHonestService = async () => {
  const atAlice = await server.join(room, alice);
  const atBob = await server.join(room, bob);
  atAlice.send({ type: "send", to: bob, payload: "c2VhbGVk" });
  expect(await atBob.next("message")).toEqual({ type: "message", from: alice, payload: "c2VhbGVk" });
  atAlice.socket.close();
  atBob.socket.close();
  await Promise.all([atAlice.closed, atBob.closed]);
  await expect.poll(() => metric("sockets")).toBe(0);
  expect(await metric("rooms")).toBe(0);
};

/** @param {string} name */
const metric = async (name) => {
  const text = await (await fetch(`${server.url.replace("ws:", "http:")}/metrics`)).text();
  return Number(new RegExp(`^ledger_signaling_${name} (\\d+)$`, "m").exec(text)?.[1]);
};

/** @param {() => Promise<void>} attack @param {number} times */
const repeat = async (attack, times) => {
  for (let done = 0; done < times; done += socketsAtOnce) {
    await Promise.all(Array.from({ length: Math.min(socketsAtOnce, times - done) }, attack));
  }
};

const attackWithFrames = async () => {
  const socket = new WebSocket(server.url);
  socket.on("error", () => {});
  await once(socket, "open");
  const closed = once(socket, "close");
  // The server ends a session at its first malformed frame and drops the rest unread: tame sockets get further.
  const wildness = [1, 0.5, 0.05, 0.01][below(4)];
  if (below(4) > 0) socket.send(JSON.stringify(joinFrame(id(below(4)), id(below(1e9)))));
  for (let i = 0; i < framesPerSocket; i += 1) socket.send(anyFrame(wildness), { binary: below(200) === 0 });
  if (below(2) === 0) socket.terminate();
  else socket.close();
  await closed;
};

const upgrade = Buffer.from(
  "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
);

const attackWithBytes = async () => {
  const socket = connectTcp(Number(new URL(server.url).port), "127.0.0.1");
  // Resets are part of what is tested.
  socket.on("error", () => {});
  await once(socket, "connect");
  const closed = once(socket, "close");
  socket.resume();
  const kind = below(4);
  if (kind === 0) socket.write(random.bytes(1 + below(500)));
  if (kind === 1) socket.write(mutate(upgrade.toString("latin1")));
  if (kind === 2) socket.write(Buffer.concat([upgrade, random.bytes(1 + below(500))]));
  if (kind === 3) socket.write(`GET ${"/".repeat(below(30_000))} HTTP/1.1\r\n`);
  if (below(2) === 0) socket.resetAndDestroy();
  else socket.end();
  await closed;
};

describe("the parser", () => {
  it("answers 20,000 mutated frames with a result each", () => {
    let accepted = 0;
    for (let i = 0; i < 20_000; i += 1) if (parseFrame(anyFrame().toString("utf8")).ok) accepted += 1;

    // Some mutations are honest again; both ways were taken.
    expect(accepted).toBeGreaterThan(1_000);
    expect(accepted).toBeLessThan(19_000);
  });
});

describe("the server", () => {
  const sockets = Math.ceil(frameCount / framesPerSocket);

  it(`survives ${frameCount} frames from ${sockets} sockets, and is no larger for it`, async () => {
    // The first connections load code and grow the heap to its working size.
    await repeat(attackWithFrames, socketsAtOnce);
    await expectHonestService();
    const before = residentMiB();

    await repeat(attackWithFrames, sockets);
    await expectHonestService();

    const limit = before * memoryTolerance;
    await expect.poll(residentMiB, { timeout: 10_000, interval: 200 }).toBeLessThan(limit);
    const read = await metric("frames_received_total");
    console.log(`${frameCount} frames, ${read} read; resident ${before} MiB before, ${residentMiB()} MiB after`);
  }, 600_000);

  it("survives bytes that are no WebSocket frames, and no HTTP", async () => {
    await repeat(attackWithBytes, 500);

    await expectHonestService();
  });
});

/** Linux tells; elsewhere there is nothing to compare. */
const residentMiB = () => {
  if (process.platform !== "linux") return 1;
  const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kiB) / 1024);
};
