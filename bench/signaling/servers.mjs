// @ts-check
/**
 * The servers that are compared, each with what a client of it says: how to enter a room of two, how to send to the
 * other member, and how to know a message when it comes. Limits that a load test would run into are lifted.
 */

import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const newId = () => randomBytes(16).toString("base64url");
const plenty = "1000000000";

/**
 * @typedef {object} Client
 * @property {string} url
 * @property {readonly string[]} enter sent when the socket is open
 * @property {(text: string) => boolean} isEntered of what the server then says; the first that is true counts
 * @property {(payload: string) => string} send
 * @property {(text: string) => boolean} isMessage whether the other member sent it
 */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {readonly string[]} command
 * @property {(port: number) => Readonly<Record<string, string>>} env
 * @property {(port: number) => readonly [Client, Client]} newPair two members of a room of their own
 */

/** @type {Contender} */
const ledger = {
  name: "Ledger",
  command: [fromHere("../../signaling-server/src/main.js")],
  env: (port) => ({
    PORT: String(port),
    MAX_SOCKETS: "100000",
    MAX_SOCKETS_PER_ADDRESS: plenty,
    CONNECTS_PER_SECOND: plenty,
    CONNECT_BURST: plenty,
    MESSAGES_PER_SECOND: plenty,
    MESSAGE_BURST: plenty,
    BYTES_PER_SECOND: plenty,
    BYTE_BURST: plenty,
  }),
  newPair: (port) => {
    const room = newId();
    const [one, two] = [newId(), newId()];
    /** @param {string} self @param {string} other @returns {Client} */
    const client = (self, other) => ({
      url: `ws://127.0.0.1:${port}`,
      enter: [JSON.stringify({ type: "join", version: 1, room, member: self })],
      isEntered: (text) => text.startsWith('{"type":"joined"'),
      send: (payload) => JSON.stringify({ type: "send", to: other, payload }),
      isMessage: (text) => text.startsWith('{"type":"message"'),
    });
    return [client(one, two), client(two, one)];
  },
};

/** @type {Contender} */
const yWebrtc = {
  name: "y-webrtc",
  command: [fromHere("./node_modules/y-webrtc/bin/server.js")],
  env: (port) => ({ PORT: String(port) }),
  newPair: (port) => {
    const topic = newId();
    /** @returns {Client} */
    const client = () => {
      const self = newId();
      return {
        url: `ws://127.0.0.1:${port}`,
        // Nothing answers a subscription; a ping behind it is answered when it has been read.
        enter: [JSON.stringify({ type: "subscribe", topics: [topic] }), '{"type":"ping"}'],
        isEntered: (text) => text === '{"type":"pong"}',
        send: (payload) => JSON.stringify({ type: "publish", topic, from: self, payload }),
        // Everyone on the topic gets it, its sender as well.
        isMessage: (text) => text.startsWith('{"type":"publish"') && !text.includes(self),
      };
    };
    return [client(), client()];
  },
};

/** @type {Contender} */
const peerjs = {
  name: "peerjs",
  command: [fromHere("./node_modules/peer/dist/bin/peerjs.js"), "--concurrent_limit", "100000"],
  env: (port) => ({ PORT: String(port) }),
  newPair: (port) => {
    const [one, two] = [newId(), newId()];
    /** @param {string} self @param {string} other @returns {Client} */
    const client = (self, other) => ({
      url: `ws://127.0.0.1:${port}/peerjs?key=peerjs&id=${self}&token=${newId()}`,
      enter: [],
      isEntered: (text) => text === '{"type":"OPEN"}',
      send: (payload) => JSON.stringify({ type: "OFFER", dst: other, payload }),
      isMessage: (text) => text.includes('"OFFER"'),
    });
    return [client(one, two), client(two, one)];
  },
};

export const contenders = [ledger, yWebrtc, peerjs];
