#!/usr/bin/env node
// @ts-check
/** The server as a process: settings from the environment, one line when it listens, a clean end on SIGTERM and SIGINT. */

import { readLimits, readWholeNumber } from "./limits.js";
import { createSignalingServer } from "./server.js";

const { env } = process;

const readSettings = () => ({
  port: readWholeNumber("PORT", env.PORT, { env: "PORT", value: 8081, min: 0, max: 65_535 }),
  host: env.HOST || "127.0.0.1",
  options: {
    limits: readLimits(env),
    allowedOrigins: (env.ALLOWED_ORIGINS ?? "")
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((origin) => origin !== ""),
    trustedProxyHops: readWholeNumber("TRUSTED_PROXY_HOPS", env.TRUSTED_PROXY_HOPS, {
      env: "TRUSTED_PROXY_HOPS",
      value: 0,
      min: 0,
      max: 16,
    }),
  },
});

/** @param {unknown} error */
const fail = (error) => {
  console.error(`Ledger signaling server did not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
};

const run = async () => {
  const { port, host, options } = readSettings();
  const server = createSignalingServer(options);

  const stop = async () => {
    console.log("Ledger signaling server is closing");
    await server.close();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);

  const listening = await server.listen({ port, host });
  const shownHost = host === "127.0.0.1" || host === "::1" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  console.log(`Ledger signaling server on ws://${shownHost}:${listening}`);
};

run().catch(fail);
