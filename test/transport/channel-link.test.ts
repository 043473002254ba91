import { describe, expect, it } from "vitest";
import { highWaterBytes } from "../../src/transport/channel.ts";
import { defaultLinkLimits } from "../../src/transport/link.ts";
import type { Link } from "../../src/transport/link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { closeReasonOf, collectFrames, collectMessages, frameOf } from "./frame-collector.ts";
import { linkOf } from "./memory-links.ts";

const openPair = (latencyMs: number) => {
  const clock = createFakeClock();
  const network = createMemoryNetwork({ clock, latencyMs });
  const pair = network.connect();
  return { clock, pair, alice: linkOf(pair.alice, clock) };
};

const pingsIn = (messages: readonly Uint8Array[]): number => messages.filter(([type]) => type === 5).length;

describe("a link", () => {
  it("takes the round trip at once and then every ten seconds", async () => {
    const { clock, pair, alice } = openPair(40);
    const bob = linkOf(pair.bob, clock);

    await clock.advance(80);
    const first = alice.roundTripMs;
    await clock.advance(9_900);
    bob.close("enough");

    expect(first).toBe(80);
  });

  it("pings on, and stays open when nobody answers for an hour", async () => {
    const { clock, pair, alice } = openPair(1);
    const atBob = collectMessages(pair.bob);
    const reasons: string[] = [];
    alice.on("close", (reason) => reasons.push(reason));

    await clock.advance(3_600_000);

    expect(pingsIn(atBob.messages)).toBe(360);
    expect(alice.roundTripMs).toBeUndefined();
    expect(reasons).toEqual([]);
    alice.close("done");
    expect(clock.pendingDelaysMs().every((delayMs) => delayMs <= 1)).toBe(true);
  });

  it("gives a probe another second when its own timer came late, as in a page that was frozen", async () => {
    const timers: { readonly delayMs: number; readonly run: () => void }[] = [];
    let nowMs = 0;
    const clock = {
      nowMs: () => nowMs,
      setTimer: (delayMs: number, run: () => void) => {
        timers.push({ delayMs, run });
        return () => {};
      },
    };
    const pair = createMemoryNetwork().connect();
    const alice = linkOf(pair.alice, clock);

    const answer = alice.probe(2_000);
    nowMs = 60_000;
    timers.find(({ delayMs }) => delayMs === 2_000)?.run();
    pair.bob.send(Uint8Array.of(6, 0, 0, 0, 2));

    expect(await answer).toBe(true);
    expect(timers.some(({ delayMs }) => delayMs === 1_000)).toBe(true);
  });

  it("answers probes with false when it closes", async () => {
    const { alice } = openPair(1);

    const answer = alice.probe(60_000);
    alice.close("gone");

    expect(await answer).toBe(false);
  });

  it("takes the messages that came before it was made first", async () => {
    const clock = createFakeClock();
    const pair = createMemoryNetwork().connect();
    pair.bob.send(Uint8Array.of(1, 3));

    const alice = linkOf(pair.alice, clock, { early: [Uint8Array.of(1, 1), Uint8Array.of(1, 2)] });
    const { frames, until } = collectFrames(alice);
    await until(3);

    expect(frames.map(([byte]) => byte)).toEqual([1, 2, 3]);
  });

  it("closes for a fault in the early messages, and tells who listens later", async () => {
    const pair = createMemoryNetwork().connect();

    const alice = linkOf(pair.alice, createFakeClock(), { early: [Uint8Array.of(99)] });

    expect(await closeReasonOf(alice)).toBe("LINK_UNKNOWN_TYPE");
    expect(await closeReasonOf(pair.bob)).toBe("closed by the peer");
  });

  it("closes with the channel", async () => {
    const { pair, alice } = openPair(1);

    pair.report("alice", "the network went away");

    expect(await closeReasonOf(alice)).toBe("the network went away");
  });

  it("fills the channel to its upper mark and goes on below the lower one", async () => {
    const { clock, pair, alice } = openPair(1);
    const atBob = collectMessages(pair.bob);
    pair.cut("alice");

    const taken = alice.send(frameOf(defaultLinkLimits.maxFrameBytes));
    const buffered = pair.alice.bufferedBytes;
    pair.restore("alice");
    await clock.advance(100);

    expect(taken).toBe(false);
    expect(buffered).toBeGreaterThanOrEqual(highWaterBytes);
    expect(buffered).toBeLessThan(highWaterBytes + defaultLinkLimits.fragmentBytes);
    expect(atBob.messages.filter(([type]) => type === 2 || type === 3).length).toBe(65);
    alice.close("done");
  });

  it("lets no pongs pile up for a peer that does not read", async () => {
    const pair = createMemoryNetwork().connect();
    const alice = linkOf(pair.alice, createFakeClock());
    pair.cut("alice");
    pair.alice.send(new Uint8Array(highWaterBytes));

    for (let pings = 0; pings < 20_000; pings += 1) pair.bob.send(Uint8Array.of(5, 0, 0, 0, 1));
    await new Promise((resolve) => setImmediate(resolve));

    expect(pair.alice.bufferedBytes).toBeGreaterThanOrEqual(2 * highWaterBytes);
    expect(pair.alice.bufferedBytes).toBeLessThan(2 * highWaterBytes + 10);
    alice.close("done");
  });

  it("cuts to what the channel takes", async () => {
    const clock = createFakeClock();
    const pair = createMemoryNetwork({ maxMessageBytes: 1_000 }).connect();
    const [alice, bob]: readonly Link[] = [linkOf(pair.alice, clock), linkOf(pair.bob, clock)];
    if (alice === undefined || bob === undefined) throw new Error("no links");
    const { frames, until } = collectFrames(bob);

    alice.send(frameOf(100_000));
    await until(1);

    expect(frames[0]).toEqual(frameOf(100_000));
  });

  it.each([
    ["fragments too small to count", { ...defaultLinkLimits, fragmentBytes: 64 }],
    ["a window smaller than a frame", { ...defaultLinkLimits, windowBytes: 1_000 }],
  ])("refuses %s", (_, limits) => {
    const pair = createMemoryNetwork().connect();

    expect(() => linkOf(pair.alice, createFakeClock(), { limits })).toThrow(RangeError);
  });
});
