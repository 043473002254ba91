import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeLinkMessage,
  encodeCloseMessage,
  encodeFrameMessage,
  encodeNumberMessage,
  windowCost,
} from "../../src/transport/link-messages.ts";

const text = (value: string): number[] => [...new TextEncoder().encode(value)];

describe("the messages of a link", () => {
  it.each([
    ["a whole frame", encodeFrameMessage("frame", Uint8Array.of(7, 8)), [1, 7, 8]],
    ["an empty frame", encodeFrameMessage("frame", new Uint8Array()), [1]],
    ["a fragment", encodeFrameMessage("fragment", Uint8Array.of(7)), [2, 7]],
    ["a last fragment", encodeFrameMessage("last", Uint8Array.of(8)), [3, 8]],
    ["a report", encodeNumberMessage("consumed", 0x01020304), [4, 1, 2, 3, 4]],
    ["a report past 2^32", encodeNumberMessage("consumed", 2 ** 32 + 5), [4, 0, 0, 0, 5]],
    ["a ping", encodeNumberMessage("ping", 0xffffffff), [5, 255, 255, 255, 255]],
    ["a pong", encodeNumberMessage("pong", 0), [6, 0, 0, 0, 0]],
    ["a close", encodeCloseMessage("BYE"), [7, ...text("BYE")]],
    ["a close without a reason", encodeCloseMessage(""), [7, ...text("closed")]],
    ["a close with a line break", encodeCloseMessage("A\nB"), [7, ...text("A B")]],
  ])("has these bytes for %s", (_, message, bytes) => {
    expect([...message]).toEqual(bytes);
  });

  it("reads a frame without copying it", () => {
    const message = Uint8Array.of(1, 7, 8);

    const decoded = decodeLinkMessage(message);

    expect(decoded).toEqual({ ok: true, value: { type: "frame", bytes: Uint8Array.of(7, 8) } });
    expect(decoded.ok && decoded.value.type === "frame" && decoded.value.bytes.buffer === message.buffer).toBe(true);
  });

  it("reads numbers from a view into a larger buffer", () => {
    const message = Uint8Array.of(9, 9, 5, 0, 0, 1, 2, 9).subarray(2, 7);

    expect(decodeLinkMessage(message)).toEqual({ ok: true, value: { type: "ping", number: 258 } });
  });

  it("cuts a long reason between characters, and can read every reason it writes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (reason) => {
        const message = encodeCloseMessage(reason);
        const decoded = decodeLinkMessage(message);

        expect(message.length).toBeLessThanOrEqual(257);
        expect(decoded.ok).toBe(true);
      }),
    );
  });

  it("reads or refuses arbitrary bytes and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decodeLinkMessage(new Uint8Array(bytes));

        expect(decoded.ok || decoded.error.startsWith("LINK_")).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("counts small frames as 64 bytes, and last fragments as their length", () => {
    expect([windowCost("frame", 0), windowCost("frame", 65), windowCost("last", 1)]).toEqual([64, 65, 1]);
  });
});
