// @ts-check
/**
 * The signaling server as an object: HTTP for `/healthz`, WebSockets on `/`. Reads no environment and writes no log,
 * so that tests and other programs can run it; main.js makes it a process.
 */

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { createAddressBook } from "./address-book.js";
import { clientAddress } from "./address.js";
import { defaultLimits } from "./limits.js";
import { createRooms } from "./room.js";
import { startSession } from "./session.js";

/** How long sockets get to say goodbye, at shutdown and after a refusal, before they are cut. */
const closeGraceMs = 1_000;
/** Plain HTTP connections beside the WebSockets: health checks must get through when the server is full. */
const spareConnections = 100;

/** @type {import("./server.js").ServerClock} */
const systemClock = {
  nowMs: () => Date.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** @type {typeof import("./server.js").createSignalingServer} */
export const createSignalingServer = (options = {}) => {
  const limits = { ...defaultLimits(), ...options.limits };
  const { allowedOrigins = [], trustedProxyHops = 0, clock = systemClock } = options;
  const rooms = createRooms(limits);
  const addresses = createAddressBook({ limits, nowMs: clock.nowMs });
  /** @type {Set<import("./session.js").Session>} */
  const sessions = new Set();
  /** @type {Promise<void> | undefined} */
  let closing;
  let cancelBeat = () => {};

  const http = createServer({
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 5_000,
  });
  http.maxConnections = limits.maxSockets + spareConnections;
  // A variable, because @types/ws does not know closeTimeout yet.
  const socketOptions = {
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    // Even an honest browser splits a frame into few fragments; without a bound, empty ones cost nothing to send.
    maxFragments: 64,
    maxBufferedChunks: 1_024,
    perMessageDeflate: false,
    closeTimeout: closeGraceMs,
  };
  const webSockets = new WebSocketServer(socketOptions);

  http.on("request", (request, response) => {
    const { pathname } = splitUrl(request.url);
    response.setHeader("connection", "close");
    response.setHeader("content-type", "application/json");
    response.setHeader("cache-control", "no-store");
    if (pathname === "/healthz")
      return response.writeHead(closing ? 503 : 200).end(`{"status":"${closing ? "closing" : "ok"}"}\n`);
    if (pathname === "/")
      return response.writeHead(426, { upgrade: "websocket" }).end('{"status":"upgrade-required"}\n');
    response.writeHead(404).end('{"status":"not-found"}\n');
  });

  http.on("clientError", (error, socket) => {
    // Not HTTP, or too slow. The answer is a courtesy; the socket goes in any case.
    const status =
      "code" in error && error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
    answerAndDestroy(socket, status);
  });

  http.on("upgrade", (request, socket, head) => {
    // A reset while we answer must not end the process.
    socket.on("error", () => socket.destroy());
    if (splitUrl(request.url).pathname !== "/") return answerAndDestroy(socket, "404 Not Found");
    if (closing || webSockets.clients.size >= limits.maxSockets)
      return answerAndDestroy(socket, "503 Service Unavailable");
    const release = addresses.admit(clientAddress(request, trustedProxyHops));
    if (release === undefined) return answerAndDestroy(socket, "429 Too Many Requests");
    socket.once("close", release);

    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const session = startSession({ socket: webSocket, rooms, limits, clock });
      sessions.add(session);
      webSocket.once("close", () => sessions.delete(session));
      // Told inside the WebSocket, because a browser hides the status of a refused upgrade from its page.
      if (!isOriginAllowed(request.headers.origin)) session.refuse("origin-refused");
    });
  });

  /** @param {string | undefined} origin */
  const isOriginAllowed = (origin) =>
    allowedOrigins.length === 0 || (origin !== undefined && allowedOrigins.includes(origin.toLowerCase()));

  const beatLater = () => {
    cancelBeat = clock.setTimer(limits.pingIntervalMs, () => {
      for (const session of sessions) session.beat();
      addresses.forgetAtRest();
      beatLater();
    });
  };

  const closeAll = async () => {
    cancelBeat();
    const closed = new Promise((resolve) => http.close(resolve));
    for (const session of sessions) session.leave();
    const cancelGrace = clock.setTimer(closeGraceMs, () => {
      for (const webSocket of webSockets.clients) webSocket.terminate();
      http.closeAllConnections();
    });
    await closed;
    cancelGrace();
  };

  return {
    listen: ({ port = 8081, host = "127.0.0.1" } = {}) =>
      new Promise((resolve, reject) => {
        http.once("error", reject);
        http.listen(port, host, () => {
          http.off("error", reject);
          beatLater();
          resolve(listeningPort(http));
        });
      }),
    close: () => (closing ??= closeAll()),
    get port() {
      return listeningPort(http);
    },
    get socketCount() {
      return webSockets.clients.size;
    },
    get roomCount() {
      return rooms.size;
    },
  };
};

/** @param {string | undefined} url as the client wrote it, perhaps no URL at all */
const splitUrl = (url = "") => ({ pathname: url.split("?", 1)[0] });

/** @param {import("node:http").Server} http */
const listeningPort = (http) => {
  const address = http.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

/**
 * @param {import("node:stream").Duplex} socket
 * @param {string} status
 */
const answerAndDestroy = (socket, status) => {
  if (!socket.writable) return socket.destroy();
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
};
