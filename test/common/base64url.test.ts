import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64urlToBytes, bytesToBase64url } from "../../src/common/base64url.ts";

describe("base64url", () => {
  it("spells bytes as Node does and reads them back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = bytesToBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(base64urlToBytes(text)).toEqual({ ok: true, value: new Uint8Array(bytes) });
      }),
    );
  });

  it("accepts only the one spelling of its bytes", () => {
    const character = fc.constantFrom("A", "B", "Q", "g", "w", "z", "0", "9", "-", "_", "+", "/", "=", "é", " ");
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const bytes = base64urlToBytes(text);
        if (bytes.ok) expect(bytesToBase64url(bytes.value)).toBe(text);
        else expect(Buffer.from(text, "base64url").toString("base64url")).not.toBe(text);
      }),
    );
  });

  it.each(["A", "AB=", "AB==", "A+AA", "A/AA", "AB", "AAB", "AAAAA", "Ä", "AA AA"])("refuses %j", (text) => {
    expect(base64urlToBytes(text)).toEqual({ ok: false, error: "MALFORMED" });
  });
});
