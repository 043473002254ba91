import { beforeEach, describe, expect, it } from "vitest";
import { createRelayChannel } from "../../src/transport/relay-channel.ts";
import { ok } from "../../src/common/result.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { closeReasonOf, collectMessages } from "./frame-collector.ts";
import { connectRelayed, createCarrierPair, type RelayPair } from "./relay-links.ts";

type Bytes = Uint8Array<ArrayBuffer>;

let clock: FakeClock;
let pair: RelayPair;

beforeEach(async () => {
  clock = createFakeClock();
  pair = await connectRelayed(clock);
});

const bytes = (...values: number[]): Bytes => new Uint8Array(values);

/** Bob's channel, with records that are not sealed, so that a test can write them. */
const openBare = () => {
  const carriers = createCarrierPair();
  const sealer = { seal: async (body: Uint8Array) => body.slice(), open: async (record: Bytes) => ok(record) };
  const bob = createRelayChannel({
    carrier: carriers.bob,
    sealer,
    maxBodyBytes: 11_000,
    isFatal: () => true,
    fingerprints: { local: "", remote: "" },
    clock,
  });
  return { bob, carriers };
};

describe("a relayed channel", () => {
  it("carries messages of every size, and each but once", async () => {
    const atBob = collectMessages(pair.bob);
    const sizes = [0, 1, 11_000, 11_005, 22_010, 65_536];

    for (const size of sizes) pair.alice.send(new Uint8Array(size).fill(size & 0xff));
    await atBob.until((message) => message.length === 65_536);

    expect(atBob.messages.map(({ length }) => length)).toEqual(sizes);
    expect(() => pair.alice.send(new Uint8Array(65_537))).toThrow(RangeError);
  });

  it("has at most its window on the way, and says what waits", async () => {
    const atBob = collectMessages(pair.bob);
    let drained = 0;
    pair.alice.on("drain", () => (drained += 1));
    pair.carriers.hold(true);

    for (let i = 0; i < 40; i += 1) pair.alice.send(new Uint8Array(10_000).fill(i));
    await clock.advance(0);
    const onTheWay = pair.carriers.carried.reduce((sum, record) => sum + record.length, 0);
    expect(pair.alice.bufferedBytes).toBeGreaterThan(300_000);
    pair.carriers.hold(false);
    await atBob.until(([first]) => first === 39);

    expect(onTheWay).toBeLessThan(80_000);
    expect(atBob.messages).toHaveLength(40);
    expect(drained).toBe(1);
  });

  it("ends with a gap when a record was lost, at the next one", async () => {
    const reason = closeReasonOf(pair.bob);
    const atBob = collectMessages(pair.bob);
    let count = 0;
    pair.carriers.lose(() => (count += 1) === 2);

    for (let i = 0; i < 3; i += 1) pair.alice.send(bytes(i));

    expect(await reason).toBe("RELAY_GAP");
    expect(atBob.messages).toEqual([bytes(0)]);
  });

  it("shrugs at what the server invents or repeats", async () => {
    const random = createSeededRandom(5);
    const atBob = collectMessages(pair.bob);
    for (let i = 0; i < 3; i += 1) {
      pair.alice.send(bytes(i));
      await atBob.until(([first]) => first === i);
      const [last] = pair.carriers.carried.slice(-1);
      if (last !== undefined) pair.carriers.inject(last);
      for (let j = 0; j < 20; j += 1) pair.carriers.inject(random.bytes(Math.floor(random.unit() * 600)));
    }
    await clock.advance(0);

    expect(atBob.messages).toEqual([bytes(0), bytes(1), bytes(2)]);
  });

  it("brings what was sent last, then its end, to the other side", async () => {
    const atBob = collectMessages(pair.bob);
    const reason = closeReasonOf(pair.bob);

    for (let i = 0; i < 20; i += 1) pair.alice.send(new Uint8Array(10_000).fill(i));
    pair.alice.close("GOODBYE");
    pair.alice.send(bytes(1));

    expect(await reason).toBe("closed by the peer");
    expect(atBob.messages).toHaveLength(20);
    expect(clock.pendingDelaysMs()).toEqual([]);
  });

  it("does not wait for ever to say its last", async () => {
    pair.carriers.hold(true);
    for (let i = 0; i < 20; i += 1) pair.alice.send(new Uint8Array(10_000));

    pair.alice.close("GOODBYE");
    await clock.advance(1_000);

    expect(clock.pendingDelaysMs()).toEqual([]);
  });

  it("closes when the meeting point is gone", async () => {
    const reasons = Promise.all([closeReasonOf(pair.alice), closeReasonOf(pair.bob)]);

    pair.carriers.end("MEETING_POINT_LOST");

    expect(await reasons).toEqual(["MEETING_POINT_LOST", "MEETING_POINT_LOST"]);
  });

  it.each([
    ["a body of another type", "RELAY_MALFORMED", [bytes(4, 1)]],
    ["a body without a type", "RELAY_MALFORMED", [bytes()]],
    ["parts of nothing", "RELAY_MALFORMED", [bytes(1)]],
    ["an end with something behind it", "RELAY_MALFORMED", [bytes(3, 0)]],
    ["a report of bytes never sent", "RELAY_MALFORMED", [bytes(2, 0, 0, 0, 1)]],
    ["a report cut short", "RELAY_MALFORMED", [bytes(2, 0, 0, 0)]],
    [
      "a message without end",
      "CHANNEL_MESSAGE_TOO_LARGE",
      Array.from({ length: 7 }, () => new Uint8Array(10_000).fill(1)),
    ],
    ["more messages than anyone listens to", "CHANNEL_UNHEARD", Array.from({ length: 65 }, () => bytes(0, 1))],
  ])("closes on %s", async (_, code, records) => {
    const { bob, carriers } = openBare();
    const reason = closeReasonOf(bob);

    for (const record of records) carriers.inject(record);

    expect(await reason).toBe(code);
  });

  it("never throws, whatever bodies come", async () => {
    const random = createSeededRandom(20_260_302);
    for (let round = 0; round < 200; round += 1) {
      const { bob, carriers } = openBare();
      const messages = collectMessages(bob);
      for (let i = 0; i < 20; i += 1) {
        const body = random.bytes(Math.floor(random.unit() * 20));
        if (body.length > 0) body[0] = Math.floor(random.unit() * 5);
        carriers.inject(body);
      }
      await clock.advance(0);
      expect(messages.messages.every(({ length }) => length <= 65_536)).toBe(true);
    }
  });
});
