// @ts-check
/** One server under load: sockets held, memory, messages passed on, and the way back after it was killed. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { WebSocket } from "ws";

/** @typedef {import("./servers.mjs").Client} Client */
/** @typedef {import("./servers.mjs").Contender} Contender */

const payload = Buffer.alloc(768, 7).toString("base64url");
/** Messages that a sender has on their way at a time. */
const window = 4;
/** Full jitter, as Ledger's clients do it; the same for all servers. */
const [firstDelayMs, maxDelayMs] = [500, 30_000];
const downMs = 1_000;
const connectsAtOnce = 100;

/**
 * @param {Contender} contender
 * @param {{ sockets: number, pairs: number, seconds: number, returning: number, phaseLimitMs: number }} load
 */
export const measure = async (contender, { sockets, pairs, seconds, returning, phaseLimitMs }) => {
  const port = await freePort();
  let server = await start(contender, port);
  /** @type {Awaited<ReturnType<typeof openClient>>[]} */
  const open = [];
  try {
    const emptyKiB = await settledKiB(server.pid);

    const connectFrom = performance.now();
    for (let held = 0; held < sockets && performance.now() - connectFrom < phaseLimitMs; held += connectsAtOnce) {
      const clients = Array.from({ length: connectsAtOnce / 2 }, () => contender.newPair(port)).flat();
      open.push(...(await Promise.all(clients.map(openClient))));
    }
    const connectsPerSecond = open.length / ((performance.now() - connectFrom) / 1000);
    const fullKiB = await settledKiB(server.pid);

    const messagesPerSecond = await exchange(open.slice(0, 2 * pairs), seconds);
    const busyKiB = residentKiB(server.pid);

    const backMs = await comeBack(
      open.slice(0, returning),
      async () => {
        server.kill();
        await new Promise((resolve) => setTimeout(resolve, downMs));
        server = await start(contender, port);
      },
      phaseLimitMs,
    );

    return {
      name: contender.name,
      sockets: open.length,
      connectsPerSecond,
      emptyMiB: emptyKiB / 1024,
      kiBPerSocket: (fullKiB - emptyKiB) / open.length,
      busyMiB: busyKiB / 1024,
      messagesPerSecond,
      backMs,
    };
  } finally {
    for (const { close } of open) close();
    server.kill();
  }
};

/**
 * @param {Contender} contender
 * @param {number} port
 */
const start = async ({ command, env }, port) => {
  const child = spawn(process.execPath, command, {
    env: { PATH: process.env["PATH"], ...env(port) },
    stdio: "ignore",
  });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command[0]} ended with code ${child.exitCode}`);
    const probe = connect(port, "127.0.0.1");
    const isUp = await once(probe, "connect").then(
      () => true,
      () => false,
    );
    probe.destroy();
    if (isUp) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { pid: child.pid ?? 0, kill: () => child.kill("SIGKILL") };
};

/** @param {Client} client */
const openClient = async (client) => {
  /** @type {WebSocket} */
  let socket;
  let onMessage = () => {};
  let onLost = () => {};

  const enter = async () => {
    const opening = new WebSocket(client.url, { perMessageDeflate: false });
    socket = opening;
    opening.on("error", () => {});
    await new Promise((resolve, reject) => {
      opening.on("open", () => client.enter.forEach((text) => opening.send(text)));
      opening.once("close", () => reject(new Error("closed")));
      opening.on("message", function first(content) {
        if (!client.isEntered(String(content))) return;
        opening.off("message", first);
        opening.on("message", (next) => {
          if (client.isMessage(String(next))) onMessage();
        });
        opening.once("close", () => onLost());
        resolve(undefined);
      });
    });
  };
  await enter();

  return {
    enter,
    send: () => socket.send(client.send(payload)),
    close: () => socket.terminate(),
    /** @param {() => void} listener */
    listen: (listener) => {
      onMessage = listener;
    },
    /** @param {() => void} listener */
    whenLost: (listener) => {
      onLost = listener;
    },
  };
};

/** @typedef {Awaited<ReturnType<typeof openClient>>} OpenClient */

/**
 * Each member answers each message of the other with one of its own.
 * @param {readonly OpenClient[]} clients neighbours are a pair
 * @param {number} seconds
 * @returns {Promise<number>} messages per second that arrived
 */
const exchange = async (clients, seconds) => {
  let arrived = 0;
  for (const client of clients) {
    client.listen(() => {
      arrived += 1;
      client.send();
    });
    for (let i = 0; i < window; i += 1) client.send();
  }
  const from = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const rate = arrived / ((performance.now() - from) / 1000);
  for (const client of clients) client.listen(() => {});
  return rate;
};

/**
 * @param {readonly OpenClient[]} clients
 * @param {() => Promise<void>} restart
 * @param {number} limitMs
 * @returns {Promise<number | undefined>} from the server's listening to the last client's being back
 */
const comeBack = async (clients, restart, limitMs) => {
  let gaveUp = false;
  const all = Promise.all(
    clients.map(
      (client) =>
        new Promise((resolve) => {
          client.whenLost(async () => {
            for (let attempt = 0; !gaveUp; attempt += 1) {
              const delayMs = Math.random() * Math.min(maxDelayMs, firstDelayMs * 2 ** attempt);
              await new Promise((wake) => setTimeout(wake, delayMs));
              const isBack = await client.enter().then(
                () => true,
                () => false,
              );
              if (isBack) return resolve(undefined);
            }
          });
        }),
    ),
  );
  await restart();
  const from = performance.now();
  const tookMs = all.then(() => performance.now() - from);
  const limit = new Promise((resolve) => setTimeout(resolve, limitMs).unref());
  const result = await Promise.race([tookMs, limit.then(() => undefined)]);
  gaveUp = true;
  return result;
};

/** @param {number} pid */
const residentKiB = (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** @param {number} pid */
const settledKiB = async (pid) => {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return residentKiB(pid);
};

const freePort = async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
};
