// @ts-check
/**
 * The optional bearer check. Browsers cannot set headers on a WebSocket, so the bearer token comes as a subprotocol:
 * `Sec-WebSocket-Protocol: ledger.v1, bearer.<base64url>`. The server chooses `ledger.v1` and never repeats the other.
 */

import { createHash, timingSafeEqual } from "node:crypto";

export const subprotocol = "ledger.v1";
const prefix = "bearer.";

/** @typedef {{ bearer: string | undefined, origin: string | undefined }} Credentials */
/** @typedef {(credentials: Credentials) => boolean | Promise<boolean>} Authorize */

/**
 * @param {string | undefined} header Sec-WebSocket-Protocol as the client wrote it
 * @returns {string | undefined} undefined when there is none, or it is no base64url of UTF-8
 */
export const readBearer = (header = "") => {
  const offered = header.split(",").map((name) => name.trim());
  const coded = offered.find((name) => name.startsWith(prefix))?.slice(prefix.length);
  if (coded === undefined || !/^[A-Za-z0-9_-]+$/.test(coded)) return undefined;
  const bytes = Buffer.from(coded, "base64url");
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : undefined;
};

/**
 * Compares in constant time, by digest, with every secret.
 * @param {readonly string[]} secrets several, so that one can be replaced while clients still use the other
 * @returns {Authorize}
 */
export const createSecretCheck = (secrets) => {
  const digests = secrets.map(digest);
  return ({ bearer }) => {
    if (bearer === undefined) return false;
    const presented = digest(bearer);
    return digests.map((expected) => timingSafeEqual(expected, presented)).includes(true);
  };
};

/**
 * Who satisfies one of the checks is let in. A check that throws or takes longer than `timeoutMs` refuses.
 * @param {object} options
 * @param {readonly Authorize[]} options.checks none lets everyone in
 * @param {number} options.timeoutMs
 * @param {import("./server.js").ServerClock} options.clock
 * @param {import("./log.js").Log} options.log
 * @returns {(credentials: Credentials) => Promise<boolean>} never rejects
 */
export const createAuthorizer = ({ checks, timeoutMs, clock, log }) => {
  /**
   * @param {Authorize} check
   * @param {Credentials} credentials
   * @returns {Promise<boolean>}
   */
  const ask = (check, credentials) =>
    new Promise((resolve) => {
      const cancelTimeout = clock.setTimer(timeoutMs, () => {
        log.error("auth-hook-timeout");
        resolve(false);
      });
      /** @param {boolean} allowed */
      const decide = (allowed) => {
        cancelTimeout();
        resolve(allowed);
      };
      const run = async () => (await check(credentials)) === true;
      run().then(decide, (error) => {
        // Not its message: it may quote the credentials.
        log.error("auth-hook-failed", { name: error instanceof Error ? error.name : typeof error });
        decide(false);
      });
    });

  return async (credentials) => {
    if (checks.length === 0) return true;
    for (const check of checks) if (await ask(check, credentials)) return true;
    return false;
  };
};

/** @param {string} text */
const digest = (text) => createHash("sha256").update(text).digest();
