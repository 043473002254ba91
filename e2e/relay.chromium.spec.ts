/**
 * Two browsers whose RTCPeerConnections find no path exchange rows through the signaling server, which sees none of them;
 * then a path appears, and the link moves to it. In Chromium, because Playwright does not see the frames of Firefox's
 * WebSockets.
 */

import type { Browser, BrowserContext, Page } from "@playwright/test";
import { runServer } from "../signaling-server/test/process.js";
import { expect, expectRows, notesTable, test } from "./support/test.ts";

declare global {
  // Read by each RTCPeerConnection that is made.
  var isDirectBlocked: boolean;
}

/** A context whose connections may use TURN only, of which there is none, until `isDirectBlocked` is false. */
const newContext = async (browser: Browser, baseURL: string | undefined): Promise<BrowserContext> => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  await context.addInitScript(() => {
    globalThis.isDirectBlocked = true;
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(globalThis.isDirectBlocked ? { ...configuration, iceTransportPolicy: "relay" } : configuration);
      }
    };
  });
  return context;
};

/** Everything that `page` and the server say to each other, and what payloads in it decode to. */
const listenIn = (page: Page): { text(): string } => {
  const frames: string[] = [];
  page.on("websocket", (socket) => {
    const keep = ({ payload }: { payload: string | Buffer }): void => void frames.push(String(payload));
    socket.on("framesent", keep);
    socket.on("framereceived", keep);
  });
  return {
    text: () =>
      frames
        .flatMap((frame) => {
          const payload = /"payload":"([\w-]+)"/.exec(frame)?.[1];
          return payload === undefined ? [frame] : [frame, Buffer.from(payload, "base64url").toString("latin1")];
        })
        .join("\n"),
  };
};

test("exchanges rows through a server that sees none, then moves to a direct route", async ({
  browser,
  baseURL,
  newReplica,
}) => {
  const server = await runServer({ RELAY: "1" });
  const contexts = [await newContext(browser, baseURL), await newContext(browser, baseURL)];
  const options = { signalingUrl: server.url, iceServers: [], relayAfterMs: 200, linkTimeoutMs: 1_000, ready: false };
  const [alice, bob] = await Promise.all([
    newReplica({ ...options, context: contexts[0] as BrowserContext }),
    newReplica({ ...options, context: contexts[1] as BrowserContext }),
  ]);
  const heard = [listenIn(alice.page), listenIn(bob.page)];
  const routes = async (): Promise<readonly unknown[]> =>
    (await Promise.all([alice.status(), bob.status()])).flatMap(({ peers }) => peers.map(({ route }) => route));
  for (const replica of [alice, bob]) {
    await replica.call("init");
    await replica.exec(notesTable);
    await replica.call("enableSync", "notes");
    await replica.call("connect");
  }

  await expect.poll(routes).toEqual(["relay", "relay"]);
  await alice.exec("INSERT INTO notes VALUES ('a', 'written by Alice', '')");
  await bob.exec("INSERT INTO notes VALUES ('b', 'written by Bob', '')");
  const rows = [{ title: "written by Alice" }, { title: "written by Bob" }];
  await expectRows([alice, bob], "SELECT title FROM notes ORDER BY id", rows);
  for (const { page } of [alice, bob]) await page.evaluate(() => (globalThis.isDirectBlocked = false));
  await expect.poll(routes, { timeout: 20_000 }).toEqual(["webrtc", "webrtc"]);
  await alice.exec("UPDATE notes SET title = 'then directly' WHERE id = 'a'");
  await expectRows([bob], "SELECT title FROM notes WHERE id = 'a'", [{ title: "then directly" }]);

  for (const replica of [alice, bob]) {
    const names = (await replica.events()).map(({ name }) => name);
    expect(names.filter((name) => name === "peer-leave")).toEqual([]);
    expect(names.filter((name) => name === "route")).toHaveLength(1);
  }
  for (const { text } of heard) {
    expect(text()).toContain('"type":"relay"');
    for (const word of ["written by", "notes", "v=0", "fingerprint", "candidate"]) expect(text()).not.toContain(word);
  }
  await Promise.all(contexts.map((context) => context.close()));
  await server.kill();
});
