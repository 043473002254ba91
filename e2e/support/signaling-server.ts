/** The real signaling server in a process of its own, so that a test can kill it and bring it back on the same port. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface SignalingServer {
  readonly url: string;
  /** Starts it, or starts it again on the same port; resolves when it listens. */
  start(): Promise<void>;
  /** Ends it at once, without a word to its clients. */
  kill(): Promise<void>;
}

const main = fileURLToPath(new URL("../../signaling-server/src/main.js", import.meta.url));

/** A port that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0);
  await once(probe, "listening");
  const address = probe.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  probe.close();
  await once(probe, "close");
  return address.port;
};

/** @param env - further environment variables, such as limits */
export const createSignalingServer = async (env: Readonly<Record<string, string>> = {}): Promise<SignalingServer> => {
  const port = await freePort();
  let child: ChildProcess | undefined;

  return {
    url: `ws://localhost:${port}`,
    start: async () => {
      const started = spawn(process.execPath, [main], {
        env: { ...process.env, ...env, PORT: String(port) },
        stdio: ["ignore", "pipe", "inherit"],
      });
      child = started;
      // Its first line says that it listens; the rest is read so that the pipe never fills up.
      const lines = createInterface({ input: started.stdout });
      const exited = once(started, "exit").then(() => {
        throw new Error("the signaling server ended while starting");
      });
      await Promise.race([once(lines, "line"), exited]);
      // From here on its end is no surprise.
      exited.catch(() => {});
    },
    kill: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      child = undefined;
    },
  };
};
