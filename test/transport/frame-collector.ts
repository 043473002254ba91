/** What the link cases share: recognisable frames, a listener that remembers, and assertions that need no test runner. */

import type { Channel } from "../../src/transport/channel.ts";
import type { Link } from "../../src/transport/link.ts";

export const expectEqual = (actual: unknown, expected: unknown, what: string): void => {
  if (!Object.is(actual, expected)) throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`);
};

/** A frame whose every byte depends on `seed` and its place, so that a swap or a shift is seen. */
export const frameOf = (length: number, seed = length): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, index) => (seed * 31 + index + (index >>> 8) * 7) & 0xff);

export const expectFrame = (actual: Uint8Array | undefined, expected: Uint8Array, what: string): void => {
  expectEqual(actual?.length, expected.length, `${what}: length`);
  const differs = expected.findIndex((byte, index) => byte !== actual?.[index]);
  expectEqual(differs, -1, `${what}: first byte that differs`);
};

/** Resolves with the first value for which `isIt` holds of those that `subscribe` brings. */
const first = <T>(subscribe: (tell: (value: T) => void) => void, isIt: (value: T) => boolean): Promise<T> =>
  new Promise((resolve) => {
    subscribe((value) => {
      if (isIt(value)) resolve(value);
    });
  });

export interface FrameCollector {
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  /** Of the frames not consumed yet, oldest first; take and call. */
  readonly consumers: (() => void)[];
  /** Resolves when `count` frames have come. */
  until(count: number): Promise<void>;
}

/** @param consume - whether each frame is consumed as it comes */
export const collectFrames = (link: Link, consume = true): FrameCollector => {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  const consumers: (() => void)[] = [];
  const listeners = new Set<(count: number) => void>();
  link.on("frame", (frame, consumed) => {
    frames.push(frame);
    if (consume) consumed();
    else consumers.push(consumed);
    for (const tell of listeners) tell(frames.length);
  });

  return {
    frames,
    consumers,
    until: async (count) => {
      if (frames.length >= count) return;
      await first<number>(
        (tell) => listeners.add(tell),
        (seen) => seen >= count,
      );
    },
  };
};

export interface MessageCollector {
  readonly messages: readonly Uint8Array<ArrayBuffer>[];
  /** Resolves with the first message, old or new, for which `isIt` holds. */
  until(isIt: (message: Uint8Array<ArrayBuffer>) => boolean): Promise<Uint8Array<ArrayBuffer>>;
}

export const collectMessages = (channel: Channel): MessageCollector => {
  const messages: Uint8Array<ArrayBuffer>[] = [];
  const listeners = new Set<(message: Uint8Array<ArrayBuffer>) => void>();
  channel.on("message", (message) => {
    messages.push(message);
    for (const tell of listeners) tell(message);
  });

  return {
    messages,
    until: async (isIt) => messages.find(isIt) ?? (await first((tell) => listeners.add(tell), isIt)),
  };
};

interface Closing {
  on(event: "close", listener: (reason: string) => void): () => void;
}

/** Of a link or a channel. */
export const closeReasonOf = (closing: Closing): Promise<string> =>
  new Promise((resolve) => {
    closing.on("close", resolve);
  });

export const writableOf = (link: Link): Promise<void> =>
  new Promise((resolve) => {
    link.on("writable", resolve);
  });
