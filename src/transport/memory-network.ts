/**
 * Pairs of connected channels in memory, for tests and simulations: ordered and reliable like a data channel, and with
 * switches for what goes wrong in the field. Deterministic: no timer, time or randomness but what is passed in.
 */

import type { Clock } from "../common/clock.ts";
import { createSilentLogger } from "../common/logger.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import type { Channel } from "./channel.ts";
import { createMemoryEnd, createMemoryWire } from "./memory-wire.ts";

export interface MemoryNetworkOptions {
  /** Messages arrive through its timers; without it each arrives on a microtask of its own. */
  readonly clock?: Clock;
  /** Needed for `jitterMs`. */
  readonly random?: Random;
  /** One way. Default 0. */
  readonly latencyMs?: number;
  /** Added to the latency, uniform in [0, jitterMs), order kept. Default 0. */
  readonly jitterMs?: number;
  /** Of each direction; what has not left yet counts as buffered. Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Default 65,536, as over WebRTC. */
  readonly maxMessageBytes?: number;
  readonly logger?: Logger;
}

export interface Fingerprints {
  readonly local: string;
  readonly remote: string;
}

/** One end of a pair: Alice made it, Bob took it. */
export type MemorySide = "alice" | "bob";

/** Which messages: named after who sends them. */
export type MemoryDirection = "both" | MemorySide;

export interface MemoryPair {
  readonly alice: Channel;
  readonly bob: Channel;
  /** Messages sent stay buffered, as on a broken path, until `restore`; with `"alice"` only hers. */
  cut(direction?: MemoryDirection): void;
  restore(direction?: MemoryDirection): void;
  /**
   * The process of `side` dies: it neither hears nor says anything from now on, what it sent and what was sent to it
   * is lost, and the other side learns nothing until `report`.
   */
  crash(side: MemorySide): void;
  /** What the platform does in the end: closes the end of `side` with `reason`, without telling the other. */
  report(side: MemorySide, reason: string): void;
}

export interface MemoryPairOptions {
  /** As if over DTLS, for tests of what is bound to them. Default: empty, as on routes without DTLS. */
  readonly fingerprints?: { readonly alice: Fingerprints; readonly bob: Fingerprints };
}

export interface MemoryNetwork {
  connect(options?: MemoryPairOptions): MemoryPair;
  /** The two channels of `connect()`, when no switch is needed. */
  createChannelPair(options?: MemoryPairOptions): [alice: Channel, bob: Channel];
  /** Every pair made so far. */
  readonly pairs: readonly MemoryPair[];
}

const noFingerprints: Fingerprints = { local: "", remote: "" };

/** @throws RangeError when an option needs another that is missing */
export const createMemoryNetwork = (options: MemoryNetworkOptions = {}): MemoryNetwork => {
  const { clock, random, latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity } = options;
  const { maxMessageBytes = 65_536, logger = createSilentLogger() } = options;
  if (clock === undefined && (latencyMs > 0 || jitterMs > 0 || bytesPerSecond < Infinity)) {
    throw new RangeError("latencyMs, jitterMs and bytesPerSecond need a clock");
  }
  if (random === undefined && jitterMs > 0) throw new RangeError("jitterMs needs random");

  const delayMs = (): number => latencyMs + (random === undefined ? 0 : random.unit() * jitterMs);
  const pairs: MemoryPair[] = [];

  const connect = ({ fingerprints }: MemoryPairOptions = {}): MemoryPair => {
    const onListenerError = (error: unknown): void => logger.error("a listener threw", { error: String(error) });
    const wires = {
      alice: createMemoryWire({ clock, delayMs, bytesPerSecond }),
      bob: createMemoryWire({ clock, delayMs, bytesPerSecond }),
    };
    const ends = {
      alice: createMemoryEnd({
        outgoing: wires.alice,
        maxMessageBytes,
        fingerprints: fingerprints?.alice ?? noFingerprints,
        onListenerError,
      }),
      bob: createMemoryEnd({
        outgoing: wires.bob,
        maxMessageBytes,
        fingerprints: fingerprints?.bob ?? noFingerprints,
        onListenerError,
      }),
    };
    wires.alice.attach(ends.alice, ends.bob);
    wires.bob.attach(ends.bob, ends.alice);
    const wiresOf = (direction: MemoryDirection) =>
      direction === "both" ? [wires.alice, wires.bob] : [wires[direction]];

    return {
      alice: ends.alice.channel,
      bob: ends.bob.channel,
      cut: (direction = "both") => wiresOf(direction).forEach((wire) => wire.cut()),
      restore: (direction = "both") => wiresOf(direction).forEach((wire) => wire.restore()),
      crash: (side) => {
        ends[side].silence();
        wires.alice.sever();
        wires.bob.sever();
      },
      report: (side, reason) => ends[side].end(reason),
    };
  };

  const connectAndKeep = (pairOptions?: MemoryPairOptions): MemoryPair => {
    const pair = connect(pairOptions);
    pairs.push(pair);
    return pair;
  };

  return {
    connect: connectAndKeep,
    createChannelPair: (pairOptions) => {
      const { alice, bob } = connectAndKeep(pairOptions);
      return [alice, bob];
    },
    pairs,
  };
};
