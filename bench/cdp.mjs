// @ts-check
/** Just enough of the Chrome DevTools Protocol to profile a page together with its worker, which Playwright does not reach. */

import { once } from "node:events";
import WebSocket from "ws";

/**
 * @typedef {object} Profile - see https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile
 * @property {{ id: number, callFrame: { functionName: string, url: string, lineNumber: number } }[]} nodes
 * @property {number[]} samples
 * @property {number[]} timeDeltas - microseconds
 */

const samplingIntervalMicroseconds = 200;

/** @param {number} port - of `--remote-debugging-port` @param {string} pageUrl */
export const connectToBrowser = async (port, pageUrl) => {
  const version = await fetch(`http://127.0.0.1:${port}/json/version`);
  const { webSocketDebuggerUrl } = /** @type {{ webSocketDebuggerUrl: string }} */ (await version.json());
  const socket = new WebSocket(webSocketDebuggerUrl, { maxPayload: 2 ** 30 });
  await once(socket, "open");

  let lastId = 0;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  /** Sessions by what they are attached to. @type {Map<string, string>} */
  const sessions = new Map();

  socket.on("message", (data) => {
    const { id, result, error, method, params } = JSON.parse(String(data));
    if (method === "Target.attachedToTarget") {
      const { type, url } = params.targetInfo;
      if (type === "worker") sessions.set("worker", params.sessionId);
      else if (type === "page" && url === pageUrl) sessions.set("page", params.sessionId);
    }
    const entry = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) entry?.resolve(result);
    else entry?.reject(new Error(error.message));
  });

  /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
  const send = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      socket.send(JSON.stringify({ id: lastId, method, params, sessionId }));
    });

  const attachToAll = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
  await send("Target.setAutoAttach", attachToAll);
  await send("Target.setAutoAttach", attachToAll, sessions.get("page"));

  return {
    startProfiling: async () => {
      for (const session of sessions.values()) {
        await send("Profiler.enable", {}, session);
        await send("Profiler.setSamplingInterval", { interval: samplingIntervalMicroseconds }, session);
        await send("Profiler.start", {}, session);
      }
    },
    /** @returns {Promise<Record<string, Profile>>} by thread: `page`, `worker` */
    stopProfiling: async () => {
      /** @type {Record<string, Profile>} */
      const profiles = {};
      for (const [thread, session] of sessions) profiles[thread] = (await send("Profiler.stop", {}, session)).profile;
      return profiles;
    },
    close: () => socket.close(),
  };
};
