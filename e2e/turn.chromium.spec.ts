/**
 * Two browsers that may use nothing but the relay, with the TURN credentials that the signaling server handed out, over
 * a real coturn: as plain RTCPeerConnections, and as Ledgers on pages that are made to. And what a Ledger says when its
 * credentials are refused.
 */

import type { Browser, BrowserContext } from "@playwright/test";
import { startCoturn } from "../signaling-server/test/coturn.js";
import { installTimeoutMs } from "../signaling-server/test/daemons.js";
import { runServer } from "../signaling-server/test/process.js";
import { id } from "../signaling-server/test/support.js";
import { createIceServers } from "../signaling-server/src/ice-servers.js";
import { expect, expectEvent, expectPeers, test, type Replica } from "./support/test.ts";

const [room, alice, bob] = [id(1), id(10), id(11)] as const;

let coturn: Awaited<ReturnType<typeof startCoturn>>;
let server: Awaited<ReturnType<typeof runServer>>;

test.beforeAll(async () => {
  test.setTimeout(installTimeoutMs);
  coturn = await startCoturn();
  server = await runServer({
    TURN_SECRET: coturn.secret,
    TURN_URLS: turnUrl(),
  });
});

test.afterAll(async () => {
  await server?.kill();
  await coturn?.stop();
});

interface Member {
  readonly url: string;
  readonly room: string;
  readonly self: string;
}

/** Runs in the page: joins, links with the other member through the relay, says hello and resolves with what it heard. */
const linkThroughRelay = async ({
  url,
  room: roomId,
  self,
}: Member): Promise<readonly [greeting: string, kindsOfAddresses: string]> => {
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send(JSON.stringify({ type: "join", version: 1, room: roomId, member: self }));
  const { connection, other } = await new Promise<{ connection: RTCPeerConnection; other: string | undefined }>(
    (resolve) => {
      socket.onmessage = ({ data }) => {
        const { members, iceServers } = JSON.parse(data as string) as { members: string[]; iceServers: RTCIceServer[] };
        const relayOnly = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
        resolve({ connection: relayOnly, other: members[0] });
      };
    },
  );

  const gathered = (): Promise<void> =>
    new Promise((resolve) => {
      if (connection.iceGatheringState === "complete") return resolve();
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
    });
  const describe = async (to: string): Promise<void> => {
    await connection.setLocalDescription();
    await gathered();
    const payload = btoa(JSON.stringify(connection.localDescription))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
    socket.send(JSON.stringify({ type: "send", to, payload }));
  };

  const channel = connection.createDataChannel("test", { negotiated: true, id: 1 });
  const heard = new Promise<string>((resolve) => {
    channel.onmessage = ({ data }) => resolve(data as string);
  });
  channel.onopen = () => channel.send(`hello from ${self}`);
  socket.onmessage = async ({ data }) => {
    const frame = JSON.parse(data as string) as { type: string; from: string; payload: string };
    if (frame.type !== "message") return;
    const text = atob(frame.payload.replaceAll("-", "+").replaceAll("_", "/"));
    await connection.setRemoteDescription(JSON.parse(text) as RTCSessionDescriptionInit);
    if (other === undefined) await describe(frame.from);
  };
  if (other !== undefined) await describe(other);

  const greeting = await heard;
  // Not of the pair in use: the greeting may be heard before the statistics say which one that is.
  const stats = [...(await connection.getStats()).values()] as { type: string; candidateType?: string }[];
  const own = stats.filter(({ type }) => type === "local-candidate").map(({ candidateType }) => candidateType);
  return [greeting, [...new Set(own)].join(", ")];
};

/** Runs in the page: asks for relayed addresses and resolves with how many there were, and with the errors' codes. */
const gatherRelayed = async (iceServers: RTCIceServer[]): Promise<{ candidates: number; codes: readonly number[] }> => {
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
  const codes = new Set<number>();
  let candidates = 0;
  connection.onicecandidateerror = ({ errorCode }) => codes.add(errorCode);
  const gathered = new Promise<void>((resolve) => {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) return resolve();
      if (candidate.candidate !== "") candidates += 1;
    };
  });
  connection.createDataChannel("test");
  await connection.setLocalDescription();
  await gathered;
  connection.close();
  return { candidates, codes: [...codes] };
};

test("links two browsers that may only use the relay", async ({ browser }) => {
  const [atAlice, atBob] = await Promise.all([browser.newPage(), browser.newPage()]);
  const { url } = server;

  const heard = await Promise.all([
    atAlice.evaluate(linkThroughRelay, { url, room, self: alice }),
    atBob.evaluate(linkThroughRelay, { url, room, self: bob }),
  ]);

  expect(heard).toEqual([
    [`hello from ${bob}`, "relay"],
    [`hello from ${alice}`, "relay"],
  ]);
  await Promise.all([atAlice.close(), atBob.close()]);
});

const turnUrl = (): string => `turn:127.0.0.1:${coturn.port}?transport=udp`;

/** Credentials as the signaling server made them some seconds ago, good for a minute. */
const issuedAgo = (seconds: number): RTCIceServer[] =>
  createIceServers({ secret: coturn.secret, urls: [turnUrl()], ttlSeconds: 60 }, () => Date.now() - seconds * 1_000)
    .issue()
    .map((entry) => ({ ...entry, urls: [...entry.urls] }));

/** A machine that has no way to others but by TURN. */
const newRelayOnlyContext = async (browser: Browser, baseURL: string | undefined): Promise<BrowserContext> => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  await context.addInitScript(() => {
    class RelayOnly extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: "relay" });
      }
    }
    window.RTCPeerConnection = RelayOnly;
  });
  return context;
};

test("links by what the server hands out, and tells the app once when it is given expired credentials", async ({
  newReplica,
  browser,
  baseURL,
}) => {
  const context = await newRelayOnlyContext(browser, baseURL);
  const open = (dbName: string, iceServers?: RTCIceServer[]): Promise<Replica> =>
    newReplica({ context, dbName, signalingUrl: server.url, ...(iceServers && { iceServers }) });
  const [alice, bob, carol] = [await open("alice"), await open("bob"), await open("carol", issuedAgo(61))];
  for (const replica of [alice, bob, carol]) await replica.call("connect");

  const { args } = await expectEvent(carol, "error");

  expect(args[0]).toMatchObject({ code: "LEDGER_TURN_REFUSED", message: expect.stringContaining("401") as unknown });
  await expectPeers(alice, bob);
  expect(await carol.peers()).toEqual([]);
  for (const [replica, errors] of [
    [alice, 0],
    [bob, 0],
    [carol, 1],
  ] as const) {
    expect(await replica.events("error")).toHaveLength(errors);
  }
  await context.close();
});

test("asks for others when those handed out are refused", async ({ newReplica, browser, baseURL }) => {
  const misled = await runServer({ TURN_SECRET: "a secret that coturn does not know", TURN_URLS: turnUrl() });
  const context = await newRelayOnlyContext(browser, baseURL);
  const alice = await newReplica({ context, dbName: "alice", signalingUrl: misled.url });
  const bob = await newReplica({ context, dbName: "bob", signalingUrl: misled.url });
  const asked = alice.page
    .waitForEvent("websocket", (socket) => socket.url().startsWith(misled.url))
    .then((socket) => socket.waitForEvent("framesent", ({ payload }) => payload === '{"type":"ice-servers"}'));
  await alice.call("connect");
  await bob.call("connect");

  await asked;

  expect((await expectEvent(alice, "error")).args[0]).toMatchObject({ code: "LEDGER_TURN_REFUSED" });
  await context.close();
  await misled.kill();
});

test("refuses credentials that have expired, and the page can tell", async ({ page }) => {
  const good = await page.evaluate(gatherRelayed, issuedAgo(0));
  const expired = await page.evaluate(gatherRelayed, issuedAgo(61));

  expect(good.candidates).toBeGreaterThan(0);
  expect(expired).toEqual({ candidates: 0, codes: [401] });
});
