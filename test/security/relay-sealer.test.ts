import { beforeEach, describe, expect, it } from "vitest";
import { createRelaySealer, maxRecordBodyBytes, type RelaySealer } from "../../src/security/relay-sealer.ts";
import { maxPayloadBytes } from "../../src/signaling/signaling.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const bytes = (...values: number[]): Bytes => new Uint8Array(values);
const keyOf = (byte: number): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(32).fill(byte), "AES-GCM", false, ["encrypt", "decrypt"]);

let alice: RelaySealer;
let bob: RelaySealer;

const pair = async (firstCounter = 0): Promise<readonly [RelaySealer, RelaySealer]> => {
  const [one, two] = await Promise.all([keyOf(1), keyOf(2)]);
  return [
    createRelaySealer({ sealing: one, opening: two }, firstCounter),
    createRelaySealer({ sealing: two, opening: one }, firstCounter),
  ];
};

beforeEach(async () => {
  [alice, bob] = await pair();
});

const changed = (record: Bytes, at: number): Bytes => {
  const copy = record.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

describe("createRelaySealer", () => {
  it("opens what was sealed, in order, from nothing to the largest", async () => {
    const bodies = [0, 1, 254, 255, maxRecordBodyBytes].map((length) => new Uint8Array(length).fill(length));

    const records = await Promise.all(bodies.map((body) => alice.seal(body)));
    const opened = await Promise.all(records.map((record) => bob.open(record)));

    expect(opened).toEqual(bodies.map((value) => ({ ok: true, value })));
    expect(records.map(({ length }) => (length - 20) % 256)).toEqual([0, 0, 0, 0, 0]);
    expect(records.at(-1)?.length).toBeLessThanOrEqual(maxPayloadBytes - 16);
  });

  it("keeps the order of the calls whatever the lengths", async () => {
    const lengths = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? maxRecordBodyBytes : i));

    const records = await Promise.all(lengths.map((length) => alice.seal(new Uint8Array(length))));

    expect(records.map((record) => new DataView(record.buffer).getUint32(0))).toEqual(lengths.map((_, i) => i));
  });

  it("never seals two records alike", async () => {
    const [first, second] = [await alice.seal(bytes(1)), await alice.seal(bytes(1))];

    expect(first?.slice(4)).not.toEqual(second?.slice(4));
  });

  it("ignores what it has seen, what is forged and what comes back, and goes on", async () => {
    const [first, second] = [await alice.seal(bytes(1)), await alice.seal(bytes(2))];
    const own = await bob.seal(bytes(3));

    const codes = [];
    for (const record of [first, first, changed(second, 30), own, changed(second, 0), bytes(), second, second]) {
      const opened = await bob.open(record);
      codes.push(opened.ok ? opened.value[0] : opened.error);
    }

    expect(codes).toEqual([1, "REPEATED", "FORGED", "REPEATED", "FORGED", "MALFORMED", 2, "REPEATED"]);
  });

  it("tells a gap by the genuine record behind it, and never accepts that", async () => {
    const [, second, third] = [await alice.seal(bytes(1)), await alice.seal(bytes(2)), await alice.seal(bytes(3))];

    const codes = [await bob.open(second), await bob.open(third), await bob.open(second)];

    expect(codes).toEqual(Array.from({ length: 3 }, () => ({ ok: false, error: "GAP" })));
  });

  it("tells a forged counter from a gap", async () => {
    const ahead = changed(await alice.seal(bytes(1)), 3);

    expect(await bob.open(ahead)).toEqual({ ok: false, error: "FORGED" });
  });

  it("uses each counter once and refuses to wrap", async () => {
    const [last, other] = await pair(0xffff_ffff);

    const record = await last.seal(bytes(7));

    expect(await other.open(record)).toEqual({ ok: true, value: bytes(7) });
    await expect(last.seal(bytes(8))).rejects.toThrow(RangeError);
    expect(await other.open(record)).toEqual({ ok: false, error: "REPEATED" });
  });

  it("refuses a body above the largest", async () => {
    await expect(alice.seal(new Uint8Array(maxRecordBodyBytes + 1))).rejects.toThrow(RangeError);
  });

  it.each([
    ["a length beyond the padding", [1, 0, ...new Uint8Array(254)]],
    ["padding that is not zero", [0, 1, 5, 1, ...new Uint8Array(252)]],
    ["a step of padding too many", [0, 1, 5, ...new Uint8Array(509)]],
  ])("calls a genuine record with %s broken", async (_, plaintext) => {
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv: new Uint8Array(12) },
      await keyOf(1),
      bytes(...plaintext),
    );

    expect(await bob.open(bytes(0, 0, 0, 0, ...new Uint8Array(sealed)))).toEqual({ ok: false, error: "BROKEN" });
  });

  it("answers 2,000 mutated records without an exception, and none of them is taken", async () => {
    const random = createSeededRandom(20_260_301);
    const below = (limit: number): number => Math.floor(random.unit() * limit);
    const honest = await alice.seal(new Uint8Array(300));

    for (let i = 0; i < 2_000; i += 1) {
      const kind = below(3);
      const mutated =
        kind === 0
          ? changed(honest, below(honest.length))
          : kind === 1
            ? honest.slice(0, below(honest.length))
            : new Uint8Array([...honest, ...random.bytes(1 + below(600))]);
      expect((await bob.open(mutated)).ok).toBe(false);
    }

    expect(await bob.open(honest)).toMatchObject({ ok: true });
  });
});
