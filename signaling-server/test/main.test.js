// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { limitDefinitions } from "../src/limits.js";
import { settingDefinitions } from "../src/settings.js";
import { id, joinFrame } from "./support.js";

/** @type {import("node:child_process").ChildProcess[]} */
const children = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/**
 * @param {Record<string, string>} env
 * @param {readonly string[]} [args]
 */
const run = (env, args = []) => {
  const main = fileURLToPath(new URL("../src/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
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
      const lines = output()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      expect(lines.map(({ level, event }) => [level, event])).toEqual([
        ["info", "listening"],
        ["info", "closing"],
      ]);
      expect(lines.every(({ time }) => new Date(time).toISOString() === time)).toBe(true);
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
    [{ PORT: "0", AUTH_SECRETS: "short" }, "AUTH_SECRETS"],
    [{ PORT: "0", AUTH_HOOK: "/no/such/module.js" }, "AUTH_HOOK"],
    [{ PORT: "0", TURN_SECRET: "s" }, "TURN_URLS"],
    [{ PORT: "0", NATS_URL: "http://nats.example" }, "NATS_URL"],
  ])("refuses to start with %j and names the variable", async (env, name) => {
    const { listening, exited } = run(env);

    await expect(listening).rejects.toThrow(name);
    expect(await exited).toBe(1);
  });

  it("ends in bounded time though a client does not say goodbye", async () => {
    const { child, listening, exited } = run({ PORT: "0", CLOSE_TIMEOUT_MS: "50" });
    const socket = new WebSocket(`ws://localhost:${await listening}`);
    await once(socket, "open");
    socket.pause();

    child.kill("SIGTERM");

    expect(await exited).toBe(0);
    socket.terminate();
  });

  it("asks the hook of AUTH_HOOK, which is told the bearer and the origin", async () => {
    const hook = fileURLToPath(new URL("./fixtures/auth-hook.js", import.meta.url));
    const { listening } = run({ PORT: "0", AUTH_HOOK: hook });
    const url = `ws://localhost:${await listening}`;
    const [known, stranger] = ["grün", "blau"].map(
      (bearer) => new WebSocket(url, ["ledger.v1", `bearer.${Buffer.from(bearer).toString("base64url")}`]),
    );
    const refused = once(/** @type {WebSocket} */ (stranger), "close");
    await once(/** @type {WebSocket} */ (known), "open");

    known?.send(JSON.stringify(joinFrame(id(1), id(2))));

    expect(String((await once(/** @type {WebSocket} */ (known), "message"))[0])).toContain('"joined"');
    expect((await refused)[0]).toBe(4401);
  });

  it("tells its version and its settings when asked, and no more", async () => {
    const [help, version, wrong] = [run({}, ["--help"]), run({}, ["--version"]), run({}, ["--port=1"])];
    for (const { listening } of [help, version, wrong]) listening.catch(() => {});

    expect(await Promise.all([help.exited, version.exited, wrong.exited])).toEqual([0, 0, 1]);
    expect(version.output()).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const { env } of [...settingDefinitions, ...Object.values(limitDefinitions)]) {
      expect(help.output()).toMatch(new RegExp(`^  ${env} `, "m"));
    }
    expect(wrong.output()).toContain("--help");
  });
});
