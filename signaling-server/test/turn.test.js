// @ts-check
/** The credentials handed out, at a real coturn. e2e/turn.chromium.spec.ts has browsers use them. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCoturn } from "./coturn.js";
import { installTimeoutMs } from "./daemons.js";
import { createIceServers } from "../src/ice-servers.js";
import { allocate } from "./stun.js";
import { id, startServer } from "./support.js";

/** @type {Awaited<ReturnType<typeof startCoturn>>} */
let coturn;

beforeAll(async () => {
  coturn = await startCoturn();
}, installTimeoutMs);

afterAll(() => coturn?.stop());

const turn = () => ({ secret: coturn.secret, urls: [`turn:127.0.0.1:${coturn.port}?transport=udp`], ttlSeconds: 60 });

/** @param {readonly import("../src/server.js").IceServer[]} servers */
const first = ([server]) => server ?? { username: "", credential: "" };

describe("coturn", () => {
  it("gives a relayed address for credentials that came with joined", async () => {
    const { join, release } = await startServer({ turn: turn() });
    const { frames } = await join(id(1), id(10));
    await release();

    const answer = await allocate(coturn.port, first(frames[0]?.["iceServers"]));

    expect(answer).toEqual({ relayPort: expect.any(Number) });
  });

  it("refuses them once they have expired", async () => {
    const agesAgoMs = Date.now() - 61_000;

    const expired = first(createIceServers(turn(), () => agesAgoMs).issue());

    expect(await allocate(coturn.port, expired)).toEqual({ errorCode: 401 });
  });

  it("refuses those made with another secret, and a time of expiry that was put off", async () => {
    const forged = first(createIceServers({ ...turn(), secret: "guessed" }, Date.now).issue());
    const good = first(createIceServers(turn(), Date.now).issue());
    const putOff = { ...good, username: good.username.replace(/^\d+/, (seconds) => String(Number(seconds) + 1)) };

    expect(await allocate(coturn.port, forged)).toEqual({ errorCode: 401 });
    expect(await allocate(coturn.port, putOff)).toEqual({ errorCode: 401 });
  });
});
