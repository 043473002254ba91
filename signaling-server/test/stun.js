// @ts-check
/**
 * Just enough of STUN (RFC 8489) and TURN (RFC 8656) to ask a TURN server for a relayed address over UDP and learn
 * whether the credentials are good.
 */

import { createHash, createHmac, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";

const magicCookie = 0x21_12_a4_42;
const allocateRequest = 0x0003;
const attributes = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  transport: 0x0019,
};
const udp = 17;

/**
 * @param {number} port on 127.0.0.1
 * @param {{ username: string, credential: string }} credentials
 * @returns {Promise<{ relayPort: number } | { errorCode: number }>}
 */
export const allocate = async (port, { username, credential }) => {
  const socket = createSocket("udp4");
  try {
    // The first request is refused in any case, and the refusal brings realm and nonce.
    const challenge = await exchange(socket, port, [transport()]);
    const realm = challenge.get(attributes.realm);
    const nonce = challenge.get(attributes.nonce);
    if (realm === undefined || nonce === undefined) throw new Error("the TURN server did not ask for credentials");

    const key = createHash("md5").update(`${username}:${realm.toString()}:${credential}`).digest();
    const answer = await exchange(
      socket,
      port,
      [transport(), [attributes.username, Buffer.from(username)], [attributes.realm, realm], [attributes.nonce, nonce]],
      key,
    );
    const relayed = answer.get(attributes.relayed);
    if (relayed !== undefined) return { relayPort: relayed.readUInt16BE(2) ^ (magicCookie >>> 16) };
    const error = answer.get(attributes.error);
    if (error === undefined) throw new Error("the TURN server sent neither an address nor an error");
    return { errorCode: (error.readUInt8(2) & 7) * 100 + error.readUInt8(3) };
  } finally {
    socket.close();
  }
};

/** @returns {[number, Buffer]} */
const transport = () => [attributes.transport, Buffer.from([udp, 0, 0, 0])];

/**
 * @param {import("node:dgram").Socket} socket
 * @param {number} port
 * @param {readonly (readonly [type: number, value: Buffer])[]} fields
 * @param {Buffer} [key] signs the request
 * @returns {Promise<Map<number, Buffer>>} the answer's attributes
 */
const exchange = (socket, port, fields, key) => {
  const transaction = randomBytes(12);
  const request = encode(transaction, fields, key);
  return new Promise((resolve, reject) => {
    // UDP may lose either way; RFC 8489 starts with 500 ms.
    const retry = setInterval(() => socket.send(request, port, "127.0.0.1"), 500);
    const done = () => {
      clearInterval(retry);
      socket.off("message", read).off("error", fail);
    };
    const read = (/** @type {Buffer} */ message) => {
      if (!message.subarray(8, 20).equals(transaction)) return;
      done();
      resolve(decode(message));
    };
    const fail = (/** @type {Error} */ error) => {
      done();
      reject(error);
    };
    socket.on("message", read).on("error", fail);
    socket.send(request, port, "127.0.0.1");
  });
};

/**
 * @param {Buffer} transaction
 * @param {readonly (readonly [type: number, value: Buffer])[]} fields
 * @param {Buffer | undefined} key
 */
const encode = (transaction, fields, key) => {
  const body = Buffer.concat(fields.map(([type, value]) => attribute(type, value)));
  const header = Buffer.alloc(20);
  header.writeUInt16BE(allocateRequest, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(magicCookie, 4);
  transaction.copy(header, 8);
  if (key === undefined) return Buffer.concat([header, body]);

  // The length that is signed counts the signature already.
  header.writeUInt16BE(body.length + 24, 2);
  const signature = createHmac("sha1", key).update(header).update(body).digest();
  return Buffer.concat([header, body, attribute(attributes.integrity, signature)]);
};

/**
 * @param {number} type
 * @param {Buffer} value
 */
const attribute = (type, value) => {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
};

/** @param {Buffer} message */
const decode = (message) => {
  /** @type {Map<number, Buffer>} */
  const found = new Map();
  for (let at = 20; at + 4 <= message.length;) {
    const length = message.readUInt16BE(at + 2);
    found.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return found;
};
