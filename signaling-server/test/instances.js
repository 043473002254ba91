// @ts-check
/** Instances of the bus over a wire in memory that can be cut, deafened and made to forget, under a fake clock. */

import { createFakeClock } from "../../test/support/fake-clock.ts";
import { defaultLimits } from "../src/limits.js";
import { createSilentLog } from "../src/log.js";
import { createMetrics } from "../src/metrics.js";
import { createNatsBus } from "../src/nats-bus.js";
import { id } from "./support.js";

export const heartbeatMs = 2_000;
const room = id(1);

/** Delivers to every plugged-in subscriber but the sender, at once and in order, as NATS does with `noEcho`. */
const createHub = () => {
  /** @type {Set<{ options: Parameters<typeof import("../src/nats-wire.js").openNatsWire>[0], isUp: boolean }>} */
  const plugs = new Set();
  /** @type {(text: string) => boolean} */
  let loses = () => false;

  return {
    /** @param {(text: string) => boolean} predicate messages that get lost from now on */
    lose: (predicate) => {
      loses = predicate;
    },
    /** @param {string} subject @param {string} text */
    inject: (subject, text) => {
      for (const { options } of plugs) if (options.subjects.includes(subject)) options.onMessage(text);
    },
    newPlug: () => {
      /** @type {{ options: Parameters<typeof import("../src/nats-wire.js").openNatsWire>[0], isUp: boolean } | undefined} */
      let plug;
      /** @type {typeof import("../src/nats-wire.js").openNatsWire} */
      const openWire = (options) => {
        const opened = { options, isUp: false };
        plug = opened;
        plugs.add(opened);
        return {
          get isUp() {
            return opened.isUp;
          },
          publish: (subject, text) => {
            if (!opened.isUp) return false;
            if (loses(text)) return true;
            for (const other of plugs) {
              if (other !== opened && other.isUp && other.options.subjects.includes(subject)) {
                other.options.onMessage(text);
              }
            }
            return true;
          },
          close: async () => void plugs.delete(opened),
        };
      };
      return {
        openWire,
        setUp: (/** @type {boolean} */ isUp) => {
          if (plug === undefined || plug.isUp === isUp) return;
          plug.isUp = isUp;
          if (isUp) plug.options.onUp();
          else plug.options.onDown("test");
        },
        /** As when the process is killed: it says and hears nothing more. */
        die: () => void (plug && plugs.delete(plug) && (plug.isUp = false)),
      };
    },
  };
};

export const arrangeInstances = () => {
  const clock = createFakeClock();
  const hub = createHub();

  const newInstance = ({ isUp = true } = {}) => {
    const { openWire, setUp, die } = hub.newPlug();
    const bus = createNatsBus({
      url: "nats://unused:4222",
      subject: "test",
      heartbeatMs,
      limits: { ...defaultLimits(), maxRoomMembers: 3 },
      clock,
      log: createSilentLog(),
      metrics: createMetrics(),
      openWire,
    });
    bus.start();
    setUp(isUp);

    /** @param {string} member @param {string} [inRoom] */
    const join = (member, inRoom = room) => {
      /** @type {any[]} */
      const heard = [];
      const joined = bus.join(inRoom, member, (frame) => heard.push(JSON.parse(frame)));
      if (!joined.ok) throw new Error(joined.code);
      const news = () => heard.splice(0).map(({ type, member: who, payload }) => `${type} ${who ?? payload}`);
      return { members: joined.members, ...joined.membership, news };
    };
    return { bus, join, setUp, die };
  };

  return { clock, hub, newInstance };
};
