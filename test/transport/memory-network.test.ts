import { describe, expect, it } from "vitest";
import { createMemoryNetwork } from "../../src/testing.ts";
import type { MemoryNetworkOptions } from "../../src/testing.ts";
import { lowWaterBytes, type Channel } from "../../src/transport/channel.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { closeReasonOf, collectMessages } from "./frame-collector.ts";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const firstBytes = (messages: readonly Uint8Array[]): number[] => messages.map(([byte]) => byte ?? -1);
const sendBytes = (channel: Channel, ...bytes: readonly number[]): void => {
  for (const byte of bytes) channel.send(Uint8Array.of(byte));
};

const timed = (options: MemoryNetworkOptions) => {
  const clock = createFakeClock();
  const pair = createMemoryNetwork({ clock, ...options }).connect();
  return { clock, pair, atBob: collectMessages(pair.bob).messages, atAlice: collectMessages(pair.alice).messages };
};

describe("the memory network", () => {
  it("delivers without a clock, in order, a copy of each message", async () => {
    const [alice, bob] = createMemoryNetwork().createChannelPair();
    const { messages } = collectMessages(bob);
    const reused = Uint8Array.of(1);

    alice.send(reused);
    reused[0] = 2;
    alice.send(reused);
    await settle();

    expect(firstBytes(messages)).toEqual([1, 2]);
  });

  it("keeps messages for a listener that comes late, and the end for one that comes after it", async () => {
    const [alice, bob] = createMemoryNetwork().createChannelPair();
    sendBytes(alice, 1, 2);
    await settle();

    const { messages } = collectMessages(bob);
    sendBytes(alice, 3);
    await settle();
    alice.close("bye");
    await settle();

    expect(firstBytes(messages)).toEqual([1, 2, 3]);
    expect(await closeReasonOf(alice)).toBe("bye");
    expect(await closeReasonOf(bob)).toBe("closed by the peer");
  });

  it("takes the latency, with jitter that changes no order", async () => {
    const { clock, pair, atBob } = timed({ latencyMs: 100, jitterMs: 50, random: createSeededRandom(3) });

    sendBytes(pair.alice, 1, 2, 3, 4, 5);
    await clock.advance(99);
    const early = atBob.length;
    await clock.advance(51);

    expect(early).toBe(0);
    expect(firstBytes(atBob)).toEqual([1, 2, 3, 4, 5]);
  });

  it("lets out no more than the bandwidth, and drains when the buffer is down to the lower mark", async () => {
    const { clock, pair, atBob } = timed({ bytesPerSecond: lowWaterBytes });
    let drains = 0;
    pair.alice.on("drain", () => (drains += 1));

    for (let messages = 0; messages < 4; messages += 1) pair.alice.send(new Uint8Array(lowWaterBytes));
    await clock.advance(2_999);
    const before = { drains, arrived: atBob.length, buffered: pair.alice.bufferedBytes };
    await clock.advance(1);

    expect(before).toEqual({ drains: 0, arrived: 2, buffered: 2 * lowWaterBytes });
    expect({ drains, arrived: atBob.length }).toEqual({ drains: 1, arrived: 3 });
  });

  it("holds what is sent while cut, one way or both, and loses nothing", async () => {
    const { clock, pair, atBob, atAlice } = timed({ latencyMs: 1 });

    pair.cut("alice");
    sendBytes(pair.alice, 1, 2);
    sendBytes(pair.bob, 9);
    await clock.advance(1_000);
    const whileCut = { atBob: atBob.length, atAlice: atAlice.length, buffered: pair.alice.bufferedBytes };
    pair.restore();
    await clock.advance(1);

    expect(whileCut).toEqual({ atBob: 0, atAlice: 1, buffered: 2 });
    expect(firstBytes(atBob)).toEqual([1, 2]);
  });

  it("tells nobody of a crash until it is reported", async () => {
    const { clock, pair, atBob, atAlice } = timed({ latencyMs: 10 });
    const reasons: string[] = [];
    pair.bob.on("close", (reason) => reasons.push(reason));
    pair.alice.on("close", (reason) => reasons.push(reason));

    sendBytes(pair.alice, 1);
    pair.crash("alice");
    sendBytes(pair.bob, 2);
    sendBytes(pair.alice, 3);
    await clock.advance(60_000);
    const unreported = [...reasons];
    pair.report("bob", "failed");

    expect([atAlice.length, atBob.length, unreported.length]).toEqual([0, 0, 0]);
    expect(reasons).toEqual(["failed"]);
  });

  it("closes behind the messages that are on their way", async () => {
    const { clock, pair, atBob } = timed({ latencyMs: 10 });
    const seenAtClose: number[] = [];
    pair.bob.on("close", () => seenAtClose.push(atBob.length));

    sendBytes(pair.alice, 1, 2);
    pair.alice.close("bye");
    sendBytes(pair.alice, 3);
    await clock.advance(10);

    expect(seenAtClose).toEqual([2]);
    expect(firstBytes(atBob)).toEqual([1, 2]);
  });

  it("refuses messages over the limit and options that need others", () => {
    const [alice] = createMemoryNetwork({ maxMessageBytes: 10 }).createChannelPair();

    expect(() => alice.send(new Uint8Array(11))).toThrow(RangeError);
    expect(() => createMemoryNetwork({ latencyMs: 1 })).toThrow(RangeError);
    expect(() => createMemoryNetwork({ jitterMs: 1, clock: createFakeClock() })).toThrow(RangeError);
  });

  it("shows the fingerprints it is given", () => {
    const fingerprints = { alice: { local: "a", remote: "b" }, bob: { local: "b", remote: "x" } };

    const { alice, bob } = createMemoryNetwork().connect({ fingerprints });

    expect([alice.fingerprints, bob.fingerprints]).toEqual([fingerprints.alice, fingerprints.bob]);
  });
});
