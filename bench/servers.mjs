// @ts-check
/** The signaling servers that introduce the peers: each system's own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systems } from "./systems.mjs";

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const firstPort = 21_300;
const ports = { ledger: firstPort, rxdb: firstPort + 1, "y-webrtc": firstPort + 2 };

/** @param {string} name - of a system */
export const signalingUrlOf = (name) => {
  const kind = systems[name]?.signaling ?? "none";
  return kind in ports ? `ws://localhost:${ports[/** @type {keyof typeof ports} */ (kind)]}` : "";
};

/**
 * @param {string} file
 * @param {Record<string, string>} env
 */
const startServer = async (file, env) => {
  const server = spawn(process.execPath, [fromHere(file)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(createInterface({ input: server.stdout }), "line");
  return server;
};

/** @param {readonly string[]} names - of the systems that are to be served */
export const startSignaling = async (names) => {
  const kinds = new Set(names.map((name) => systems[name]?.signaling));
  const servers = await Promise.all([
    startServer("../signaling-server/src/main.js", {
      PORT: String(ports.ledger),
      CONNECTS_PER_SECOND: "1000",
      CONNECT_BURST: "1000",
    }),
    ...(kinds.has("rxdb") ? [startServer("rxdb-signaling.mjs", { PORT: String(ports.rxdb) })] : []),
    ...(kinds.has("y-webrtc")
      ? [startServer("node_modules/y-webrtc/bin/server.js", { PORT: String(ports["y-webrtc"]), HOST: "127.0.0.1" })]
      : []),
  ]);
  return () => {
    for (const server of servers) server.kill();
  };
};
