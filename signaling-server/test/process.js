// @ts-check
/** The server as its users run it: a process, with settings from the environment, seen from outside. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { createClient, joinFrame } from "./support.js";

const main = fileURLToPath(new URL("../src/main.js", import.meta.url));

/**
 * Resolves when it listens, on a free port.
 * @param {Readonly<Record<string, string>>} [env]
 * @param {readonly string[]} [nodeOptions]
 */
export const runServer = async (env = {}, nodeOptions = []) => {
  const child = spawn(process.execPath, [...nodeOptions, main], {
    env: { PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  /** @type {Promise<number | null>} */
  const exited = once(child, "exit").then(([code]) => code);
  const lines = createInterface({ input: child.stdout });
  const [first] = await Promise.race([
    once(lines, "line"),
    exited.then((code) => Promise.reject(new Error(`the server ended with code ${code} while starting`))),
  ]);
  const { url } = JSON.parse(String(first));
  lines.resume();
  /** @type {Set<WebSocket>} */
  const sockets = new Set();

  /** @param {string} path */
  const probe = async (path) => {
    const response = await fetch(`${url.replace("ws:", "http:")}${path}`);
    return { status: response.status, body: /** @type {unknown} */ (await response.json()) };
  };
  /** @param {number} status */
  const untilReadyz = async (status) => {
    while ((await probe("/readyz")).status !== status) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  return {
    url: /** @type {string} */ (url),
    pid: child.pid ?? 0,
    probe,
    ready: () => untilReadyz(200),
    away: () => untilReadyz(503),
    connect: async () => {
      const socket = new WebSocket(url);
      sockets.add(socket);
      const client = createClient(socket);
      await client.opened;
      return client;
    },
    /**
     * @param {string} room
     * @param {string} member
     */
    join: async (room, member) => {
      const socket = new WebSocket(url);
      sockets.add(socket);
      const client = createClient(socket);
      await client.opened;
      client.send(joinFrame(room, member));
      await client.next("joined");
      return client;
    },
    /** Resolves with the exit code. */
    stop: () => {
      child.kill("SIGTERM");
      return exited;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
      for (const socket of sockets) socket.terminate();
    },
  };
};
