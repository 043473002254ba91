/** The parts of a memory network's pair: an end, which is a {@link Channel}, and a wire, which carries one direction. */

import type { Clock } from "../common/clock.ts";
import { lowWaterBytes } from "./channel.ts";
import type { Channel, ChannelEvents } from "./channel.ts";
import { createHoldingEmitter } from "./holding-emitter.ts";

/** What a wire carries: a message, or (null) that the sender has closed. */
type Parcel = Uint8Array<ArrayBuffer> | null;

export interface MemoryWire {
  attach(sender: MemoryEnd, receiver: MemoryEnd): void;
  put(parcel: Parcel): void;
  cut(): void;
  restore(): void;
  /** Loses what is on its way, then stays cut. */
  sever(): void;
  readonly bufferedBytes: number;
}

export interface MemoryEnd {
  readonly channel: Channel;
  receive(parcel: Parcel): void;
  /** The wire's buffer shrank from `fromBytes`. */
  shrank(fromBytes: number): void;
  /** Closes without telling the other end. */
  end(reason: string): void;
  /** Neither sends nor receives any more, and says nothing of it. */
  silence(): void;
}

export interface MemoryWireOptions {
  readonly clock: Clock | undefined;
  /** How long the next message takes to arrive once it has left. */
  readonly delayMs: () => number;
  readonly bytesPerSecond: number;
}

/** Carries parcels in order: each leaves when those before it have left, then takes `delayMs` to arrive. */
export const createMemoryWire = ({ clock, delayMs, bytesPerSecond }: MemoryWireOptions): MemoryWire => {
  const leaving: Parcel[] = [];
  const arriving: Parcel[] = [];
  let ends: { readonly sender: MemoryEnd; readonly receiver: MemoryEnd } | undefined;
  let bufferedBytes = 0;
  let whole = true;
  let busy = false;
  let lastArrivalMs = -Infinity;

  const later = (afterMs: number, run: () => void): void => {
    if (clock === undefined) queueMicrotask(run);
    else clock.setTimer(afterMs, run);
  };

  const arrive = (): void => {
    const parcel = arriving.shift();
    if (parcel !== undefined) ends?.receiver.receive(parcel);
  };

  const leave = (): void => {
    busy = false;
    if (!whole) return;
    const parcel = leaving.shift();
    if (parcel === undefined) return;
    arriving.push(parcel);
    if (clock === undefined) arrive();
    else {
      lastArrivalMs = Math.max(lastArrivalMs, clock.nowMs() + delayMs());
      clock.setTimer(lastArrivalMs - clock.nowMs(), arrive);
    }
    const before = bufferedBytes;
    bufferedBytes -= parcel?.length ?? 0;
    ends?.sender.shrank(before);
    leaveNext();
  };

  const leaveNext = (): void => {
    const [next] = leaving;
    if (busy || !whole || next === undefined) return;
    busy = true;
    later(((next?.length ?? 0) * 1000) / bytesPerSecond, leave);
  };

  return {
    attach: (sender, receiver) => {
      ends = { sender, receiver };
    },
    put: (parcel) => {
      leaving.push(parcel);
      bufferedBytes += parcel?.length ?? 0;
      leaveNext();
    },
    cut: () => {
      whole = false;
    },
    restore: () => {
      whole = true;
      leaveNext();
    },
    sever: () => {
      whole = false;
      leaving.length = 0;
      arriving.length = 0;
      bufferedBytes = 0;
    },
    get bufferedBytes() {
      return bufferedBytes;
    },
  };
};

export interface MemoryEndOptions {
  readonly outgoing: MemoryWire;
  readonly maxMessageBytes: number;
  readonly fingerprints: Channel["fingerprints"];
  readonly onListenerError: (error: unknown) => void;
}

export const createMemoryEnd = (options: MemoryEndOptions): MemoryEnd => {
  const { outgoing, maxMessageBytes, fingerprints, onListenerError } = options;
  let state: "open" | "silent" | "closed" = "open";
  const events = createHoldingEmitter<ChannelEvents, "message">("message", onListenerError);

  const end = (reason: string): void => {
    state = "closed";
    events.end(reason);
  };

  return {
    channel: {
      route: "memory",
      maxMessageBytes,
      fingerprints,
      get bufferedBytes() {
        return outgoing.bufferedBytes;
      },
      send: (bytes) => {
        if (bytes.length > maxMessageBytes) throw new RangeError(`a message may have ${maxMessageBytes} bytes`);
        // A copy, as on a real wire: sender and receiver each own theirs.
        if (state === "open") outgoing.put(bytes.slice());
      },
      on: events.on,
      close: (reason) => {
        if (state === "open") outgoing.put(null);
        if (state !== "closed") end(reason);
      },
    },
    receive: (parcel) => {
      if (state !== "open") return;
      if (parcel === null) end("closed by the peer");
      else events.offer(parcel);
    },
    shrank: (fromBytes) => {
      if (state !== "open") return;
      if (fromBytes > lowWaterBytes && outgoing.bufferedBytes <= lowWaterBytes) events.emit("drain");
    },
    end,
    silence: () => {
      if (state === "open") state = "silent";
    },
  };
};
