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
 * @property {string} help unit and meaning in a line, for --help; README.md says more
 */

const KiB = 1024;
const largest = 2 ** 31 - 1;

/**
 * @template {string} E
 * @param {E} env
 * @param {number} value
 * @param {readonly [min: number, max: number]} range
 * @param {string} help
 */
const limit = (env, value, [min, max], help) => ({ env, value, min, max, help });

export const limitDefinitions = {
  maxFrameBytes: limit("MAX_FRAME_BYTES", 16 * KiB, [256, KiB * KiB], "bytes of one frame from a client"),
  maxFragments: limit("MAX_FRAGMENTS", 64, [1, 1_000], "WebSocket fragments of one frame"),
  joinTimeoutMs: limit("JOIN_TIMEOUT_MS", 5_000, [1, largest], "ms from the opened socket to its join"),
  maxRoomMembers: limit("MAX_ROOM_MEMBERS", 512, [2, 10_000], "members of one room"),
  maxSockets: limit("MAX_SOCKETS", 10_000, [1, largest], "sockets in all"),
  maxSocketsPerAddress: limit("MAX_SOCKETS_PER_ADDRESS", 64, [1, largest], "sockets of one IPv4 address or IPv6 /64"),
  connectsPerSecond: limit("CONNECTS_PER_SECOND", 20, [1, largest], "new sockets per second of one address"),
  connectBurst: limit("CONNECT_BURST", 64, [1, largest], "new sockets of one address in one go"),
  messagesPerSecond: limit("MESSAGES_PER_SECOND", 50, [1, largest], "frames per second of one socket"),
  messageBurst: limit("MESSAGE_BURST", 200, [1, largest], "frames of one socket in one go"),
  bytesPerSecond: limit("BYTES_PER_SECOND", 64 * KiB, [KiB, largest], "bytes per second of one socket"),
  byteBurst: limit("BYTE_BURST", KiB * KiB, [KiB, largest], "bytes of one socket in one go"),
  maxBufferedBytes: limit("MAX_BUFFERED_BYTES", KiB * KiB, [KiB, largest], "bytes that wait for a slow reader"),
  relayWindowBytes: limit(
    "RELAY_WINDOW_BYTES",
    256 * KiB,
    [64 * KiB, largest],
    "bytes relayed ahead of the rates below",
  ),
  relayBytesPerSecond: limit(
    "RELAY_BYTES_PER_SECOND",
    256 * KiB,
    [KiB, largest],
    "bytes relayed per second by a socket",
  ),
  relayRoomBytesPerSecond: limit(
    "RELAY_ROOM_BYTES_PER_SECOND",
    KiB * KiB,
    [KiB, largest],
    "bytes relayed per second by all sockets of a room",
  ),
  relayMaxBytes: limit("RELAY_MAX_BYTES", KiB * KiB * KiB, [KiB, largest], "bytes relayed by one socket in all"),
  pingIntervalMs: limit("PING_INTERVAL_MS", 30_000, [10, largest], "ms between WebSocket pings"),
  maxMissedPings: limit("MAX_MISSED_PINGS", 2, [1, 100], "pings in a row that may go unanswered"),
  headersTimeoutMs: limit("HEADERS_TIMEOUT_MS", 10_000, [100, 600_000], "ms for the HTTP headers of a request"),
  spareConnections: limit(
    "SPARE_CONNECTIONS",
    100,
    [1, largest],
    "TCP connections beyond MAX_SOCKETS, for health checks",
  ),
  closeTimeoutMs: limit("CLOSE_TIMEOUT_MS", 1_000, [1, 60_000], "ms for goodbyes, at shutdown and after a refusal"),
  authTimeoutMs: limit("AUTH_TIMEOUT_MS", 5_000, [1, 60_000], "ms for AUTH_HOOK to decide"),
};

/** @typedef {{ [K in keyof typeof limitDefinitions]: number }} Limits */

/** @returns {Limits} */
export const defaultLimits = () =>
  /** @type {Limits} */ (
    Object.fromEntries(Object.entries(limitDefinitions).map(([name, definition]) => [name, definition.value]))
  );

/**
 * @param {string} env the variable's name, for the message
 * @param {string | undefined} text
 * @param {{ value: number, min: number, max: number }} range
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
 * A token bucket: `perSecond` sustained, `burst` in one go. `take` answers whether `amount` was there; `reserve` takes it
 * in any case and answers after how many milliseconds it will be: who asked first is served first.
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
    /** @param {number} amount */
    reserve: (amount) => {
      refill();
      tokens -= amount;
      return Math.max(0, (-tokens / perSecond) * 1000);
    },
    isFull: () => {
      refill();
      return tokens >= burst;
    },
  };
};
