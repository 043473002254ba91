/**
 * A {@link Channel} through the signaling server. Messages are cut into the bodies of records, which somebody else seals
 * and carries; one that is lost on the way ends the channel. At most {@link windowBytes} are on their way, so that no
 * more than that waits at the server for a slow reader.
 *
 * A body is one byte and the rest:
 *
 * | first byte | rest                                                                         |
 * | ---------- | ---------------------------------------------------------------------------- |
 * | 0          | a message, or its end                                                        |
 * | 1          | part of a message that goes on in the next body of type 0 or 1               |
 * | 2          | bytes of bodies of type 0 and 1 received so far, modulo 2^32 (u32, big-endian) |
 * | 3          | nothing: this end has closed                                                 |
 */

import type { Clock } from "../common/clock.ts";
import { createSilentLogger, type Logger } from "../common/logger.ts";
import type { Result } from "../common/result.ts";
import { lowWaterBytes, type Channel, type ChannelEvents } from "./channel.ts";
import { createHoldingEmitter } from "./holding-emitter.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Carries records to one other end and back: in order, each at most once, maybe none any more. */
export interface RelayCarrier {
  /** Queues one record. */
  send(record: Bytes): void;
  /** Calls for what has come meanwhile, and all that comes. `onEnd` is the last, and not called after `close`. */
  listen(onRecord: (record: Bytes) => void, onEnd: (reason: string) => void): void;
  /** Hears nothing any more; what was given to `send` still leaves. Idempotent. */
  close(): void;
}

/** Both resolve in the order of the calls; `open` answers with why a record is left out, or with the end of the channel. */
export interface RecordSealer {
  seal(body: Uint8Array): Promise<Bytes>;
  open(record: Bytes): Promise<Result<Bytes, string>>;
}

export interface RelayChannelOptions {
  readonly carrier: RelayCarrier;
  readonly sealer: RecordSealer;
  /** Bytes of the longest body that `sealer` takes. */
  readonly maxBodyBytes: number;
  /** Faults of `sealer.open` that end the channel; others are left out. */
  readonly isFatal: (fault: string) => boolean;
  readonly fingerprints: Channel["fingerprints"];
  readonly clock: Clock;
  readonly logger?: Logger;
}

const reportLength = 5;
const types = { end: 0, part: 1, received: 2, closed: 3 } as const;

/** Of bodies that are sent and not reported received. */
const windowBytes = 64 * 1024;
const reportAfterBytes = windowBytes / 4;

const maxMessageBytes = 65_536;

/** Messages kept while nobody listens yet, which is the length of a handshake. */
const maxHeldMessages = 64;

/** What was sent last, the reason of a close above all, gets this long to leave. */
const lingerMs = 1_000;

export const createRelayChannel = (options: RelayChannelOptions): Channel => {
  const { carrier, sealer, maxBodyBytes, isFatal, fingerprints, clock, logger = createSilentLogger() } = options;

  let phase: "open" | "closing" | "closed" = "open";
  const waiting: Bytes[] = [];
  let waitingBytes = 0;
  let sentBytes = 0;
  let reportedBytes = 0;
  let receivedBytes = 0;
  let unreportedBytes = 0;
  const parts: Bytes[] = [];
  let partsBytes = 0;
  let cancelLinger = (): void => {};
  let taken: Promise<void> = Promise.resolve();
  const events = createHoldingEmitter<ChannelEvents, "message">("message", (error, event) =>
    logger.error("a channel's listener threw", { event, error: String(error) }),
  );

  const post = (body: Bytes): void => {
    sealer.seal(body).then(
      (record) => carrier.send(record),
      () => end("RELAY_USED_UP"),
    );
  };

  const pump = (): void => {
    const before = waitingBytes;
    for (let [body] = waiting; body !== undefined; [body] = waiting) {
      if (((sentBytes - reportedBytes) >>> 0) + body.length > windowBytes) break;
      waiting.shift();
      waitingBytes -= body.length;
      sentBytes = (sentBytes + body.length) >>> 0;
      post(body);
    }
    if (phase === "closing" && waiting.length === 0) sayClosed();
    else if (before > lowWaterBytes && waitingBytes <= lowWaterBytes) events.emit("drain");
  };

  const send = (message: Bytes): void => {
    if (message.length > maxMessageBytes) throw new RangeError(`a message may have ${maxMessageBytes} bytes`);
    if (phase !== "open") return;
    const partBytes = maxBodyBytes - 1;
    for (let start = 0; start === 0 || start < message.length; start += partBytes) {
      const part = message.subarray(start, start + partBytes);
      const body = bodyOf(start + part.length === message.length ? types.end : types.part, part);
      waiting.push(body);
      waitingBytes += body.length;
    }
    pump();
  };

  /** Behind all that was sent. */
  const sayClosed = (): void => {
    phase = "closed";
    cancelLinger();
    sealer.seal(Uint8Array.of(types.closed)).then(
      (record) => {
        carrier.send(record);
        carrier.close();
      },
      () => carrier.close(),
    );
  };

  /** The other end is gone, or as good as that. */
  const end = (reason: string): void => {
    phase = "closed";
    cancelLinger();
    carrier.close();
    events.end(reason);
  };

  const close = (reason: string): void => {
    if (phase !== "open") return;
    phase = "closing";
    cancelLinger = clock.setTimer(lingerMs, sayClosed);
    events.end(reason);
    pump();
  };

  const takePart = (type: number, part: Bytes): void => {
    // Parts of nothing would cost memory and be counted as none.
    if (type === types.part && part.length === 0) return end("RELAY_MALFORMED");
    partsBytes += part.length;
    if (partsBytes > maxMessageBytes) return end("CHANNEL_MESSAGE_TOO_LARGE");
    parts.push(part);
    receivedBytes = (receivedBytes + 1 + part.length) >>> 0;
    unreportedBytes += 1 + part.length;
    if (unreportedBytes >= reportAfterBytes) {
      unreportedBytes = 0;
      post(reportOf(receivedBytes));
    }
    if (type === types.part) return;
    const message = join(parts, partsBytes);
    parts.length = 0;
    partsBytes = 0;
    events.offer(message);
    if (events.heldCount > maxHeldMessages) end("CHANNEL_UNHEARD");
  };

  const takeReport = (body: Bytes): void => {
    if (body.length !== reportLength) return end("RELAY_MALFORMED");
    const total = new DataView(body.buffer, body.byteOffset).getUint32(1);
    if ((total - reportedBytes) >>> 0 > (sentBytes - reportedBytes) >>> 0) return end("RELAY_MALFORMED");
    reportedBytes = total;
    pump();
  };

  const takeBody = (body: Bytes): void => {
    if (phase === "closed") return;
    const [type] = body;
    if (type === types.received) return takeReport(body);
    // Our own reason stands.
    if (phase === "closing") return;
    if (type === types.end || type === types.part) return takePart(type, body.subarray(1));
    end(type === types.closed && body.length === 1 ? "closed by the peer" : "RELAY_MALFORMED");
  };

  carrier.listen(
    (record) => {
      taken = sealer.open(record).then((opened) => {
        if (opened.ok) return takeBody(opened.value);
        logger.warn("a relayed record was left out", { fault: opened.error });
        if (isFatal(opened.error) && phase !== "closed") end(`RELAY_${opened.error}`);
      });
    },
    (reason) => {
      // Behind what has come before it, a goodbye maybe, and is still being opened.
      void taken.then(() => {
        if (phase !== "closed") end(reason);
      });
    },
  );

  return {
    route: "relay",
    maxMessageBytes,
    fingerprints,
    get bufferedBytes() {
      return waitingBytes;
    },
    send,
    on: events.on,
    close,
  };
};

const bodyOf = (type: number, part: Uint8Array): Bytes => {
  const body = new Uint8Array(1 + part.length);
  body[0] = type;
  body.set(part, 1);
  return body;
};

const reportOf = (total: number): Bytes => {
  const body = new Uint8Array(reportLength);
  body[0] = types.received;
  new DataView(body.buffer).setUint32(1, total);
  return body;
};

const join = (parts: readonly Bytes[], bytes: number): Bytes => {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const message = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    message.set(part, offset);
    offset += part.length;
  }
  return message;
};
