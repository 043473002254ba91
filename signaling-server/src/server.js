// @ts-check
/**
 * The signaling server as an object: HTTP for probes and metrics, WebSockets on `/`. Reads no environment and writes no
 * log unless given one, so that tests and other programs can run it; main.js makes it a process.
 */

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { createAddressBook } from "./address-book.js";
import { clientAddress } from "./address.js";
import { createAuthorizer, readBearer, subprotocol } from "./bearer.js";
import { createHttpRoutes, pathOf } from "./http-routes.js";
import { createIceServers } from "./ice-servers.js";
import { defaultLimits } from "./limits.js";
import { createSilentLog } from "./log.js";
import { createMetrics } from "./metrics.js";
import { createNatsBus } from "./nats-bus.js";
import { createRelayBudgets } from "./relay-budget.js";
import { createLocalBus } from "./room-bus.js";
import { startSession } from "./session.js";

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
  const { allowedOrigins = [], trustedProxyHops = 0, clock = systemClock, log = createSilentLog() } = options;
  const { authChecks = [], turn, nats, processMetrics = false } = options;
  const metrics = createMetrics({ processMetrics });
  const bus = nats === undefined ? createLocalBus(limits) : createNatsBus({ ...nats, limits, clock, log, metrics });
  const relay = options.relay ? createRelayBudgets({ limits, clock }) : undefined;
  const iceServers = turn && createIceServers(turn, clock.nowMs);
  const isAuthorized = createAuthorizer({ checks: authChecks, timeoutMs: limits.authTimeoutMs, clock, log });
  const addresses = createAddressBook({ limits, nowMs: clock.nowMs });
  /** @type {Set<import("./session.js").Session>} */
  const sessions = new Set();
  /** @type {Promise<void> | undefined} */
  let closing;
  let upgradesWaiting = 0;
  let cancelBeat = () => {};

  const http = createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
  });
  http.maxConnections = limits.maxSockets + limits.spareConnections;
  // A variable, because @types/ws does not know closeTimeout yet.
  const socketOptions = {
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    // Even an honest browser splits a frame into few fragments; without a bound, empty ones cost nothing to send.
    maxFragments: limits.maxFragments,
    maxBufferedChunks: 1_024,
    perMessageDeflate: false,
    closeTimeout: limits.closeTimeoutMs,
    // Never the bearer: what the server chooses is repeated in its answer.
    handleProtocols: (/** @type {Set<string>} */ offered) => (offered.has(subprotocol) ? subprotocol : false),
  };
  const webSockets = new WebSocketServer(socketOptions);

  http.on(
    "request",
    createHttpRoutes({ isClosing: () => closing !== undefined, isBusReady: () => bus.ready, metrics }),
  );

  http.on("clientError", (error, socket) => {
    // Not HTTP, or too slow. The answer is a courtesy; the socket goes in any case.
    const status =
      "code" in error && error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
    answerAndDestroy(socket, status);
  });

  http.on("upgrade", (request, socket, head) => {
    // A reset while we answer must not end the process.
    socket.on("error", () => socket.destroy());
    /** @param {string} status */
    const turnAway = (status) => {
      metrics.turnedAway(status.slice(0, 3));
      answerAndDestroy(socket, status);
    };
    if (pathOf(request.url) !== "/") return turnAway("404 Not Found");
    if (closing || webSockets.clients.size + upgradesWaiting >= limits.maxSockets)
      return turnAway("503 Service Unavailable");
    const release = addresses.admit(clientAddress(request, trustedProxyHops));
    if (release === undefined) return turnAway("429 Too Many Requests");
    socket.once("close", release);
    void admit(request, socket, head);
  });

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:stream").Duplex} socket
   * @param {Buffer} head
   */
  const admit = async (request, socket, head) => {
    const { origin, "sec-websocket-protocol": protocols } = request.headers;
    const refusal = isOriginAllowed(origin) ? undefined : "origin-refused";
    upgradesWaiting += 1;
    const authorized = refusal === undefined && (await isAuthorized({ bearer: readBearer(protocols), origin }));
    upgradesWaiting -= 1;
    if (closing) return answerAndDestroy(socket, "503 Service Unavailable");

    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      metrics.opened();
      const session = startSession({ socket: webSocket, bus, limits, clock, metrics, iceServers, relay });
      sessions.add(session);
      webSocket.once("close", () => sessions.delete(session));
      // Told inside the WebSocket, because a browser hides the status of a refused upgrade from its page.
      if (refusal !== undefined) session.refuse(refusal);
      else if (!authorized) session.refuse("unauthorized");
    });
  };

  /** @param {string | undefined} origin */
  const isOriginAllowed = (origin) =>
    allowedOrigins.length === 0 || (origin !== undefined && allowedOrigins.includes(origin.toLowerCase()));

  const beatLater = () => {
    cancelBeat = clock.setTimer(limits.pingIntervalMs, () => {
      for (const session of sessions) session.beat();
      addresses.forgetAtRest();
      const counts = metrics.takeRefusals();
      if (Object.keys(counts).length > 0) log.warn("refused", { counts });
      beatLater();
    });
  };

  const closeAll = async () => {
    cancelBeat();
    const closed = new Promise((resolve) => http.close(resolve));
    for (const session of sessions) session.leave();
    const cancelGrace = clock.setTimer(limits.closeTimeoutMs, () => {
      for (const webSocket of webSockets.clients) webSocket.terminate();
      http.closeAllConnections();
    });
    await Promise.all([closed, bus.close()]);
    cancelGrace();
  };

  metrics.watch({
    sockets: () => webSockets.clients.size,
    members: () => bus.memberCount,
    rooms: () => bus.roomCount,
    instances: () => bus.instanceCount,
    ready: () => bus.ready && closing === undefined,
  });

  return {
    listen: ({ port = 8081, host = "127.0.0.1" } = {}) =>
      new Promise((resolve, reject) => {
        http.once("error", reject);
        http.listen(port, host, () => {
          http.off("error", reject);
          beatLater();
          bus.start();
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
      return bus.roomCount;
    },
  };
};

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
