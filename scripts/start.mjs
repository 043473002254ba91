// @ts-check
/** `npm start`: the signaling server and the notes demo, until Ctrl-C. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const signalingPort = 8081;
const demoPort = 3000;
const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** @param {string} message */
const giveUp = (message) => {
  console.error(message);
  process.exit(1);
};

/**
 * Asks instead of trying to listen: a server on another address of the same port would not stand in the way of that.
 * @param {number} port
 * @returns {Promise<boolean>}
 */
const isTaken = async (port) => {
  const answers = ["127.0.0.1", "::1"].map(async (host) => {
    const socket = connect({ port, host });
    try {
      await once(socket, "connect");
      return true;
    } catch {
      // Refused: nobody listens there, which is what is hoped for.
      return false;
    } finally {
      socket.destroy();
    }
  });
  return (await Promise.all(answers)).includes(true);
};

for (const [port, what] of /** @type {const} */ ([
  [signalingPort, "the signaling server"],
  [demoPort, "the demo"],
])) {
  if (await isTaken(port)) {
    giveUp(
      `Port ${port} is taken, and ${what} needs it. Stop what runs there (perhaps another npm start) and try again.`,
    );
  }
}

const signaling = spawn(process.execPath, [fromHere("../signaling-server/src/main.js")], {
  env: { ...process.env, PORT: String(signalingPort) },
  stdio: ["ignore", "pipe", "inherit"],
});
let stopping = false;
signaling.on("exit", (code) => {
  if (!stopping) giveUp(`The signaling server ended with code ${code ?? "none"}; its message is above.`);
});
const signalingLines = createInterface({ input: signaling.stdout });
// Its first line says that it listens.
const listening = once(signalingLines, "line");

const demo = await createServer({ configFile: fromHere("../vite.config.ts"), logLevel: "warn" });
await Promise.all([listening, demo.listen()]);

console.log(`
  Ledger notes   http://localhost:${demoPort}
  signaling      ws://localhost:${signalingPort}

  Open the address in two tabs and write a note. Ctrl-C stops both.
`);

const stop = async () => {
  if (stopping) return;
  stopping = true;
  signaling.kill("SIGTERM");
  await demo.close();
  process.exit(0);
};
process.on("SIGINT", () => void stop());
process.on("SIGTERM", () => void stop());
