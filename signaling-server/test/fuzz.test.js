// @ts-check
/** Twenty thousand frames of random and mutated bytes, and bytes that are no frames at all; then an honest pair. */

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSeededRandom } from "../../test/support/seeded-random.ts";
import { parseFrame } from "../src/protocol.js";
import { id, joinFrame, noRateLimits, startServer } from "./support.js";

const [room, alice, bob] = [id(1), id(10), id(11)];
const random = createSeededRandom(20_260_101);
/** @param {number} limit */
const below = (limit) => Math.floor(random.unit() * limit);

/** @type {Awaited<ReturnType<typeof startServer>>} */
let started;

beforeAll(async () => {
  started = await startServer({ limits: { ...noRateLimits, maxSocketsPerAddress: 1_000 } });
});

afterAll(() => started.release());

const honestFrames = () => [
  JSON.stringify(joinFrame(id(below(4)), id(100 + below(50)))),
  JSON.stringify({
    type: "send",
    to: id(100 + below(50)),
    payload: Buffer.from(random.bytes(below(300))).toString("base64url"),
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

const anyFrame = () => {
  const frames = honestFrames();
  const honest = frames[below(2)] ?? "";
  switch (below(5)) {
    case 0:
      return Buffer.from(random.bytes(below(64)));
    case 1:
      return Buffer.from(honest);
    default:
      return mutate(honest);
  }
};

const expectHonestService = async () => {
  const atAlice = await started.join(room, alice);
  const atBob = await started.join(room, bob);
  atAlice.send({ type: "send", to: bob, payload: "c2VhbGVk" });
  expect(await atBob.next("message")).toEqual({ type: "message", from: alice, payload: "c2VhbGVk" });
  atAlice.socket.close();
  atBob.socket.close();
  await Promise.all([atAlice.closed, atBob.closed]);
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
  it("survives 20,000 frames from 500 sockets", async () => {
    /** @returns {Promise<void>} */
    const attack = async () => {
      const client = await started.connect();
      // Half of them are let in first, so that frames reach the room as well.
      if (below(2) === 0) client.send(joinFrame(id(below(4)), id(below(1e9))));
      for (let i = 0; i < 40; i += 1) client.socket.send(anyFrame(), { binary: below(20) === 0 });
      if (below(2) === 0) client.socket.terminate();
      else client.socket.close();
      await client.closed;
    };

    for (let wave = 0; wave < 20; wave += 1) await Promise.all(Array.from({ length: 25 }, attack));

    await expectHonestService();
    await expect.poll(() => started.server.socketCount).toBe(0);
    expect(started.server.roomCount).toBe(0);
  });

  it("survives bytes that are no WebSocket frames, and no HTTP", async () => {
    const upgrade = Buffer.from(
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const attack = async () => {
      const socket = await started.dial();
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

    for (let wave = 0; wave < 20; wave += 1) await Promise.all(Array.from({ length: 25 }, attack));

    await expectHonestService();
    await expect.poll(() => started.server.socketCount).toBe(0);
  });
});
