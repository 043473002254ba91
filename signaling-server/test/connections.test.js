// @ts-check
/** Limits on what is not a session yet, and the one on missed pings. */

import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { id, startServer, upgradeRequest } from "./support.js";

/** @type {(() => Promise<void>)[]} */
const releases = [];

afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/** @param {import("../src/server.js").SignalingServerOptions["limits"]} limits @param {import("../src/server.js").ServerClock} [clock] */
const start = async (limits, clock) => {
  const started = await startServer({ ...(limits && { limits }), ...(clock && { clock }) });
  releases.push(started.release);
  return started;
};

describe("a connection", () => {
  it("whose headers do not come in time is answered with 408 and closed", async () => {
    const { dial, port } = await start({ headersTimeoutMs: 200 });
    const socket = await dial();
    const answer = once(socket, "data");

    socket.write(upgradeRequest(port).slice(0, 40));

    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 408 /);
    await once(socket, "close");
  });

  it("beyond the spare ones is dropped", async () => {
    const { dial, port } = await start({ maxSockets: 1, spareConnections: 1 });
    const kept = [await dial(), await dial()];
    const dropped = await dial();

    await once(dropped, "close");

    for (const socket of kept) {
      const answer = once(socket, "data");
      socket.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 200 /);
    }
  });
});

describe("compression", () => {
  it("is not agreed on, whatever the client offers", async () => {
    const { connect } = await start({});

    const client = await connect({ perMessageDeflate: true });

    expect(client.socket.extensions).toBe("");
  });
});

describe("a frame", () => {
  it("in more fragments than allowed closes its socket", async () => {
    const { connect } = await start({ maxFragments: 2 });
    const [two, three] = [await connect(), await connect()];

    two.socket.send("no", { fin: false });
    two.socket.send("nsense", { fin: true });
    for (let i = 0; i < 3; i += 1) three.socket.send("n", { fin: false });

    expect(await two.closed).toMatchObject({ code: 4400 });
    expect(await three.closed).toMatchObject({ code: 1008 });
  });
});

describe("missed pings", () => {
  it("are counted up to the limit", async () => {
    const clock = createFakeClock();
    const { join } = await start({ maxMissedPings: 1 }, clock);
    const dead = await join(id(1), id(10), { autoPong: false });

    await clock.advance(30_000);
    expect(dead.socket.readyState).toBe(dead.socket.OPEN);
    await clock.advance(30_000);

    expect(await dead.closed).toMatchObject({ code: 1006 });
  });
});
