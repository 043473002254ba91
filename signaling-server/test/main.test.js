// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { id, joinFrame } from "./support.js";

/** @type {import("node:child_process").ChildProcess[]} */
const children = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** @param {Record<string, string>} env */
const run = (env) => {
  const main = fileURLToPath(new URL("../src/main.js", import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let output = "";
  /** @type {Promise<number>} */
  const listening = new Promise((resolve, reject) => {
    const read = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      const port = /ws:\/\/localhost:(\d+)/.exec(output)?.[1];
      if (port !== undefined) resolve(Number(port));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => reject(new Error(output)));
  });
  const exited = once(child, "close").then(([code]) => /** @type {number | null} */ (code));
  return { child, listening, exited, output: () => output };
};

describe("the process", () => {
  it.each(/** @type {const} */ (["SIGTERM", "SIGINT"]))(
    "prints its address, serves, and ends well on %s",
    async (signal) => {
      const { child, listening, exited, output } = run({ PORT: "0" });
      const socket = new WebSocket(`ws://localhost:${await listening}`);
      await once(socket, "open");
      socket.send(JSON.stringify(joinFrame(id(1), id(2))));
      await once(socket, "message");

      child.kill(signal);
      const [code] = await once(socket, "close");

      expect(code).toBe(1001);
      expect(await exited).toBe(0);
      expect(output().split("\n").filter(Boolean)).toHaveLength(2);
      expect(output()).not.toMatch(new RegExp(`${id(1)}|${id(2)}|127\\.0\\.0\\.1|::1`));
    },
  );

  it("takes limits and origins from the environment", async () => {
    const { listening } = run({
      PORT: "0",
      MAX_FRAME_BYTES: "256",
      ALLOWED_ORIGINS: "https://one.example, HTTPS://App.example",
    });
    const socket = new WebSocket(`ws://localhost:${await listening}`, { origin: "https://app.example" });
    await once(socket, "open");

    socket.send(" ".repeat(257));

    expect((await once(socket, "close"))[0]).toBe(1009);
  });

  it.each([
    [{ PORT: "http" }, "PORT"],
    [{ PORT: "70000" }, "PORT"],
    [{ PORT: "0", JOIN_TIMEOUT_MS: "5s" }, "JOIN_TIMEOUT_MS"],
    [{ PORT: "0", TRUSTED_PROXY_HOPS: "yes" }, "TRUSTED_PROXY_HOPS"],
  ])("refuses to start with %j and names the variable", async (env, name) => {
    const { listening, exited } = run(env);

    await expect(listening).rejects.toThrow(name);
    expect(await exited).toBe(1);
  });
});
