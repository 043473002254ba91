import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, bytesToSiteId, hexToBytes, isSiteId, siteIdToBytes } from "../../src/common/ids.ts";
import { uuidv7 } from "../../src/common/uuidv7.ts";
import { utf8 } from "../../src/common/utf8.ts";

describe("hex", () => {
  it("comes back as the bytes it was made of, and is what Node makes of them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(bytesToHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
        expect([...hexToBytes(bytesToHex(bytes).toUpperCase())]).toEqual([...bytes]);
      }),
    );
  });

  it.each(["0", "0g", "0x", " 00", "é0", "000"])("is refused: %j", (text) => {
    expect(() => hexToBytes(text)).toThrow(RangeError);
  });
});

describe("a site id", () => {
  const id = "00112233445566778899aabbccddeeff";

  it("has 32 lower-case hex digits and nothing else", () => {
    expect(isSiteId(id)).toBe(true);
    for (const wrong of [id.toUpperCase(), id.slice(1), `${id}0`, `${id}\n`, "", 5, null, undefined, [id]]) {
      expect(isSiteId(wrong)).toBe(false);
    }
  });

  it("has 16 bytes", () => {
    expect(bytesToSiteId(siteIdToBytes(id as never))).toBe(id);
    expect(() => bytesToSiteId(new Uint8Array(15))).toThrow(RangeError);
    expect(() => bytesToSiteId(new Uint8Array(17))).toThrow(RangeError);
    expect(() => bytesToSiteId(new Uint8Array())).toThrow(RangeError);
  });
});

describe("a UUIDv7", () => {
  it("is laid out as RFC 9562 says, by its own example", () => {
    const random = hexToBytes("0cc3" + "18c4dc0c0c07398f");

    expect(uuidv7(0x017f22e279b0, random)).toBe("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  });

  it("carries version 7 and variant 10 whatever the random bytes are", () => {
    const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), bytes, (nowMs, random) => {
        const id = uuidv7(nowMs, random);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(nowMs);
      }),
    );
  });

  it("sorts by time as text", () => {
    const instant = fc.integer({ min: 0, max: 2 ** 48 - 2 });
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        const [early, late] = [Math.min(a, b), Math.max(a, b) + 1];
        expect(uuidv7(early) < uuidv7(late)).toBe(true);
      }),
    );
  });

  it("is new every time, and takes the present time by itself", () => {
    const before = Date.now();
    const ids = Array.from({ length: 2_000 }, () => uuidv7());
    const madeAt = ids.map((id) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));

    expect(new Set(ids).size).toBe(2_000);
    expect(Math.min(...madeAt)).toBeGreaterThanOrEqual(before);
    expect(Math.max(...madeAt)).toBeLessThanOrEqual(Date.now());
    expect(uuidv7(1.9, new Uint8Array(10))).toBe("00000000-0001-7000-8000-000000000000");
  });
});

describe("UTF-8", () => {
  it("keeps a byte order mark and NUL", () => {
    for (const text of ["\ufeffx", "a\0b", "", "😀"]) expect(utf8.decode(utf8.encode(text))).toBe(text);
  });

  it.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf5, 0x80, 0x80, 0x80]], [[0xe2, 0x82]]])(
    "refuses %j",
    (bytes) => {
      expect(utf8.decode(Uint8Array.from(bytes))).toBeUndefined();
    },
  );
});
