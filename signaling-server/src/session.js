// @ts-check
/**
 * One WebSocket from its opening to its end: it waits for a join, then passes frames on, within its limits.
 *
 * Must hold whatever the client does:
 * S1  an ended session does nothing more than wait for its socket to close;
 * S2  a session is in at most one room, and out of it no later than its socket is gone;
 * S3  nothing is queued for a client that does not read.
 */

import { createTokenBucket } from "./limits.js";
import {
  closeCodes,
  errorFrame,
  iceServersFrame,
  joinedFrame,
  parseFrame,
  relayCost,
  relayCreditFrame,
  relayOverFrame,
} from "./protocol.js";

/** @typedef {import("./protocol.js").ErrorCode} ErrorCode */
/**
 * @typedef {{ phase: "waiting", cancelTimer: () => void }
 *   | { phase: "joined", membership: import("./room.js").Membership, relay: RelayBudget | undefined }
 *   | { phase: "ended" }} State
 */
/** @typedef {import("./relay-budget.js").RelayBudget} RelayBudget */
/** @typedef {{ issue: () => readonly import("./server.js").IceServer[], renewMs: number }} IceServers */
/**
 * @typedef {object} Session
 * @property {() => void} beat pings, or cuts the socket off when it left too many unanswered; renews its credentials
 * @property {(code: ErrorCode) => void} refuse tells the reason, then closes
 * @property {() => void} leave says goodbye with 1001
 */

/**
 * @param {object} options
 * @param {import("ws").WebSocket} options.socket
 * @param {import("./room-bus.js").RoomBus} options.bus
 * @param {import("./limits.js").Limits} options.limits
 * @param {import("./server.js").ServerClock} options.clock
 * @param {import("./metrics.js").Metrics} options.metrics
 * @param {IceServers | undefined} options.iceServers
 * @param {import("./relay-budget.js").RelayBudgets | undefined} options.relay
 * @returns {Session}
 */
export const startSession = ({ socket, bus, limits, clock, metrics, iceServers, relay }) => {
  const messages = createTokenBucket({
    perSecond: limits.messagesPerSecond,
    burst: limits.messageBurst,
    nowMs: clock.nowMs,
  });
  const bytes = createTokenBucket({ perSecond: limits.bytesPerSecond, burst: limits.byteBurst, nowMs: clock.nowMs });
  let missedPings = 0;
  let issuedMs = 0;
  /** @type {State} */
  let state = { phase: "waiting", cancelTimer: clock.setTimer(limits.joinTimeoutMs, () => refuse("join-timeout")) };

  socket.on("message", (content, isBinary) => {
    if (state.phase === "ended") return; // S1
    const frame = /** @type {Buffer} */ (content);
    metrics.received(frame.length);
    if (isBinary) return refuse("malformed");
    receive(frame.toString("utf8"), frame.length);
  });
  socket.on("ping", () => {
    if (!messages.take(1)) refuse("rate-limited");
  });
  socket.on("pong", () => {
    missedPings = 0;
    if (!messages.take(1)) refuse("rate-limited");
  });
  // ws closes the socket with the fitting code by itself (1002, 1007, 1009); nothing here may be logged.
  socket.on("error", () => {
    metrics.cut("framing");
    end();
  });
  socket.on("close", () => end());

  /**
   * @param {string} text
   * @param {number} length in bytes
   */
  const receive = (text, length) => {
    const parsed = parseFrame(text);
    if (!parsed.ok) return refuse(parsed.code);
    const { frame } = parsed;
    // What is relayed is paid for by credit.
    if (state.phase === "joined" && state.relay !== undefined && frame.type === "relay") {
      return passOn(state.membership, state.relay, frame);
    }
    if (!messages.take(1) || !bytes.take(length)) return refuse("rate-limited");
    if (state.phase === "waiting" && frame.type === "join") return join(frame.room, frame.member);
    if (state.phase === "joined" && frame.type === "send") return state.membership.send(frame.to, frame.payload);
    if (state.phase === "joined" && iceServers !== undefined && frame.type === "ice-servers") return renew();
    refuse("malformed");
  };

  /**
   * @param {string} room
   * @param {string} member
   */
  const join = (room, member) => {
    const joined = bus.join(room, member, deliver);
    if (!joined.ok) return refuse(joined.code);
    if (state.phase === "waiting") state.cancelTimer();
    const budget = relay?.open(room, {
      onCredit: (amount) => deliver(relayCreditFrame(amount)),
      onOver: () => deliver(relayOverFrame()),
    });
    state = { phase: "joined", membership: joined.membership, relay: budget };
    metrics.joined();
    const abilities = { iceServers: issueIceServers(), relay: budget && { credit: budget.credit } };
    deliver(joinedFrame(joined.members, abilities));
  };

  /**
   * @param {import("./room.js").Membership} membership
   * @param {RelayBudget} budget
   * @param {import("./protocol.js").RelayFrame} frame
   */
  const passOn = (membership, budget, { to, payload }) => {
    const cost = relayCost(payload);
    const answer = budget.spend(cost);
    if (answer === "overdrawn") return refuse("rate-limited");
    if (answer === "over") return metrics.relayDropped("used-up");
    metrics.relayed(cost);
    membership.relay(to, payload);
  };

  const renew = () => deliver(iceServersFrame(issueIceServers() ?? []));

  const issueIceServers = () => {
    issuedMs = clock.nowMs();
    return iceServers?.issue();
  };

  /** @type {import("./room.js").Deliver} */
  const deliver = (frame, isRelayed = false) => {
    if (socket.readyState !== socket.OPEN) return;
    // Half of the room is left to signaling: others' haste must not cut a reader off.
    if (isRelayed && socket.bufferedAmount > limits.maxBufferedBytes / 2) return metrics.relayDropped("slow-reader");
    if (socket.bufferedAmount > limits.maxBufferedBytes) return cut("slow-reader"); // S3
    metrics.sent(frame.length);
    socket.send(frame);
  };

  /** @param {"slow-reader" | "no-pong"} reason */
  const cut = (reason) => {
    metrics.cut(reason);
    socket.terminate();
  };

  const end = () => {
    if (state.phase === "waiting") state.cancelTimer();
    const left = state;
    state = { phase: "ended" };
    if (left.phase !== "joined") return;
    left.relay?.close();
    left.membership.leave(); // S2
  };

  /** @param {ErrorCode} code */
  const refuse = (code) => {
    if (state.phase === "ended") return; // S1
    end();
    metrics.refused(code);
    deliver(errorFrame(code));
    socket.close(closeCodes[code], code);
  };

  return {
    beat: () => {
      if (missedPings >= limits.maxMissedPings) return cut("no-pong");
      missedPings += 1;
      if (socket.readyState === socket.OPEN) socket.ping();
      if (state.phase !== "joined" || iceServers === undefined) return;
      if (clock.nowMs() - issuedMs >= iceServers.renewMs) renew();
    },
    refuse,
    leave: () => {
      end();
      socket.close(1001, "going-away");
    },
  };
};
