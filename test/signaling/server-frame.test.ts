import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import { decodeServerFrame, maxFrameChars, maxMembers } from "../../src/signaling/server-frame.ts";
import { maxPayloadBytes } from "../../src/signaling/signaling.ts";

const member = (byte: number): string => bytesToBase64url(new Uint8Array(16).fill(byte));
const [alice, bob] = [member(1), member(2)];
const turn = { urls: ["turn:turn.example:3478?transport=udp", "turns:[2001:db8::1]"], username: "u", credential: "c" };
const turnText = JSON.stringify([{ ...turn, credentialType: "password" }]);
const badTurn = [
  {},
  [null],
  [{ ...turn, urls: "turn:turn.example" }],
  [{ ...turn, urls: ["stun:turn.example"] }],
  [{ ...turn, urls: ["turn:turn.example:99999"] }],
  [{ ...turn, urls: ["turn:turn.example?transport=sctp"] }],
  [{ ...turn, urls: [`turn:${"a".repeat(512)}`] }],
  [{ ...turn, username: "" }],
  [{ ...turn, credential: 7 }],
  Array.from({ length: 9 }, () => turn),
];
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
    [`{"type":"joined","members":[],"relay":{"credit":9,"x":1}}`, { type: "joined", members: [], relayCredit: 9 }],
    [
      `{"type":"relay","from":"${bob}","payload":"AP8"}`,
      { type: "relay", from: bob, payload: new Uint8Array([0, 255]) },
    ],
    [`{"type":"relay-credit","amount":65536}`, { type: "relay-credit", amount: 65_536 }],
    [`{"type":"relay-over"}`, { type: "relay-over" }],
    [`{"type":"joined","members":[],"iceServers":${turnText}}`, { type: "joined", members: [], iceServers: [turn] }],
    [`{"type":"ice-servers","iceServers":${turnText}}`, { type: "ice-servers", iceServers: [turn] }],
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
    ...badTurn.map((iceServers) => JSON.stringify({ type: "joined", members: [], iceServers })),
    ...badTurn.map((iceServers) => JSON.stringify({ type: "ice-servers", iceServers })),
    `{"type":"relay-credit"}`,
    `{"type":"relay-credit","amount":-1}`,
    `{"type":"relay-credit","amount":1.5}`,
    `{"type":"relay","from":"${bob}"}`,
    `{"type":"relay","from":"x","payload":"AA"}`,
    `{"type":"ice-servers"}`,
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

    expect(decodeServerFrame(" ".repeat(maxFrameChars + 1))).toEqual({ ok: false, error: "TOO_LARGE" });
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
        type: fc.constantFrom("joined", "ice-servers", "member-joined", "member-left", "message", "error"),
        iceServers: fc.jsonValue(),
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
