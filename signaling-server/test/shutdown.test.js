// @ts-check
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createSignalingServer } from "../src/server.js";
import { id, startServer, upgradeRequest } from "./support.js";

const [room, alice, bob] = [id(1), id(10), id(11)];

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

describe("shutdown", () => {
  it("says 1001 to everyone and resolves once they are gone", async () => {
    const { server, join } = await start();
    const clients = await Promise.all([join(room, alice), join(room, bob)]);

    await server.close();

    for (const client of clients) expect(await client.closed).toMatchObject({ code: 1001 });
    expect(clients.flatMap(({ frames }) => frames.filter(({ type }) => type === "error"))).toEqual([]);
  });

  it("does not wait longer than a second for those who do not answer", async () => {
    const clock = createFakeClock();
    const { server, port, dial } = await start({ clock });
    const [half, idle] = [await dial(), await dial()];
    half.write(upgradeRequest(port));
    await once(half, "data");
    const ended = Promise.all([once(half, "close"), once(idle, "close")]);

    const closing = server.close();
    await clock.advance(1_000);

    await closing;
    await ended;
    expect(server.socketCount).toBe(0);
  });

  it("is the same promise twice, and harmless before listening", async () => {
    const server = createSignalingServer();

    expect(server.close()).toBe(server.close());
    await server.close();
    expect(server.port).toBe(0);
  });

  it("reports a port that is taken", async () => {
    const { port } = await start();
    const second = createSignalingServer();

    await expect(second.listen({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
