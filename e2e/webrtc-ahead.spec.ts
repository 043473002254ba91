/** The browser's WebRTC takes long to start the first time, and what speaks it to load: a page does both while it is idle. */

import { expect, test } from "./support/test.ts";

interface Watched {
  /** Of each RTCPeerConnection that the page made. */
  connectionStates(): readonly string[];
}

for (const [situation, options, states] of [
  ["a replica of a room", { signalingUrl: "ws://127.0.0.1:9" }, ["closed"]],
  ["a replica without a signaling server", { room: false }, []],
] as const) {
  test(`${situation} that is not connected has made ${states.length} connections ahead`, async ({
    newReplica,
    browser,
    baseURL,
  }) => {
    const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
    await context.addInitScript(() => {
      const made: RTCPeerConnection[] = [];
      class Counted extends RTCPeerConnection {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          made.push(this);
        }
      }
      const watched: Watched = { connectionStates: () => made.map((one) => one.connectionState) };
      Object.assign(window, { RTCPeerConnection: Counted, watched });
    });
    const { page } = await newReplica({ ...options, context });
    // Idle twice: what the replica asked for when it opened came before.
    await page.evaluate(
      () => new Promise<void>((resolve) => requestIdleCallback(() => requestIdleCallback(() => resolve()))),
    );

    const seen = await page.evaluate(() => (window as unknown as { watched: Watched }).watched.connectionStates());
    expect(seen).toEqual(states);
    const loaded = (): Promise<readonly string[]> =>
      page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    const isLoaded = async (): Promise<boolean> => (await loaded()).some((name) => name.includes("webrtc-channel"));
    await expect.poll(isLoaded).toBe(states.length > 0);
    await context.close();
  });
}
