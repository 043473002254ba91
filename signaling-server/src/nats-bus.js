// @ts-check
/**
 * The bus for several instances, over NATS. Each announces who joins and leaves here to all others, so that every
 * instance knows every member, and a message takes one hop to the instance that holds its receiver.
 *
 * NATS delivers at most once. What is lost is found by counting and repaired with snapshots:
 * B1  members here are served whether or not NATS is there;
 * B2  an instance that is silent for three heartbeats, or says goodbye, takes its own members with it and no others;
 * B3  with every connection to NATS, everything is announced anew;
 * B4  of two instances that reach each other, each knows the other's members one heartbeat after any loss.
 */

import { randomBytes } from "node:crypto";
import { decodeBusMessage, encodeBusMessage, snapshotParts } from "./bus-message.js";
import { openNatsWire } from "./nats-wire.js";
import { createOtherInstance } from "./other-instance.js";
import { createRooms } from "./room.js";

const missedHeartbeatsAllowed = 3;

/** @typedef {import("./bus-message.js").BusMessage} BusMessage */

/**
 * @param {object} options
 * @param {string} options.url
 * @param {string} options.subject
 * @param {number} options.heartbeatMs
 * @param {{ maxRoomMembers: number }} options.limits
 * @param {import("./server.js").ServerClock} options.clock
 * @param {import("./log.js").Log} options.log
 * @param {import("./metrics.js").Metrics} options.metrics
 * @param {typeof openNatsWire} [options.openWire]
 * @returns {import("./room-bus.js").RoomBus}
 */
export const createNatsBus = ({ url, subject, heartbeatMs, limits, clock, log, metrics, openWire = openNatsWire }) => {
  const self = randomBytes(16).toString("base64url");
  const toAll = `${subject}.all`;
  /** @param {string} instance */
  const toOne = (instance) => `${subject}.to.${instance}`;
  const rooms = createRooms(limits);
  /** @type {Map<string, import("./other-instance.js").OtherInstance>} */
  const others = new Map();
  let seq = 0;
  let beatDueMs = 0;
  let cancelBeat = () => {};
  /** @type {import("./nats-wire.js").Wire | undefined} */
  let wire;

  /**
   * @param {string} to
   * @param {BusMessage} message
   */
  const publish = (to, message) => {
    // While NATS is away nothing is kept for it: B3 makes up for it.
    const sent = wire?.publish(to, encodeBusMessage(message)) === true;
    metrics.busMessage(sent ? "out" : "dropped");
  };

  /** @param {string} to */
  const publishSnapshot = (to) => {
    for (const part of snapshotParts(self, seq, rooms.here())) publish(to, part);
  };

  const announceAll = () => {
    log.info("nats-connected");
    publishSnapshot(toAll); // B3
    publish(toAll, { type: "ask", from: self });
  };

  /**
   * @param {"joined" | "left"} type
   * @param {string} room
   * @param {string} member
   */
  const announce = (type, room, member) => {
    seq += 1;
    publish(toAll, { type, from: self, seq, room, member });
  };

  /** @param {string} text */
  const receive = (text) => {
    const message = decodeBusMessage(text);
    metrics.busMessage(message === undefined ? "dropped" : "in");
    if (message === undefined || message.from === self) return;
    const other = others.get(message.from) ?? meet(message.from);
    other.heardMs = clock.nowMs();
    switch (message.type) {
      case "joined":
      case "left":
        return other.apply(message) ? undefined : askAgain(message.from, other);
      case "beat":
        return other.isCurrent(message.seq) ? undefined : askAgain(message.from, other); // B4
      case "ask":
        return publishSnapshot(toOne(message.from));
      case "snapshot":
        return other.applySnapshot(message);
      case "message":
      case "relay":
        return other.receive(message);
      case "bye":
        return part(message.from, other, "instance-left");
    }
  };

  /** @param {string} id */
  const meet = (id) => {
    const other = createOtherInstance({
      rooms,
      nowMs: clock.nowMs(),
      forward: (room, { type, from: sender, to, payload }) =>
        publish(toOne(id), { type, from: self, room, sender, to, payload }),
    });
    others.set(id, other);
    log.info("instance-joined", { instances: others.size + 1 });
    return other;
  };

  /**
   * Not more often than there are heartbeats: a snapshot may be on its way.
   * @param {string} id
   * @param {import("./other-instance.js").OtherInstance} other
   */
  const askAgain = (id, other) => {
    if (clock.nowMs() - other.askedMs < heartbeatMs) return;
    other.askedMs = clock.nowMs();
    publish(toOne(id), { type: "ask", from: self });
  };

  /**
   * @param {string} id
   * @param {import("./other-instance.js").OtherInstance} other
   * @param {"instance-left" | "instance-lost"} event
   */
  const part = (id, other, event) => {
    others.delete(id);
    other.forget();
    log.info(event, { instances: others.size + 1 });
  };

  const beat = () => {
    const lateMs = clock.nowMs() - beatDueMs;
    for (const [id, other] of others) {
      // When this process was held up, what others sent meanwhile is still to be read.
      if (lateMs > heartbeatMs) other.heardMs += lateMs;
      if (clock.nowMs() - other.heardMs > missedHeartbeatsAllowed * heartbeatMs) part(id, other, "instance-lost"); // B2
    }
    publish(toAll, { type: "beat", from: self, seq });
    beatLater();
  };

  const beatLater = () => {
    beatDueMs = clock.nowMs() + heartbeatMs;
    cancelBeat = clock.setTimer(heartbeatMs, beat);
  };

  return {
    start: () => {
      wire ??= openWire({
        url,
        subjects: [toAll, toOne(self)],
        pingIntervalMs: heartbeatMs,
        clock,
        onUp: announceAll,
        onDown: (reason) => log.warn("nats-away", { reason }),
        onMessage: receive,
      });
      beatLater();
    },
    join: (room, member, deliver) => {
      const joined = rooms.join(room, member, deliver);
      if (!joined.ok) return joined;
      announce("joined", room, member);
      const leave = () => {
        const wasIn = joined.membership.leave();
        if (wasIn) announce("left", room, member);
        return wasIn;
      };
      return { ...joined, membership: { ...joined.membership, leave } };
    },
    get ready() {
      return wire?.isUp === true;
    },
    get instanceCount() {
      return others.size + 1;
    },
    get roomCount() {
      return rooms.size;
    },
    get memberCount() {
      return rooms.memberCount;
    },
    close: async () => {
      cancelBeat();
      publish(toAll, { type: "bye", from: self });
      await wire?.close();
    },
  };
};
