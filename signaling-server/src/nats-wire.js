// @ts-check
/**
 * One connection to a NATS server that comes back by itself. Publishes while it is up and keeps nothing while it is not.
 * The only file that knows the NATS client, which is loaded when it is needed.
 */

/**
 * @typedef {object} Wire
 * @property {boolean} isUp
 * @property {(subject: string, text: string) => boolean} publish false when it is not up
 * @property {() => Promise<void>} close sends what was published, within `closeLimitMs`; never rejects
 */

const connectTimeoutMs = 2_000;
const closeLimitMs = 500;
/** Between attempts, with jitter: a NATS server that comes back must not be met by all instances at once. */
const [minRetryMs, maxRetryMs] = [200, 1_000];
/** Unanswered, the connection counts as lost. */
const maxPings = 2;

/**
 * @param {object} options
 * @param {string} options.url see NatsOptions
 * @param {readonly string[]} options.subjects
 * @param {number} options.pingIntervalMs
 * @param {import("./server.js").ServerClock} options.clock
 * @param {() => void} options.onUp after every connection, the first included
 * @param {(reason: string) => void} options.onDown once for each time it is away; names no server
 * @param {(text: string) => void} options.onMessage
 * @returns {Wire}
 */
export const openNatsWire = ({ url, subjects, pingIntervalMs, clock, onUp, onDown, onMessage }) => {
  const connectionOptions = { ...parseNatsUrl(url), timeout: connectTimeoutMs, pingInterval: pingIntervalMs };
  /** @type {import("@nats-io/transport-node").NatsConnection | undefined} */
  let connection;
  let isClosed = false;
  let isDownTold = false;
  let cancelRetry = () => {};

  const connect = async () => {
    const { connect: dial } = await import("@nats-io/transport-node");
    const opened = await dial({
      ...connectionOptions,
      name: "ledger-signaling",
      noEcho: true,
      // One way to connect, the first time and again.
      reconnect: false,
      maxPingOut: maxPings,
    });
    if (isClosed) return opened.close();

    for (const subject of subjects) {
      opened.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) onMessage(message.string());
        },
      });
    }
    connection = opened;
    isDownTold = false;
    onUp();
    const error = await opened.closed();
    connection = undefined;
    if (error) throw error;
  };

  const run = () => {
    connect()
      .then(
        () => "closed",
        (error) => (error instanceof Error ? error.name : typeof error),
      )
      .then((reason) => {
        if (isClosed) return;
        if (!isDownTold) onDown(reason);
        isDownTold = true;
        cancelRetry = clock.setTimer(minRetryMs + Math.random() * (maxRetryMs - minRetryMs), run);
      })
      // Only a listener of ours can have thrown: a bug, which must not pass in silence.
      .catch((error) =>
        queueMicrotask(() => {
          throw error;
        }),
      );
  };

  run();

  return {
    get isUp() {
      return connection !== undefined;
    },
    publish: (subject, text) => {
      try {
        connection?.publish(subject, text);
        return connection !== undefined;
      } catch {
        // It is closing, or the text is larger than the NATS server takes; the caller counts it.
        return false;
      }
    },
    close: async () => {
      isClosed = true;
      cancelRetry();
      const closing = connection;
      connection = undefined;
      if (closing === undefined) return;
      let cancelLimit = () => {};
      const limit = new Promise((resolve) => {
        cancelLimit = clock.setTimer(closeLimitMs, () => resolve(undefined));
      });
      const gone = async () => {
        await closing.flush();
        await closing.close();
      };
      // Lost at the last moment: the others find out by silence.
      await Promise.race([gone().catch(() => {}), limit]);
      cancelLimit();
    },
  };
};

/**
 * The client takes credentials only beside the URL.
 * @param {string} text `nats://` or `tls://`, several separated by commas; credentials of the first count for all
 * @throws {RangeError} when it is not that
 */
export const parseNatsUrl = (text) => {
  const urls = text.split(",").map((part) => (URL.canParse(part.trim()) ? new URL(part.trim()) : undefined));
  const [first] = urls;
  if (first === undefined || !urls.every((url) => url && /^(nats|tls):$/.test(url.protocol) && url.hostname !== "")) {
    throw new RangeError("NATS_URL must be nats://host:port or tls://host:port, several separated by commas");
  }
  const [user, pass] = [decodeURIComponent(first.username), decodeURIComponent(first.password)];
  const credentials = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  return {
    servers: urls.map((url) => `${url?.hostname}:${url?.port || 4222}`),
    ...credentials,
    ...(first.protocol === "tls:" ? { tls: {} } : {}),
  };
};
