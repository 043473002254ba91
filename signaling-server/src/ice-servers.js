// @ts-check
/**
 * Time-limited TURN credentials, as coturn's `use-auth-secret` checks them: the user name carries the time of expiry, the
 * password is its HMAC under a secret shared with the TURN server. Nothing has to be stored anywhere.
 * @see https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 */

import { createHmac, randomBytes } from "node:crypto";

/**
 * @param {import("./server.js").TurnOptions} turn
 * @param {() => number} nowMs
 * @param {() => string} [randomUser] tells users apart in the TURN server's quota; must not name anyone
 * @returns {import("./session.js").IceServers}
 */
export const createIceServers = ({ secret, urls, ttlSeconds }, nowMs, randomUser = drawUser) => ({
  renewMs: ttlSeconds * 500,
  issue: () => {
    const username = `${Math.floor(nowMs() / 1000) + ttlSeconds}:${randomUser()}`;
    const credential = createHmac("sha1", secret).update(username).digest("base64");
    return [{ urls, username, credential }];
  },
});

const drawUser = () => randomBytes(9).toString("base64url");
