// @ts-check
/** Servers on a free port and clients whose frames can be awaited. Everything opened is closed by `release`. */

import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { WebSocket } from "ws";
import { createSignalingServer } from "../src/server.js";

/** @param {number} number */
export const id = (number) => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(number, 12);
  return bytes.toString("base64url");
};

/**
 * @param {string} room
 * @param {string} member
 */
export const joinFrame = (room, member) => ({ type: "join", version: 1, room, member });

/** For tests that are not about them. */
export const noRateLimits = {
  connectsPerSecond: 1e9,
  connectBurst: 1e9,
  messagesPerSecond: 1e9,
  messageBurst: 1e9,
  bytesPerSecond: 1e9,
  byteBurst: 1e9,
};

/** @param {import("../src/server.js").SignalingServerOptions} [options] */
export const startServer = async (options) => {
  const server = createSignalingServer(options);
  const port = await server.listen({ port: 0 });
  /** @type {Set<() => void>} */
  const releases = new Set();

  /** @param {import("ws").ClientOptions} [socketOptions] */
  const connect = async (socketOptions) => {
    const client = createClient(new WebSocket(`ws://127.0.0.1:${port}`, socketOptions));
    releases.add(() => client.socket.terminate());
    await client.opened;
    return client;
  };

  return {
    server,
    port,
    connect,
    /**
     * @param {string} room
     * @param {string} member
     * @param {import("ws").ClientOptions} [socketOptions]
     */
    join: async (room, member, socketOptions) => {
      const client = await connect(socketOptions);
      client.send(joinFrame(room, member));
      await client.next("joined");
      return client;
    },
    /** A bare TCP connection. */
    dial: async () => {
      const socket = connectTcp(port, "127.0.0.1");
      releases.add(() => socket.destroy());
      // Resets are part of what is tested.
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket;
    },
    /** The status a refused upgrade is answered with. */
    refusedStatus: async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      releases.add(() => socket.terminate());
      socket.on("error", () => {});
      const [, response] = /** @type {[unknown, import("node:http").IncomingMessage]} */ (
        await once(socket, "unexpected-response")
      );
      return response.statusCode;
    },
    release: async () => {
      for (const release of releases) release();
      await server.close();
    },
  };
};

/** @param {WebSocket} socket */
export const createClient = (socket) => {
  /** @type {Record<string, any>[]} */
  const frames = [];
  /** @type {Set<() => void>} */
  const lookers = new Set();
  let position = 0;
  /** @type {Promise<{ code: number, reason: string }>} */
  const closed = new Promise((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on("error", () => {});
  socket.on("message", (content) => {
    frames.push(JSON.parse(String(content)));
    for (const look of lookers) look();
  });

  /**
   * @param {() => boolean} condition
   * @returns {Promise<void>}
   */
  const until = (condition) =>
    new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        lookers.delete(look);
        resolve();
      };
      lookers.add(look);
      look();
    });

  /**
   * The next frame of this type, skipping others.
   * @param {string} type
   * @returns {Promise<Record<string, any>>}
   */
  const next = async (type) => {
    /** @type {Record<string, any> | undefined} */
    let found;
    await until(() => {
      while (found === undefined && position < frames.length) {
        const frame = frames[position];
        position += 1;
        if (frame?.["type"] === type) found = frame;
      }
      return found !== undefined;
    });
    return found ?? {};
  };

  return {
    socket,
    frames,
    closed,
    opened: Promise.race([
      once(socket, "open"),
      closed.then(() => Promise.reject(new Error("the socket did not open"))),
    ]),
    /** @param {unknown} frame text is sent as it is, anything else as JSON */
    send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    next,
    /**
     * Resolves once `member` is in the room, as told so far or later.
     * @param {string} member
     */
    sees: (member) =>
      until(() => {
        const told = frames.filter((frame) => frame.member === member || frame.members?.includes(member));
        return told.length > 0 && told.at(-1)?.type !== "member-left";
      }),
  };
};

/**
 * @param {number} port
 * @param {string} [path]
 */
export const upgradeRequest = (port, path = "/") =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "",
    "",
  ].join("\r\n");
