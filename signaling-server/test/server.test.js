// @ts-check
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { id, joinFrame, startServer, upgradeRequest } from "./support.js";

const [room, otherRoom, alice, bob, carol] = [id(1), id(2), id(10), id(11), id(12)];

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

describe("a room", () => {
  it("introduces members and carries payloads verbatim", async () => {
    const { join } = await start();
    const atAlice = await join(room, alice);
    const atBob = await join(room, bob);

    expect(atAlice.frames[0]).toEqual({ type: "joined", members: [] });
    expect(atBob.frames).toEqual([{ type: "joined", members: [alice] }]);
    expect(await atAlice.next("member-joined")).toEqual({ type: "member-joined", member: bob });

    atAlice.send({ type: "send", to: bob, payload: "c2VhbGVk" });
    expect(await atBob.next("message")).toEqual({ type: "message", from: alice, payload: "c2VhbGVk" });

    atBob.socket.terminate();
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });
  });

  it("is kept apart from others and forgotten when empty", async () => {
    const { server, join } = await start();
    const atAlice = await join(room, alice);
    const atBob = await join(otherRoom, bob);
    expect(server.roomCount).toBe(2);

    atAlice.send({ type: "send", to: bob, payload: "AA" });
    atAlice.send({ type: "send", to: carol, payload: "AA" });
    atAlice.send({ type: "send", to: alice, payload: "Ag" });
    await atAlice.next("message");
    atAlice.socket.close();
    atBob.socket.close();
    await Promise.all([atAlice.closed, atBob.closed]);

    expect(atBob.frames).toHaveLength(1);
    await expect.poll(() => server.roomCount).toBe(0);
  });

  it("refuses a member id that is taken, and leaves its owner alone", async () => {
    const { connect, join } = await start();
    const atAlice = await join(room, alice);
    const impostor = await connect();

    impostor.send(joinFrame(room, alice));

    expect(await impostor.next("error")).toEqual({ type: "error", code: "member-taken" });
    expect(await impostor.closed).toEqual({ code: 4409, reason: "member-taken" });
    const atBob = await join(room, bob);
    expect(atBob.frames[0]).toEqual({ type: "joined", members: [alice] });
    expect(atAlice.frames.filter(({ type }) => type === "member-left")).toEqual([]);
  });

  it("refuses the member that is one too many, and takes it when there is room", async () => {
    const { connect, join } = await start({ limits: { maxRoomMembers: 2 } });
    const atAlice = await join(room, alice);
    const atBob = await join(room, bob);
    const atCarol = await connect();

    atCarol.send(joinFrame(room, carol));

    expect(await atCarol.closed).toEqual({ code: 4428, reason: "room-full" });
    atBob.socket.terminate();
    await atAlice.next("member-left");
    await join(room, carol);
  });
});

describe("a client", () => {
  it.each([
    ["that does not join first", { type: "send", to: alice, payload: "AA" }, 4400, "malformed"],
    ["that sends no JSON", "{", 4400, "malformed"],
    ["that nests deeply", "[".repeat(16_000), 4400, "malformed"],
    ["of another version", { type: "join", version: 2 }, 4426, "version-unsupported"],
  ])("%s is told and closed", async (_, frame, code, name) => {
    const { connect } = await start();
    const client = await connect();

    client.send(frame);

    expect(await client.next("error")).toEqual({ type: "error", code: name });
    expect(await client.closed).toEqual({ code, reason: name });
  });

  it("that joins twice is out of its room at once", async () => {
    const { join } = await start();
    const atAlice = await join(room, alice);
    const atBob = await join(room, bob);

    atBob.send(joinFrame(otherRoom, bob));

    expect(await atBob.closed).toMatchObject({ code: 4400 });
    expect(await atAlice.next("member-left")).toEqual({ type: "member-left", member: bob });
  });

  it("that sends binary is closed, as is one whose text is not UTF-8", async () => {
    const { connect, dial, port } = await start();
    const binary = await connect();
    binary.socket.send(new Uint8Array([1, 2, 3]));
    expect(await binary.closed).toMatchObject({ code: 4400 });

    const raw = await dial();
    raw.write(upgradeRequest(port));
    await once(raw, "data");
    const answer = once(raw, "data");
    // FIN + text, masked with zeros, the one byte 0xff.
    raw.write(new Uint8Array([0x81, 0x81, 0, 0, 0, 0, 0xff]));
    const [close] = /** @type {[Buffer]} */ (await answer);
    expect(close.readUInt16BE(2)).toBe(1007);
  });

  it("whose frame is larger than 16 KiB is closed with 1009, also in fragments", async () => {
    const { connect } = await start();
    const [whole, fragments, tiny] = await Promise.all([connect(), connect(), connect()]);

    whole.send(" ".repeat(16 * 1024 + 1));
    for (let i = 0; i < 5; i += 1) fragments.socket.send(" ".repeat(4 * 1024), { fin: false });
    for (let i = 0; i < 100; i += 1) tiny.socket.send("", { fin: false });

    expect(await whole.closed).toMatchObject({ code: 1009 });
    expect(await fragments.closed).toMatchObject({ code: 1009 });
    expect((await tiny.closed).code).toBe(1008);
  });

  it("that does not join within 5 s is closed, and not before", async () => {
    const clock = createFakeClock();
    const { connect } = await start({ clock });
    const client = await connect();

    await clock.advance(4_999);
    expect(client.frames).toEqual([]);
    await clock.advance(1);

    expect(await client.closed).toEqual({ code: 4408, reason: "join-timeout" });
  });

  it("that joined in time stays", async () => {
    const clock = createFakeClock();
    const { join } = await start({ clock });
    const atAlice = await join(room, alice);

    await clock.advance(6_000);
    atAlice.send({ type: "send", to: alice, payload: "AA" });

    await atAlice.next("message");
  });
});

describe("over HTTP", () => {
  it("answers health checks, and hints at WebSockets", async () => {
    const { port } = await start();
    const at = `http://127.0.0.1:${port}`;

    const health = await fetch(`${at}/healthz`);

    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ status: "ok" });
    expect((await fetch(`${at}/`)).status).toBe(426);
    expect((await fetch(`${at}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${at}/`, { method: "POST", body: "x".repeat(100_000) })).status).toBe(426);
  });

  it("refuses an upgrade elsewhere", async () => {
    const { port, dial } = await start();
    const raw = await dial();
    const answer = once(raw, "data");

    raw.write(upgradeRequest(port, "/elsewhere"));

    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 404 /);
  });

  it("refuses an upgrade that is not WebSocket 13", async () => {
    const { port, dial } = await start();
    const raw = await dial();
    const answer = once(raw, "data");

    raw.write(upgradeRequest(port).replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 7"));

    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 4\d\d /);
    await once(raw, "close");
  });
});
