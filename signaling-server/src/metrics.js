// @ts-check
/** What Prometheus may know: counts and sizes. No label names a room, a member, an address or an origin. */

import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

const prefix = "ledger_signaling_";

/**
 * @typedef {object} Watched read at every scrape
 * @property {() => number} sockets
 * @property {() => number} members
 * @property {() => number} rooms
 * @property {() => number} instances
 * @property {() => boolean} ready
 */

/** @param {{ processMetrics?: boolean }} [options] `processMetrics` adds memory, CPU and event loop; once per process */
export const createMetrics = ({ processMetrics = false } = {}) => {
  const registry = new Registry();
  const registers = [registry];
  if (processMetrics) collectDefaultMetrics({ register: registry });

  /**
   * @template {string} [L=never]
   * @param {string} name
   * @param {string} help
   * @param {readonly L[]} [labelNames]
   * @returns {Counter<L>}
   */
  const counter = (name, help, labelNames = []) =>
    new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers });

  const opened = counter("sockets_opened_total", "WebSockets opened");
  const joins = counter("joins_total", "Joins accepted");
  const refused = counter("refusals_total", "Sessions refused, by the code of the error frame", ["code"]);
  const turnedAway = counter("upgrades_refused_total", "Upgrades refused, by HTTP status", ["status"]);
  const cut = counter("sockets_cut_total", "Sockets cut off", ["reason"]);
  const framesIn = counter("frames_received_total", "Frames received from clients");
  const bytesIn = counter("bytes_received_total", "Bytes in frames received from clients");
  const framesOut = counter("frames_sent_total", "Frames sent to clients");
  const charsOut = counter("bytes_sent_total", "Bytes in frames sent to clients");
  const relayedFrames = counter("relayed_frames_total", "Frames taken from clients to be relayed");
  const relayedBytes = counter("relayed_bytes_total", "What those frames cost their senders, in bytes");
  const relayDrops = counter("relay_drops_total", "Frames not relayed, by reason", ["reason"]);
  const busMessages = counter("bus_messages_total", "Messages between instances", ["direction"]);
  /** @type {Map<string, number>} */
  const refusalsSince = new Map();

  return {
    opened: () => opened.inc(),
    joined: () => joins.inc(),
    /** @param {import("./protocol.js").ErrorCode} code */
    refused: (code) => {
      refused.inc({ code });
      refusalsSince.set(code, (refusalsSince.get(code) ?? 0) + 1);
    },
    /** @param {string} status */
    turnedAway: (status) => {
      turnedAway.inc({ status });
      refusalsSince.set(status, (refusalsSince.get(status) ?? 0) + 1);
    },
    /** @param {"slow-reader" | "no-pong" | "framing"} reason */
    cut: (reason) => cut.inc({ reason }),
    /** @param {number} bytes */
    received: (bytes) => {
      framesIn.inc();
      bytesIn.inc(bytes);
    },
    /** @param {number} bytes frames are ASCII: characters and bytes are the same */
    sent: (bytes) => {
      framesOut.inc();
      charsOut.inc(bytes);
    },
    /** @param {number} cost */
    relayed: (cost) => {
      relayedFrames.inc();
      relayedBytes.inc(cost);
    },
    /** @param {"slow-reader" | "used-up"} reason */
    relayDropped: (reason) => relayDrops.inc({ reason }),
    /** @param {"in" | "out" | "dropped"} direction */
    busMessage: (direction) => busMessages.inc({ direction }),
    /** Refusals by code or status since it was asked last: one log line for thousands of them. */
    takeRefusals: () => {
      const taken = Object.fromEntries(refusalsSince);
      refusalsSince.clear();
      return taken;
    },
    /** @param {Watched} watched */
    watch: ({ sockets, members, rooms, instances, ready }) => {
      /** @type {[string, string, () => number][]} */
      const gauges = [
        ["sockets", "WebSockets open", sockets],
        ["members", "Members on this instance", members],
        ["rooms", "Rooms known to this instance", rooms],
        ["instances", "Instances that share rooms, this one included", instances],
        ["ready", "1 when /readyz answers 200", () => Number(ready())],
      ];
      for (const [name, help, read] of gauges) {
        new Gauge({
          name: prefix + name,
          help,
          registers,
          collect() {
            this.set(read());
          },
        });
      }
    },
    contentType: registry.contentType,
    /** In Prometheus' text format. */
    render: () => registry.metrics(),
  };
};

/** @typedef {ReturnType<typeof createMetrics>} Metrics */
