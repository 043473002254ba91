/**
 * A {@link Link} over any {@link Channel} that has passed the security handshake. The bytes are described in
 * link-messages.ts, flow control in frame-outbox.ts, frame-inbox.ts and note-lane.ts; here they meet the channel, pings and closing.
 *
 * It never closes a link because of time: timers of a hidden tab come late, and whether a silent peer is given up is
 * for the caller of `probe` to decide.
 */

import type { Clock } from "../common/clock.ts";
import type { LinkId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import { createSilentLogger } from "../common/logger.ts";
import { highWaterBytes } from "./channel.ts";
import type { Channel } from "./channel.ts";
import { createFrameInbox } from "./frame-inbox.ts";
import { createFrameOutbox } from "./frame-outbox.ts";
import { createHoldingEmitter } from "./holding-emitter.ts";
import { defaultLinkLimits } from "./link.ts";
import type { LinkEvents, LinkLimits, LinkPeer, PeerLink } from "./link.ts";
import { decodeLinkMessage, encodeCloseMessage, encodeNumberMessage, leastFragmentBytes } from "./link-messages.ts";
import type { LinkFault } from "./link-messages.ts";
import { createNoteLane } from "./note-lane.ts";

export interface LinkOptions {
  readonly id: LinkId;
  readonly peer: LinkPeer;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Both sides must use the same: the protocol does not negotiate them. */
  readonly limits?: LinkLimits;
  /** Messages that arrived after the handshake's last and before this link was made, in order. */
  readonly early?: readonly Uint8Array<ArrayBuffer>[];
}

const pingEveryMs = 10_000;

/** Of older ones nobody waits for the answer. */
const maxUnansweredPings = 16;

/** A timer this much overdue says that the page was frozen: what arrived meanwhile may still wait behind the timer. */
const overdueMs = 1_000;

/**
 * The link takes the channel over: closing either closes both.
 * @throws RangeError when the limits contradict each other
 */
export const createLink = (channel: Channel, options: LinkOptions): PeerLink => {
  const { id, peer, clock, logger = createSilentLogger(), limits = defaultLinkLimits, early = [] } = options;
  checkLimits(limits, channel.maxMessageBytes);

  let closed = false;
  let lastPing = 0;
  let roundTripMs: number | undefined;
  let stopPinging = (): void => {};
  const pingsSentAtMs = new Map<number, number>();
  const probes = new Set<(answered: boolean) => void>();

  const events = createHoldingEmitter<LinkEvents, "frame">("frame", (error, event) =>
    logger.error("a link's listener threw", { link: id, event, error: String(error) }),
  );
  const outbox = createFrameOutbox(channel, limits, {
    onTaken: (bytes) => events.emit("taken", bytes),
    onWritable: () => events.emit("writable"),
  });
  const inbox = createFrameInbox(limits, {
    onFrame: (frame, consumed) => events.offer(frame, consumed),
    onConsumed: (total) => {
      if (!closed) channel.send(encodeNumberMessage("consumed", total));
    },
  });

  const notes = createNoteLane((message) => {
    if (!closed) channel.send(message);
  });

  const finish = (reason: string): void => {
    closed = true;
    stopPinging();
    for (const stopListening of channelListeners.splice(0)) stopListening();
    channel.close(reason);
    outbox.clear();
    for (const answer of probes) answer(false);
    logger.debug("link closed", { link: id, route: channel.route, reason });
    events.end(reason);
  };

  const close = (reason: string): void => {
    if (closed) return;
    channel.send(encodeCloseMessage(reason));
    // `send` may have found the channel broken and closed it, and with it this link.
    if (!closed) finish(reason);
  };

  const ping = (): void => {
    lastPing = (lastPing + 1) >>> 0;
    pingsSentAtMs.set(lastPing, clock.nowMs());
    pingsSentAtMs.delete(lastPing - maxUnansweredPings);
    channel.send(encodeNumberMessage("ping", lastPing));
  };

  const pingRepeatedly = (): void => {
    stopPinging = clock.setTimer(pingEveryMs, pingRepeatedly);
    ping();
  };

  const answerPing = (number: number): void => {
    // Whoever does not read must not make pongs pile up; all that is buffered will prove as well that we live.
    if (channel.bufferedBytes < 2 * highWaterBytes) channel.send(encodeNumberMessage("pong", number));
  };

  const measure = (number: number): void => {
    const sentAtMs = pingsSentAtMs.get(number);
    if (sentAtMs === undefined || !pingsSentAtMs.delete(number)) return;
    // The clock may have been set back meanwhile.
    roundTripMs = Math.max(0, clock.nowMs() - sentAtMs);
  };

  const faultOf = (message: Uint8Array<ArrayBuffer>): LinkFault | undefined => {
    const decoded = decodeLinkMessage(message);
    if (!decoded.ok) return decoded.error;
    switch (decoded.value.type) {
      case "frame":
      case "fragment":
      case "last":
        return inbox.receive(decoded.value.type, decoded.value.bytes);
      case "consumed":
        return outbox.consumed(decoded.value.number);
      case "ping":
        answerPing(decoded.value.number);
        return undefined;
      case "pong":
        measure(decoded.value.number);
        return undefined;
      case "note":
        return notes.receive(decoded.value.bytes);
      case "noted":
        return notes.noted(decoded.value.number);
      case "close":
        finish(decoded.value.reason);
        return undefined;
    }
  };

  const receive = (message: Uint8Array<ArrayBuffer>): void => {
    if (closed) return;
    for (const answer of probes) answer(true);
    const fault = faultOf(message);
    if (fault === undefined) return;
    logger.warn("a peer broke the link's format", { link: id, fault });
    close(fault);
  };

  const probe = (timeoutMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      if (closed) return resolve(false);
      const dueMs = clock.nowMs() + timeoutMs;
      const onTimer = (): void => {
        if (clock.nowMs() - dueMs < overdueMs) answer(false);
        else cancelTimer = clock.setTimer(overdueMs, () => answer(false));
      };
      let cancelTimer = clock.setTimer(timeoutMs, onTimer);
      const answer = (answered: boolean): void => {
        cancelTimer();
        probes.delete(answer);
        resolve(answered);
      };
      probes.add(answer);
      ping();
    });

  const channelListeners = [
    channel.on("drain", () => outbox.pump()),
    channel.on("close", (reason) => {
      if (!closed) finish(reason);
    }),
  ];
  for (const message of early) receive(message);
  if (!closed) channelListeners.push(channel.on("message", receive));
  if (!closed) pingRepeatedly();

  return {
    id,
    peer,
    get route() {
      return channel.route;
    },
    send: (frame) => {
      if (frame.length > limits.maxFrameBytes) {
        throw new RangeError(`a frame of ${frame.length} bytes exceeds the limit of ${limits.maxFrameBytes}`);
      }
      return !closed && outbox.send(frame);
    },
    probe,
    on: events.on,
    close,
    notes: notes.lane,
    get pendingBytes() {
      return outbox.pendingBytes;
    },
    get roundTripMs() {
      return roundTripMs;
    },
  };
};

const checkLimits = (limits: LinkLimits, maxMessageBytes: number): void => {
  if (Math.min(limits.fragmentBytes, maxMessageBytes) < leastFragmentBytes) {
    throw new RangeError(`fragments need at least ${leastFragmentBytes} bytes`);
  }
  if (limits.windowBytes < Math.max(limits.maxFrameBytes, leastFragmentBytes) || limits.windowBytes > 0x7fff_ffff) {
    throw new RangeError("windowBytes must hold a frame of maxFrameBytes and be below 2^31");
  }
};
