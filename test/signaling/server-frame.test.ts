import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import { decodeServerFrame, maxMembers } from "../../src/signaling/server-frame.ts";
import { maxPayloadBytes } from "../../src/signaling/signaling.ts";

const member = (byte: number): string => bytesToBase64url(new Uint8Array(16).fill(byte));
const [alice, bob] = [member(1), member(2)];
const largest = bytesToBase64url(new Uint8Array(maxPayloadBytes));

describe("decodeServerFrame", () => {
  it.each([
    [`{"type":"joined","members":[]}`, { type: "joined", members: [] }],
    [`{"type":"joined","members":["${alice}","${bob}"]}`, { type: "joined", members: [alice, bob] }],
    [`{"type":"member-joined","member":"${bob}"}`, { type: "member-joined", member: bob }],
    [`{"type":"member-left","member":"${bob}"}`, { type: "member-left", member: bob }],
    [
      `{"type":"message","from":"${bob}","payload":"AP8"}`,
      { type: "message", from: bob, payload: new Uint8Array([0, 255]) },
    ],
    [
      `{"type":"message","from":"${bob}","payload":"${largest}"}`,
      { type: "message", from: bob, payload: new Uint8Array(maxPayloadBytes) },
    ],
    [`{"type":"error","code":"room-full"}`, { type: "error", code: "room-full" }],
    [`{"type":"joined","members":[],"relay":true}`, { type: "joined", members: [] }],
  ])("reads %.60s", (text, frame) => {
    expect(decodeServerFrame(text)).toEqual({ ok: true, value: frame });
  });

  it.each([
    ``,
    `{`,
    `null`,
    `[]`,
    `"joined"`,
    `{"type":"hello"}`,
    `{"type":"joined"}`,
    `{"type":"joined","members":{}}`,
    `{"type":"joined","members":[1]}`,
    `{"type":"joined","members":["${alice}","${alice}"]}`,
    `{"type":"member-joined","member":"short"}`,
    `{"type":"member-left"}`,
    `{"type":"message","from":"${bob}","payload":"AP9"}`,
    `{"type":"message","from":"${bob}","payload":7}`,
    `{"type":"message","payload":"AP8"}`,
    `{"type":"error","code":"<script>"}`,
    `{"type":"error"}`,
    `{"type":"__proto__"}`,
    "[".repeat(10_000),
    new ArrayBuffer(8),
    undefined,
  ])("refuses %.60s", (content) => {
    expect(decodeServerFrame(content)).toEqual({ ok: false, error: "MALFORMED" });
  });

  it("refuses what is too large before looking closer", () => {
    const crowd = Array.from({ length: maxMembers + 1 }, () => alice);

    expect(decodeServerFrame(" ".repeat(maxMembers * 25 + 1_025))).toEqual({ ok: false, error: "TOO_LARGE" });
    expect(decodeServerFrame(JSON.stringify({ type: "joined", members: crowd }))).toEqual({
      ok: false,
      error: "TOO_LARGE",
    });
    expect(decodeServerFrame(`{"type":"message","from":"${bob}","payload":"${largest}A"}`)).toEqual({
      ok: false,
      error: "TOO_LARGE",
    });
  });

  it("never throws on any text or any JSON", () => {
    const shaped = fc.record(
      {
        type: fc.constantFrom("joined", "member-joined", "member-left", "message", "error"),
        members: fc.jsonValue(),
        member: fc.jsonValue(),
        from: fc.oneof(fc.constant(bob), fc.jsonValue()),
        payload: fc.oneof(fc.string(), fc.jsonValue()),
        code: fc.jsonValue(),
      },
      { requiredKeys: ["type"] },
    );

    fc.assert(fc.property(fc.string(), (text) => !decodeServerFrame(text).ok));
    fc.assert(fc.property(fc.json(), (text) => !decodeServerFrame(text).ok));
    fc.assert(fc.property(shaped, (frame) => typeof decodeServerFrame(JSON.stringify(frame)).ok === "boolean"));
  });
});
