#!/usr/bin/env node
// @ts-check
/** The server as a process: settings from the environment, JSON lines as its log, a clean end on SIGTERM and SIGINT. */

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { createLog } from "./log.js";
import { createSignalingServer } from "./server.js";
import { describeSettings, readSettings } from "./settings.js";

/** Longer than any orderly end takes; a process manager kills at 10 s or later. */
const spareMs = 2_000;

const log = createLog({ writeLine: (line) => process.stdout.write(`${line}\n`), nowMs: () => Date.now() });

const version = () => {
  const { version: text } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String(text);
};

const usage = () => `ledger-signaling ${version()}: introduces the peers of a room to each other.

Usage: ledger-signaling [--help | --version]

It takes no other arguments. Settings come from the environment, here with their defaults:

${describeSettings()}
`;

/** @param {unknown} error */
const fail = (error) => {
  log.error("start-failed", { reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
};

const serve = async () => {
  const { port, host, options } = await readSettings(process.env);
  const server = createSignalingServer({ ...options, log, processMetrics: true });

  /** @param {string} signal */
  const stop = async (signal) => {
    log.info("closing", { signal });
    const limitMs = (options.limits?.closeTimeoutMs ?? 0) + spareMs;
    setTimeout(() => process.exit(0), limitMs).unref();
    await server.close();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);

  const listening = await server.listen({ port, host });
  const shownHost = host === "127.0.0.1" || host === "::1" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  log.info("listening", { url: `ws://${shownHost}:${listening}`, shared: options.nats !== undefined });
};

// V8 lets its young generation grow to 48 MiB under load and rarely gives it back. Frames die young in little space as well.
setFlagsFromString("--semi-space-growth-factor=1");

const [argument, ...rest] = process.argv.slice(2);
if (argument === undefined) serve().catch(fail);
else if (argument === "--help" && rest.length === 0) console.log(usage());
else if (argument === "--version" && rest.length === 0) console.log(version());
else fail(new Error(`${argument} is not an argument; see --help`));
