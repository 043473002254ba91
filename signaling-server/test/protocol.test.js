// @ts-check
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeCodes, errorFrame, parseFrame } from "../src/protocol.js";
import { id, joinFrame } from "./support.js";

const [room, alice] = [id(1), id(2)];

describe("parseFrame", () => {
  it("reads a join and a send", () => {
    expect(parseFrame(JSON.stringify(joinFrame(room, alice)))).toEqual({
      ok: true,
      frame: { type: "join", room, member: alice },
    });
    expect(parseFrame(JSON.stringify({ type: "send", to: alice, payload: "AP8" }))).toEqual({
      ok: true,
      frame: { type: "send", to: alice, payload: "AP8" },
    });
  });

  it.each([
    "",
    "null",
    "7",
    "[]",
    '"join"',
    "{",
    "{}",
    '{"type":"leave"}',
    '{"type":"join"}',
    JSON.stringify({ ...joinFrame(room, alice), more: 1 }),
    JSON.stringify({ ...joinFrame(room, alice), version: "1" }),
    JSON.stringify({ ...joinFrame(room, alice), version: 1.5 }),
    JSON.stringify(joinFrame(room.slice(1), alice)),
    JSON.stringify(joinFrame(`${room}A`, alice)),
    JSON.stringify(joinFrame(`${room.slice(0, 21)}B`, alice)),
    JSON.stringify(joinFrame(`${room}\n`, alice)),
    JSON.stringify(joinFrame(room, `${alice.slice(0, 21)}=`)),
    JSON.stringify({ type: "ice-servers", more: 1 }),
    JSON.stringify({ type: "send", to: alice, payload: "" }),
    JSON.stringify({ type: "send", to: alice, payload: "A" }),
    JSON.stringify({ type: "send", to: alice, payload: "AA==" }),
    JSON.stringify({ type: "send", to: alice, payload: "AA\n" }),
    JSON.stringify({ type: "send", to: alice, payload: ["AA"] }),
    JSON.stringify({ type: "send", to: alice, payload: "AA", from: room }),
    `{"type":"send","__proto__":{"to":"${alice}"},"payload":"AA"}`,
    "[".repeat(16_000),
    `{"a":`.repeat(3_000),
  ])("calls %.70s malformed", (text) => {
    expect(parseFrame(text)).toEqual({ ok: false, code: "malformed" });
  });

  it("tells another version from nonsense, whatever its fields are", () => {
    expect(parseFrame('{"type":"join","version":2,"space":"x"}')).toEqual({ ok: false, code: "version-unsupported" });
  });

  it("never throws on any text or any JSON", () => {
    const shaped = fc.record({ type: fc.constantFrom("join", "send"), version: fc.jsonValue(), room: fc.jsonValue() });

    fc.assert(fc.property(fc.string(), (text) => !parseFrame(text).ok));
    fc.assert(fc.property(fc.json(), (text) => !parseFrame(text).ok));
    fc.assert(fc.property(shaped, (frame) => !parseFrame(JSON.stringify(frame)).ok));
  });
});

describe("closeCodes", () => {
  it("are applications' own and differ", () => {
    const codes = Object.values(closeCodes);

    expect(codes.every((code) => code >= 4000 && code < 5000)).toBe(true);
    expect(new Set(codes).size).toBe(codes.length);
    expect(errorFrame("room-full")).toBe('{"type":"error","code":"room-full"}');
  });
});
