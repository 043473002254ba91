import { constants, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createFrameJoiner, isCutFrame, messageToFrames, type FrameJoiner } from "../src/message-frames.ts";
import { createSeededRandom } from "./support/seeded-random.ts";

/** Largest frame, header included. */
const frameBytes = 192 * 1024;
const more = 1;
const deflated = 2;

const frames = async (message: Uint8Array<ArrayBuffer>): Promise<readonly Uint8Array<ArrayBuffer>[]> =>
  messageToFrames(message);

/** The answer to the last frame; every one before it must ask for more. */
const join = async (joiner: FrameJoiner, parts: readonly Uint8Array<ArrayBuffer>[]) => {
  for (const part of parts.slice(0, -1)) expect(await joiner.add(part)).toEqual({ ok: true, value: undefined });
  return joiner.add(parts.at(-1) as Uint8Array<ArrayBuffer>);
};

const isEqual = (left: Uint8Array | undefined, right: Uint8Array): boolean =>
  left !== undefined && Buffer.compare(left, right) === 0;

const noise = (length: number): Uint8Array<ArrayBuffer> => createSeededRandom(length).bytes(length);

const frame = (flags: number, body: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([flags, ...body]);

describe("a message", () => {
  it.each([
    0,
    1,
    1_023,
    1_024,
    1_025,
    frameBytes - 2,
    frameBytes - 1,
    frameBytes,
    2 * frameBytes - 2,
    2 * frameBytes - 1,
    500_000,
  ])("of %i bytes that do not deflate comes back from frames that are not too large", async (length) => {
    const message = noise(length);

    const cut = await frames(message);
    const joined = await join(createFrameJoiner(1_000_000), cut);

    expect(cut).toHaveLength(Math.max(1, Math.ceil(length / (frameBytes - 1))));
    expect(cut.map(([flags]) => flags)).toEqual(cut.map((_, i) => (i === cut.length - 1 ? 0 : more)));
    expect(Math.max(...cut.map((part) => part.length))).toBeLessThanOrEqual(frameBytes);
    expect(joined.ok && isEqual(joined.value, message)).toBe(true);
  });

  it.each([1_024, 100_000, 20_000_000])("of %i bytes that deflate comes back from fewer", async (length) => {
    const message = new Uint8Array(length).fill(7);

    const cut = await frames(message);
    const joined = await join(createFrameJoiner(length), cut);

    expect(cut.at(-1)?.[0]).toBe(deflated);
    expect(cut.reduce((sum, part) => sum + part.length, 0)).toBeLessThan(length / 10);
    expect(joined.ok && isEqual(joined.value, message)).toBe(true);
  });

  it("whose deflated form takes several frames is marked in each", async () => {
    const message = Uint8Array.from({ length: 700_000 }, (_, i) => (i % 2 === 0 ? 0 : (i * 2_654_435_761) >>> 24));
    message.set(noise(350_000));

    const cut = await frames(message);
    const joined = await join(createFrameJoiner(700_000), cut);

    expect(cut.length).toBeGreaterThan(1);
    expect(cut.map(([flags]) => flags)).toEqual([...cut.slice(1).map(() => more | deflated), deflated]);
    expect(joined.ok && isEqual(joined.value, message)).toBe(true);
  });

  it("below the threshold leaves at once, without a turn of the event loop", () => {
    expect(messageToFrames(new Uint8Array(1_023))).toBeInstanceOf(Array);
    expect(messageToFrames(new Uint8Array(1_024))).toBeInstanceOf(Promise);
  });

  it("follows another over the same joiner", async () => {
    const joiner = createFrameJoiner(100_000);
    const first = await join(joiner, await frames(new Uint8Array(50_000)));
    const second = await join(joiner, await frames(noise(3)));

    expect(first).toMatchObject({ ok: true, value: { length: 50_000 } });
    expect(second).toEqual({ ok: true, value: noise(3) });
  });
});

describe("frames that are refused", () => {
  it("are empty", () => {
    expect(createFrameJoiner(10).add(new Uint8Array())).toEqual({ ok: false, error: "FRAME_EMPTY" });
  });

  it("promise more and bring nothing: a peer could send them for ever", () => {
    expect(createFrameJoiner(10).add(frame(more))).toEqual({ ok: false, error: "FRAME_EMPTY" });
  });

  it.each([4, 5, 8, 128, 255])("carry unknown flags: %i", (flags) => {
    expect(createFrameJoiner(10).add(frame(flags, noise(2)))).toEqual({ ok: false, error: "FRAME_FLAGS" });
  });

  it("make a message that is too large as it came", async () => {
    const joiner = createFrameJoiner(10);

    expect(joiner.add(frame(more, noise(10)))).toEqual({ ok: true, value: undefined });
    expect(joiner.add(frame(0, noise(1)))).toEqual({ ok: false, error: "MESSAGE_TOO_LARGE" });
    expect(await createFrameJoiner(10).add(frame(0, noise(10)))).toMatchObject({ ok: true });
  });

  it("inflate to more than the bound, long before all of it is there", async () => {
    const bomb = Uint8Array.from(deflateRawSync(new Uint8Array(100_000_000)));

    const joined = await join(createFrameJoiner(1_000_000), [frame(deflated, bomb)]);

    expect(joined).toEqual({ ok: false, error: "MESSAGE_TOO_LARGE" });
  });

  it("inflate to exactly the bound, and to one byte more", async () => {
    const body = Uint8Array.from(deflateRawSync(new Uint8Array(5_000)));

    expect(await createFrameJoiner(5_000).add(frame(deflated, body))).toMatchObject({
      ok: true,
      value: { length: 5_000 },
    });
    expect(await createFrameJoiner(4_999).add(frame(deflated, body))).toEqual({
      ok: false,
      error: "MESSAGE_TOO_LARGE",
    });
  });

  const valid = Uint8Array.from(deflateRawSync(noise(2_000)));
  const unfinished = Uint8Array.from(deflateRawSync(noise(2_000), { finishFlush: constants.Z_SYNC_FLUSH }));

  it.each([
    ["noise", noise(2_000).fill(0xff, 0, 4)],
    ["nothing", new Uint8Array()],
    ["the half of it", valid.subarray(0, valid.length / 2)],
    ["no end", unfinished],
  ])("claim to be deflated and hold %s", async (_, body) => {
    expect(await createFrameJoiner(10_000).add(frame(deflated, body))).toEqual({ ok: false, error: "NOT_DEFLATED" });
  });

  it("never throw, whatever they hold", async () => {
    const random = createSeededRandom(5);
    for (let i = 0; i < 300; i += 1) {
      const body = random.bytes(Math.floor(random.unit() * 60));
      const joined = await createFrameJoiner(500).add(frame(Math.floor(random.unit() * 6), body));
      expect(typeof joined.ok).toBe("boolean");
    }
  });
});

describe("a part of a message", () => {
  it("is told from its end, and from what nobody would cut like that", async () => {
    const parts = await frames(noise(2 * frameBytes + 10));

    expect(parts.map(isCutFrame)).toEqual([true, true, false]);
    expect(isCutFrame(frame(more, new Uint8Array(5)))).toBe(false);
  });
});
