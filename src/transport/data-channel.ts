/**
 * An RTCDataChannel as a {@link Channel}. Listens from the moment it is made, which may be before the data channel is
 * open: the other side can be ready, and speak, earlier than this one.
 */

import type { Clock } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import { lowWaterBytes } from "./channel.ts";
import type { Channel, ChannelEvents } from "./channel.ts";
import { createHoldingEmitter } from "./holding-emitter.ts";

export interface DataChannelOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked for once the path stands. */
  readonly fingerprints: () => Channel["fingerprints"];
  /** Ends the connection beneath, at once. Its end must be told with `end`. */
  readonly release: () => void;
}

export interface AdoptedDataChannel {
  readonly channel: Channel;
  /** The data channel is open and configured by whoever made it. */
  start(): void;
  /** The connection beneath is gone. */
  end(reason: string): void;
}

/** Chromium and Firefox take 262,144; 65,536 is what every implementation must take without having announced it. */
const maxMessageBytes = 65_536;

/** Messages kept while nobody listens yet, which is the length of a handshake. */
const maxHeldMessages = 64;

/** What was sent last, the reason of a close above all, gets this long to leave before the connection is torn down. */
const lingerMs = 1_000;

export const adoptDataChannel = (dataChannel: RTCDataChannel, options: DataChannelOptions): AdoptedDataChannel => {
  const { clock, logger, fingerprints, release } = options;

  let closed = false;
  let cancelLinger = (): void => {};
  const events = createHoldingEmitter<ChannelEvents, "message">("message", (error, event) =>
    logger.error("a channel's listener threw", { event, error: String(error) }),
  );

  const close = (reason: string): void => {
    if (closed) return;
    closed = true;
    // Not the connection: closing the data channel lets what it buffers leave first, and the other side hears of it.
    dataChannel.close();
    cancelLinger = clock.setTimer(lingerMs, release);
    events.end(reason);
  };

  dataChannel.addEventListener("message", (event: MessageEvent<unknown>) => {
    // simple-peer listens as well and would wrap bytes that are a worker's by then. Ours was registered first.
    event.stopImmediatePropagation();
    const body = event.data;
    if (closed) return;
    if (!(body instanceof ArrayBuffer)) return close("CHANNEL_NOT_BINARY");
    if (body.byteLength > maxMessageBytes) return close("CHANNEL_MESSAGE_TOO_LARGE");
    events.offer(new Uint8Array(body));
    if (events.heldCount > maxHeldMessages) close("CHANNEL_UNHEARD");
  });
  dataChannel.addEventListener("bufferedamountlow", () => {
    if (!closed) events.emit("drain");
  });

  return {
    channel: {
      route: "webrtc",
      maxMessageBytes,
      get bufferedBytes() {
        return dataChannel.bufferedAmount;
      },
      get fingerprints() {
        return fingerprints();
      },
      send: (bytes) => {
        if (bytes.length > maxMessageBytes) throw new RangeError(`a message may have ${maxMessageBytes} bytes`);
        // While it is closing its `close` is on the way.
        if (closed || dataChannel.readyState !== "open") return;
        try {
          dataChannel.send(bytes);
        } catch (error) {
          // The platform's queue is full (16 MiB in Chromium): a Link never comes near, so its owner is at fault.
          logger.warn("a data channel refused a message", { error: String(error) });
          close("CHANNEL_SEND_FAILED");
        }
      },
      on: events.on,
      close,
    },
    start: () => {
      dataChannel.bufferedAmountLowThreshold = lowWaterBytes;
    },
    end: (reason) => {
      closed = true;
      cancelLinger();
      events.end(reason);
    },
  };
};
