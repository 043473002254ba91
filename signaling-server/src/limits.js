// @ts-check
/**
 * Every limit of the server: its name, the environment variable that sets it, unit, default and range.
 * README's table is checked against this list by a test.
 */

/**
 * @typedef {object} Limit
 * @property {string} env
 * @property {number} value default
 * @property {number} min
 * @property {number} max
 */

const KiB = 1024;
const largest = 2 ** 31 - 1;

export const limitDefinitions = /** @type {const} */ ({
  /** Bytes of one frame from a client; a larger one closes the socket with 1009. */
  maxFrameBytes: { env: "MAX_FRAME_BYTES", value: 16 * KiB, min: 256, max: 1024 * KiB },
  /** From the opened socket to its valid `join`. */
  joinTimeoutMs: { env: "JOIN_TIMEOUT_MS", value: 5_000, min: 1, max: largest },
  maxRoomMembers: { env: "MAX_ROOM_MEMBERS", value: 512, min: 2, max: 10_000 },
  maxSockets: { env: "MAX_SOCKETS", value: 10_000, min: 1, max: largest },
  /** Open sockets of one address (IPv6: of one /64). */
  maxSocketsPerAddress: { env: "MAX_SOCKETS_PER_ADDRESS", value: 64, min: 1, max: largest },
  /** New sockets of one address, sustained and in one go. */
  connectsPerSecond: { env: "CONNECTS_PER_SECOND", value: 20, min: 1, max: largest },
  connectBurst: { env: "CONNECT_BURST", value: 64, min: 1, max: largest },
  /** Frames of one socket, WebSocket pings and pongs included, sustained and in one go. */
  messagesPerSecond: { env: "MESSAGES_PER_SECOND", value: 50, min: 1, max: largest },
  messageBurst: { env: "MESSAGE_BURST", value: 200, min: 1, max: largest },
  /** Payload bytes of one socket's frames, sustained and in one go. */
  bytesPerSecond: { env: "BYTES_PER_SECOND", value: 64 * KiB, min: KiB, max: largest },
  byteBurst: { env: "BYTE_BURST", value: 1024 * KiB, min: KiB, max: largest },
  /** What may wait for a slow reader before it is cut off. */
  maxBufferedBytes: { env: "MAX_BUFFERED_BYTES", value: 1024 * KiB, min: KiB, max: largest },
  /** A socket that leaves two pings in a row unanswered is cut off. */
  pingIntervalMs: { env: "PING_INTERVAL_MS", value: 30_000, min: 10, max: largest },
});

/** @typedef {{ [K in keyof typeof limitDefinitions]: number }} Limits */

/** @returns {Limits} */
export const defaultLimits = () =>
  /** @type {Limits} */ (
    Object.fromEntries(Object.entries(limitDefinitions).map(([name, definition]) => [name, definition.value]))
  );

/**
 * @param {string} env the variable's name, for the message
 * @param {string | undefined} text
 * @param {Limit} range
 * @returns {number}
 * @throws {RangeError} when `text` is no whole number of the range; a mistyped limit must not become no limit
 */
export const readWholeNumber = (env, text, range) => {
  if (text === undefined || text === "") return range.value;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < range.min || number > range.max) {
    throw new RangeError(`${env} must be a whole number from ${range.min} to ${range.max}`);
  }
  return number;
};

/**
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Limits}
 */
export const readLimits = (env) =>
  /** @type {Limits} */ (
    Object.fromEntries(
      Object.entries(limitDefinitions).map(([name, definition]) => [
        name,
        readWholeNumber(definition.env, env[definition.env], definition),
      ]),
    )
  );

/**
 * A token bucket: `perSecond` sustained, `burst` in one go. `take` answers whether `amount` was there.
 * @param {{ perSecond: number, burst: number, nowMs: () => number }} options
 */
export const createTokenBucket = ({ perSecond, burst, nowMs }) => {
  let tokens = burst;
  let updatedMs = nowMs();

  const refill = () => {
    const now = nowMs();
    // A clock that was set back must not take tokens away.
    tokens = Math.min(burst, tokens + (Math.max(0, now - updatedMs) / 1000) * perSecond);
    updatedMs = now;
  };

  return {
    /** @param {number} amount */
    take: (amount) => {
      refill();
      if (tokens < amount) return false;
      tokens -= amount;
      return true;
    },
    isFull: () => {
      refill();
      return tokens >= burst;
    },
  };
};
