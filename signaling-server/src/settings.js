// @ts-check
/**
 * Every setting of the process that is not a limit, and how the environment is read. A value that makes no sense ends
 * the start with a message that names its variable and never repeats it: it may be a secret.
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createSecretCheck } from "./bearer.js";
import { limitDefinitions, readLimits, readWholeNumber } from "./limits.js";
import { parseNatsUrl } from "./nats-wire.js";

const minSecretChars = 16;
// What clients accept, see README.md: one they refuse would lock them out.
const turnUrlPattern = /^turns?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/;
const [maxTurnUrls, maxUrlChars] = [8, 512];
const maxTtlSeconds = 30 * 24 * 60 * 60;

/** Name, default and a line for --help; README.md says more. */
export const settingDefinitions = [
  { env: "PORT", value: "8081", help: "TCP port; 0 takes any free one" },
  { env: "HOST", value: "127.0.0.1", help: "address to listen on; 0.0.0.0 or :: exposes it to the network" },
  { env: "ALLOWED_ORIGINS", value: "", help: "origins that may connect; empty allows all" },
  { env: "TRUSTED_PROXY_HOPS", value: "0", help: "your reverse proxies that append to X-Forwarded-For" },
  { env: "AUTH_SECRETS", value: "", help: "bearer tokens that are let in; empty lets everyone in" },
  { env: "AUTH_HOOK", value: "", help: "module whose authorize({ bearer, origin }) decides" },
  { env: "TURN_SECRET", value: "", help: "static-auth-secret of your TURN server" },
  { env: "TURN_URLS", value: "", help: "turn: and turns: URLs handed out on join" },
  { env: "TURN_TTL_SECONDS", value: "86400", help: "seconds that TURN credentials are good for" },
  { env: "RELAY", value: "0", help: "1 passes peers' sealed frames on while they have no direct link" },
  { env: "NATS_URL", value: "", help: "NATS server over which instances share rooms" },
  { env: "NATS_SUBJECT", value: "ledger.v1", help: "prefix of the NATS subjects" },
  { env: "NATS_HEARTBEAT_MS", value: "2000", help: "ms between signs of life to other instances" },
];

/** @typedef {Readonly<Record<string, string | undefined>>} Env */

/**
 * @param {Env} env
 * @returns {Promise<{ port: number, host: string, options: import("./server.js").SignalingServerOptions }>}
 */
export const readSettings = async (env) => {
  const turn = readTurn(env);
  const nats = readNats(env);
  return {
    port: wholeNumber(env, "PORT", 0, 65_535),
    host: textOf(env, "HOST"),
    options: {
      limits: readLimits(env),
      allowedOrigins: listOf(env, "ALLOWED_ORIGINS").map((origin) => origin.toLowerCase()),
      trustedProxyHops: wholeNumber(env, "TRUSTED_PROXY_HOPS", 0, 16),
      authChecks: await readAuthChecks(env),
      relay: wholeNumber(env, "RELAY", 0, 1) === 1,
      ...(turn && { turn }),
      ...(nats && { nats }),
    },
  };
};

/** The variables, for --help. */
export const describeSettings = () =>
  [...settingDefinitions, ...Object.values(limitDefinitions)]
    .map(({ env, value, help }) => `  ${env.padEnd(24)} ${String(value).padEnd(10)} ${help}`)
    .join("\n");

/** @param {Env} env */
const readAuthChecks = async (env) => {
  const secrets = listOf(env, "AUTH_SECRETS");
  if (secrets.some((secret) => secret.length < minSecretChars)) {
    throw new RangeError(`AUTH_SECRETS must each have at least ${minSecretChars} characters`);
  }
  const hook = textOf(env, "AUTH_HOOK");
  return [...(secrets.length > 0 ? [createSecretCheck(secrets)] : []), ...(hook === "" ? [] : [await loadHook(hook)])];
};

/**
 * @param {string} path
 * @returns {Promise<import("./bearer.js").Authorize>}
 */
const loadHook = async (path) => {
  try {
    const loaded = /** @type {Record<string, unknown>} */ (await import(pathToFileURL(resolve(path)).href));
    const { authorize } = loaded;
    if (typeof authorize === "function") return /** @type {import("./bearer.js").Authorize} */ (authorize);
  } catch (cause) {
    throw new Error("AUTH_HOOK cannot be loaded", { cause });
  }
  throw new TypeError("AUTH_HOOK must export a function named authorize");
};

/**
 * @param {Env} env
 * @returns {import("./server.js").TurnOptions | undefined}
 */
const readTurn = (env) => {
  const secret = textOf(env, "TURN_SECRET");
  const urls = listOf(env, "TURN_URLS");
  // Read in any case: a mistyped value must not wait for its day.
  const ttlSeconds = wholeNumber(env, "TURN_TTL_SECONDS", 60, maxTtlSeconds);
  if (secret === "" && urls.length === 0) return undefined;
  if (secret === "") throw new RangeError("TURN_SECRET must be set when TURN_URLS is");
  if (urls.length === 0) throw new RangeError("TURN_URLS must be set when TURN_SECRET is");
  if (urls.length > maxTurnUrls || !urls.every((url) => url.length <= maxUrlChars && turnUrlPattern.test(url))) {
    throw new RangeError(`TURN_URLS must be at most ${maxTurnUrls} like turn:turn.example:3478?transport=udp`);
  }
  return { secret, urls, ttlSeconds };
};

/**
 * @param {Env} env
 * @returns {import("./server.js").NatsOptions | undefined}
 */
const readNats = (env) => {
  const url = textOf(env, "NATS_URL");
  const subject = textOf(env, "NATS_SUBJECT");
  const heartbeatMs = wholeNumber(env, "NATS_HEARTBEAT_MS", 50, 60_000);
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(subject)) {
    throw new RangeError("NATS_SUBJECT must be words of letters, digits, - and _, with dots between them");
  }
  if (url === "") return undefined;
  parseNatsUrl(url);
  return { url, subject, heartbeatMs };
};

/** @param {string} name */
const defaultOf = (name) => settingDefinitions.find(({ env }) => env === name)?.value ?? "";

/**
 * @param {Env} env
 * @param {string} name
 */
const textOf = (env, name) => env[name] || defaultOf(name);

/**
 * @param {Env} env
 * @param {string} name
 */
const listOf = (env, name) =>
  textOf(env, name)
    .split(/[\s,]+/)
    .filter((part) => part !== "");

/**
 * @param {Env} env
 * @param {string} name
 * @param {number} min
 * @param {number} max
 */
const wholeNumber = (env, name, min, max) =>
  readWholeNumber(name, env[name], { value: Number(defaultOf(name)), min, max });
