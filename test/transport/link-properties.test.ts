/** Properties of links over memory, with limits small enough that every edge is met often. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFakeClock } from "../support/fake-clock.ts";
import { bytesToHex } from "../../src/common/ids.ts";
import type { Link, LinkLimits } from "../../src/transport/link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { collectFrames, frameOf } from "./frame-collector.ts";
import { linkOf } from "./memory-links.ts";

/** Every message that is on its way in memory arrives before this resolves. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const limitsOf = (fragmentBytes: number, maxFrameBytes: number, spareBytes: number): LinkLimits => ({
  fragmentBytes,
  maxFrameBytes,
  windowBytes: Math.max(maxFrameBytes, 65) + spareBytes,
});

const limits = fc
  .tuple(fc.integer({ min: 65, max: 200 }), fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 0, max: 500 }))
  .map((args) => limitsOf(...args));

/** What Bob does when nothing moves any more: consume the oldest or the newest frame that he keeps. */
const consumption = fc.infiniteStream(fc.record({ atOnce: fc.boolean(), newest: fc.boolean() }));

describe("links over memory", () => {
  it("bring every frame, intact and in order, for any sizes, limits and consumption, within the window", async () => {
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(fc.nat(1_000), { maxLength: 40 }),
        consumption,
        async (chosen, sizes, choices) => {
          const clock = createFakeClock();
          const [atAlice, atBob] = createMemoryNetwork().createChannelPair();
          const alice = linkOf(atAlice, clock, { limits: chosen });
          const bob = linkOf(atBob, clock, { limits: chosen });
          const received: Uint8Array[] = [];
          const kept: (() => void)[] = [];
          let writables = 0;
          alice.on("writable", () => (writables += 1));
          bob.on("frame", (frame, consumed) => {
            received.push(frame);
            if (choices.next().value?.atOnce === true) consumed();
            else kept.push(consumed);
          });
          const frames = sizes.map((size, index) => frameOf(Math.min(size, chosen.maxFrameBytes), index));

          const waited = frames.map((frame) => alice.send(frame)).includes(false);
          await settle();
          for (let consumed = kept.shift(); consumed !== undefined;) {
            consumed();
            await settle();
            expect(bob.pendingBytes).toBe(0);
            consumed = choices.next().value?.newest === true ? kept.pop() : kept.shift();
          }

          expect(received.map(bytesToHex)).toEqual(frames.map(bytesToHex));
          expect(alice.pendingBytes).toBe(0);
          expect(writables > 0).toBe(waited);
          alice.close("done");
        },
      ),
      { numRuns: 150 },
    );
  });

  const mutated = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 200 })).map(([type, body]) => [type, ...body]),
    fc.tuple(fc.constantFrom(4, 5, 6), fc.nat(300)).map(([type, low]) => [type, 0, 0, low >> 8, low & 0xff]),
    fc.constantFrom([1], [2, 1], [3, 1], [7, 65]),
  );

  it("never throw on what a peer sends, whole or mutated, and end open or closed with a reason", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { maxLength: 60 }), fc.boolean(), async (messages, consume) => {
        const thrown: string[] = [];
        const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: (text: string) => thrown.push(text) };
        const [atAlice, bob] = createMemoryNetwork({ logger }).createChannelPair();
        const small = limitsOf(80, 150, 0);
        const alice: Link = linkOf(atAlice, createFakeClock(), { limits: small, logger });
        const { frames } = collectFrames(alice, consume);
        const reasons: string[] = [];
        alice.on("close", (reason) => reasons.push(reason));

        alice.send(frameOf(150));
        for (const message of messages) bob.send(Uint8Array.from(message));
        await settle();

        expect(thrown).toEqual([]);
        expect(reasons.length).toBeLessThanOrEqual(1);
        expect(reasons.every((reason) => reason.length > 0)).toBe(true);
        expect(frames.every((frame) => frame.length <= small.maxFrameBytes)).toBe(true);
        alice.close("done");
      }),
      { numRuns: 500 },
    );
  });
});
