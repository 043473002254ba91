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
import { closeCodes, errorFrame, parseFrame } from "./protocol.js";

/** @typedef {import("./protocol.js").ErrorCode} ErrorCode */
/**
 * @typedef {{ phase: "waiting", cancelTimer: () => void }
 *   | { phase: "joined", membership: import("./room.js").Membership }
 *   | { phase: "ended" }} State
 */
/**
 * @typedef {object} Session
 * @property {() => void} beat pings, or cuts the socket off when it left two pings unanswered
 * @property {(code: ErrorCode) => void} refuse tells the reason, then closes
 * @property {() => void} leave says goodbye with 1001
 */

const missedPingsAllowed = 2;

/**
 * @param {object} options
 * @param {import("ws").WebSocket} options.socket
 * @param {ReturnType<typeof import("./room.js").createRooms>} options.rooms
 * @param {import("./limits.js").Limits} options.limits
 * @param {import("./server.js").ServerClock} options.clock
 * @returns {Session}
 */
export const startSession = ({ socket, rooms, limits, clock }) => {
  const messages = createTokenBucket({
    perSecond: limits.messagesPerSecond,
    burst: limits.messageBurst,
    nowMs: clock.nowMs,
  });
  const bytes = createTokenBucket({ perSecond: limits.bytesPerSecond, burst: limits.byteBurst, nowMs: clock.nowMs });
  let missedPings = 0;
  /** @type {State} */
  let state = { phase: "waiting", cancelTimer: clock.setTimer(limits.joinTimeoutMs, () => refuse("join-timeout")) };

  socket.on("message", (content, isBinary) => {
    if (state.phase === "ended") return; // S1
    const frame = /** @type {Buffer} */ (content);
    if (!messages.take(1) || !bytes.take(frame.length)) return refuse("rate-limited");
    if (isBinary) return refuse("malformed");
    receive(frame.toString("utf8"));
  });
  socket.on("ping", () => {
    if (!messages.take(1)) refuse("rate-limited");
  });
  socket.on("pong", () => {
    missedPings = 0;
    if (!messages.take(1)) refuse("rate-limited");
  });
  // ws closes the socket with the fitting code by itself (1002, 1007, 1009); nothing here may be logged.
  socket.on("error", () => end());
  socket.on("close", () => end());

  /** @param {string} text */
  const receive = (text) => {
    const parsed = parseFrame(text);
    if (!parsed.ok) return refuse(parsed.code);
    const { frame } = parsed;
    if (state.phase === "waiting" && frame.type === "join") return join(frame.room, frame.member);
    if (state.phase === "joined" && frame.type === "send") return state.membership.send(frame.to, frame.payload);
    refuse("malformed");
  };

  /**
   * @param {string} room
   * @param {string} member
   */
  const join = (room, member) => {
    const joined = rooms.join(room, member, deliver);
    if (!joined.ok) return refuse(joined.code);
    if (state.phase === "waiting") state.cancelTimer();
    state = { phase: "joined", membership: joined.membership };
  };

  /** @param {string} frame */
  const deliver = (frame) => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > limits.maxBufferedBytes) return socket.terminate(); // S3
    socket.send(frame);
  };

  const end = () => {
    if (state.phase === "waiting") state.cancelTimer();
    const left = state;
    state = { phase: "ended" };
    if (left.phase === "joined") left.membership.leave(); // S2
  };

  /** @param {ErrorCode} code */
  const refuse = (code) => {
    if (state.phase === "ended") return; // S1
    end();
    deliver(errorFrame(code));
    socket.close(closeCodes[code], code);
  };

  return {
    beat: () => {
      if (missedPings >= missedPingsAllowed) return socket.terminate();
      missedPings += 1;
      if (socket.readyState === socket.OPEN) socket.ping();
    },
    refuse,
    leave: () => {
      end();
      socket.close(1001, "going-away");
    },
  };
};
