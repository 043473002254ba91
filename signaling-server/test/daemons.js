// @ts-check
/**
 * Real programs for tests, from the packages of the distribution: found, or installed where that is safe to do. Daemons
 * are started on the loopback address and ended by their process.
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";

/** Time for a hook that may have to install something first. */
export const installTimeoutMs = 240_000;

/** @typedef {"nats-server" | "coturn" | "sqlite3"} Package */

const executables = { "nats-server": "nats-server", coturn: "turnserver", sqlite3: "sqlite3" };

/** @param {Package} name */
const find = (name) =>
  [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin"]
    .map((folder) => join(folder, executables[name]))
    .find((path) => existsSync(path));

const mayInstall = () =>
  process.getuid?.() === 0 &&
  existsSync("/usr/bin/apt-get") &&
  (process.env["CI"] === "true" || process.env["LEDGER_INSTALL"] === "1");

/**
 * @param {Package} name
 * @returns {string} its executable
 * @throws {Error} when it is neither there nor may be installed
 */
export const ensurePackage = (name) => {
  const present = find(name);
  if (present !== undefined) return present;
  if (mayInstall()) {
    // Test files run side by side, and apt-get does not wait for another.
    const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${name}`;
    spawnSync("flock", ["/tmp/ledger-apt.lock", "sh", "-c", `command -v ${executables[name]} || (${script})`], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: installTimeoutMs,
    });
  }
  const installed = find(name);
  if (installed !== undefined) return installed;
  throw new Error(
    `This test needs ${executables[name]}. Install the package ${name} (apt-get install ${name}), ` +
      "or run as root with CI=true or LEDGER_INSTALL=1 and it is installed.",
  );
};

/** A TCP port that was free a moment ago. */
export const freePort = async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, "close");
  return port;
};

/**
 * Resolves when it accepts TCP connections on `port`.
 * @param {string} executable
 * @param {readonly string[]} args
 * @param {number} port
 */
export const startDaemon = async (executable, args, port) => {
  const child = spawn(executable, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output = (output + String(chunk)).slice(-4_000);
    });
  }
  const exited = once(child, "exit");
  const isUp = async () => {
    while (child.exitCode === null && child.signalCode === null) {
      const socket = connect(port, "127.0.0.1");
      const answer = await Promise.race([
        once(socket, "connect").then(() => true),
        once(socket, "error").then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (answer) return;
      // Nothing tells when a daemon listens; asking is all there is.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${executable} ended while starting:\n${output}`);
  };
  await isUp();

  return {
    /** @param {NodeJS.Signals} [signal] */
    stop: async (signal = "SIGKILL") => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await exited;
    },
  };
};
