import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeWebRtcSignal, maxSignalLength, sdpToFingerprint } from "../../src/transport/webrtc-signal.ts";

const sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n";
const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0", sdpMLineIndex: 0 };
const decode = (signal: unknown) => decodeWebRtcSignal(JSON.stringify(signal));

describe("a WebRTC signal", () => {
  it.each([
    [{ type: "offer", sdp }],
    [{ type: "answer", sdp }],
    [{ type: "candidate", candidate }],
    [{ type: "candidate", candidate: { candidate: "", sdpMid: null, sdpMLineIndex: 0 } }],
  ])("is read: %j", (signal) => {
    expect(decode(signal)).toEqual({ ok: true, value: signal });
  });

  it("loses the fields that are not known", () => {
    const more = { ...candidate, usernameFragment: "x", toString: "y" };

    expect(decode({ type: "candidate", candidate: more, renegotiate: true, sdp })).toEqual({
      ok: true,
      value: { type: "candidate", candidate },
    });
  });

  it.each([
    ["SIGNAL_UNKNOWN_TYPE", { type: "renegotiate", renegotiate: true }],
    ["SIGNAL_UNKNOWN_TYPE", { type: "transceiverRequest", transceiverRequest: { kind: "video" } }],
    ["SIGNAL_UNKNOWN_TYPE", { sdp }],
    ["SIGNAL_MALFORMED", { type: "offer" }],
    ["SIGNAL_MALFORMED", { type: "offer", sdp: 1 }],
    ["SIGNAL_MALFORMED", { type: "offer", sdp: "hello" }],
    ["SIGNAL_MALFORMED", { type: "answer", sdp: `v=0${"x".repeat(12_288)}` }],
    ["SIGNAL_MALFORMED", { type: "candidate", candidate: null }],
    ["SIGNAL_MALFORMED", { type: "candidate", candidate: { candidate: "" } }],
    ["SIGNAL_MALFORMED", { type: "candidate", candidate: { ...candidate, sdpMLineIndex: 0.5 } }],
    ["SIGNAL_MALFORMED", { type: "candidate", candidate: { ...candidate, sdpMid: "m".repeat(65) } }],
    ["SIGNAL_MALFORMED", { type: "candidate", candidate: { ...candidate, candidate: "c".repeat(1_025) } }],
    ["SIGNAL_MALFORMED", []],
    ["SIGNAL_MALFORMED", null],
    ["SIGNAL_MALFORMED", "offer"],
    ["SIGNAL_TOO_LARGE", "x".repeat(maxSignalLength)],
  ])("is refused with %s: %#", (error, signal) => {
    expect(decode(signal)).toEqual({ ok: false, error });
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(decodeWebRtcSignal(text).ok).toBe(false);
      }),
    );
  });
});

describe("the fingerprint of a session description", () => {
  it("is found at session or media level, in lower case", () => {
    expect(sdpToFingerprint(`${sdp}a=fingerprint:SHA-256 AB:0C:ff\r\nm=application 9 x\r\n`)).toBe("sha-256 ab:0c:ff");
    expect(sdpToFingerprint(`${sdp}m=application 9 x\na=fingerprint:sha-256 AB:0C\n`)).toBe("sha-256 ab:0c");
  });

  it("is found when it is said twice, but not when two are said", () => {
    const line = (digest: string): string => `a=fingerprint:sha-256 ${digest}\r\n`;

    expect(sdpToFingerprint(sdp + line("AB:CD") + line("ab:cd"))).toBe("sha-256 ab:cd");
    expect(sdpToFingerprint(sdp + line("AB:CD") + line("AB:CE"))).toBeUndefined();
    expect(sdpToFingerprint(sdp)).toBeUndefined();
  });
});
