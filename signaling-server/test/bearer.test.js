// @ts-check
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createAuthorizer, createSecretCheck, readBearer } from "../src/bearer.js";
import { createLog, createSilentLog } from "../src/log.js";
import { id, joinFrame, startServer } from "./support.js";

const [room, alice] = [id(1), id(10)];
const secret = "s3cret-s3cret-s3cret";
/** @param {string} text */
const protocolsFor = (text) => ["ledger.v1", `bearer.${Buffer.from(text).toString("base64url")}`];

/** @type {(() => Promise<void>)[]} */
const releases = [];

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/** @param {import("../src/bearer.js").Authorize[]} authChecks */
const start = async (...authChecks) => {
  const started = await startServer({ authChecks });
  releases.push(started.release);
  return started;
};

describe("readBearer", () => {
  it.each([
    [undefined, undefined],
    ["ledger.v1", undefined],
    ["ledger.v1, bearer.czNjcmV0", "s3cret"],
    ["bearer.w7w,ledger.v1", "ü"],
    ["ledger.v1, bearer.", undefined],
    ["ledger.v1, bearer.cz=", undefined],
    ["ledger.v1, bearer.__8", undefined],
  ])("reads %j as %j", (header, bearer) => {
    expect(readBearer(header)).toBe(bearer);
  });
});

describe("createSecretCheck", () => {
  it("accepts each of the secrets and nothing else", async () => {
    const check = createSecretCheck([secret, "another-secret-16"]);
    const answers = [secret, "another-secret-16", `${secret}x`, "", undefined].map((bearer) =>
      check({ bearer, origin: undefined }),
    );

    expect(answers).toEqual([true, true, false, false, false]);
  });
});

describe("createAuthorizer", () => {
  const credentials = { bearer: secret, origin: undefined };

  it("lets in who passes one check", async () => {
    const ask = (/** @type {import("../src/bearer.js").Authorize[]} */ ...checks) =>
      createAuthorizer({ checks, timeoutMs: 5_000, clock: createFakeClock(), log: createSilentLog() })(credentials);

    expect(await ask()).toBe(true);
    expect(
      await ask(
        () => false,
        async () => true,
      ),
    ).toBe(true);
    expect(await ask(() => false)).toBe(false);
    // @ts-expect-error: hooks are written by others
    expect(await ask(() => "yes")).toBe(false);
  });

  it("refuses when the hook throws or takes too long, and the log says so without the token", async () => {
    /** @type {string[]} */
    const lines = [];
    const clock = createFakeClock();
    const log = createLog({ writeLine: (line) => lines.push(line), nowMs: clock.nowMs });
    const ask = (/** @type {import("../src/bearer.js").Authorize} */ check) =>
      createAuthorizer({ checks: [check], timeoutMs: 5_000, clock, log })(credentials);

    const thrown = ask(({ bearer }) => {
      throw new TypeError(bearer);
    });
    const endless = ask(() => new Promise(() => {}));
    await clock.advance(5_000);

    expect(await Promise.all([thrown, endless])).toEqual([false, false]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "error", event: "auth-hook-failed", name: "TypeError" },
      { level: "error", event: "auth-hook-timeout" },
    ]);
    expect(lines.join()).not.toContain(secret);
  });
});

describe("a server with secrets", () => {
  it("lets in who offers one, and repeats only its own protocol", async () => {
    const { port } = await start(createSecretCheck([secret]));
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, protocolsFor(secret));
    releases.unshift(async () => socket.terminate());
    await once(socket, "open");

    socket.send(JSON.stringify(joinFrame(room, alice)));

    expect(socket.protocol).toBe("ledger.v1");
    expect(String((await once(socket, "message"))[0])).toContain('"joined"');
  });

  it.each([
    ["none", []],
    ["a wrong one", protocolsFor("wrong-wrong-wrong")],
  ])("tells who offers %s and closes with 4401", async (_, protocols) => {
    const { port } = await start(createSecretCheck([secret]));
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, protocols);
    const frame = once(socket, "message");

    const [code] = await once(socket, "close");

    expect(String((await frame)[0])).toBe('{"type":"error","code":"unauthorized"}');
    expect(code).toBe(4401);
  });

  it("counts those whom the hook still thinks about", async () => {
    /** @type {((allowed: boolean) => void)[]} */
    const decide = [];
    const started = await startServer({
      limits: { maxSockets: 1 },
      authChecks: [() => new Promise((resolve) => decide.push(resolve))],
    });
    releases.push(started.release);
    const waiting = started.connect();
    await expect.poll(() => decide.length).toBe(1);

    expect(await started.refusedStatus()).toBe(503);
    decide[0]?.(true);
    await waiting;
  });
});
