/** The parts of the WebRTC channel that real browsers cannot be brought to show; the rest is in e2e/transport.spec.ts. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lowWaterBytes } from "../../src/transport/channel.ts";
import { ChannelOpenError, openWebRtcChannel } from "../../src/transport/webrtc-channel.ts";
import type { WebRtcChannelOptions } from "../../src/transport/webrtc-channel.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeWebRtc, sdpWith } from "./fake-webrtc.ts";
import { closeReasonOf, collectMessages } from "./frame-collector.ts";

const answer = (...digests: readonly string[]): string => JSON.stringify({ type: "answer", sdp: sdpWith(...digests) });
const candidate = JSON.stringify({ type: "candidate", candidate: { candidate: "x", sdpMid: "0" } });
/** Every promise and microtask that waits for nothing outside has had its turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const start = (options: Partial<WebRtcChannelOptions> = {}, refusal?: Error) => {
  const webRtc = createFakeWebRtc(refusal);
  const clock = createFakeClock();
  const signals: string[] = [];
  let tellOffered = (): void => {};
  const offered = new Promise<void>((resolve) => {
    tellOffered = resolve;
  });
  const opening = openWebRtcChannel({
    initiator: true,
    iceServers: [],
    clock,
    onSignal: (signal) => {
      signals.push(signal);
      tellOffered();
    },
    platform: webRtc.platform,
    ...options,
  });
  return { ...webRtc, clock, signals, offered, opening, connection: webRtc.connections[0] };
};

const open = async () => {
  const started = start();
  const { connection, opening, offered } = started;
  const dataChannel = connection?.dataChannels[0];
  if (connection === undefined || dataChannel === undefined) throw new Error("nothing was made");
  await offered;
  opening.signal(answer("BB:02"));
  await settle();
  dataChannel.readyState = "open";
  dataChannel.fire("open");
  connection.become("connected");
  return { ...started, connection, dataChannel, channel: await opening.opened };
};

describe("a WebRTC channel", () => {
  const consoleMethods = ["log", "warn", "error"] as const;
  beforeEach(() => consoleMethods.forEach((method) => vi.spyOn(console, method)));
  afterEach(() => {
    for (const method of consoleMethods) expect(console[method]).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it("tells what TURN servers refuse, and not that some server did not answer", () => {
    const codes: number[] = [];
    const { connection } = start({ onTurnRefused: (code) => codes.push(code) });

    for (const errorCode of [401, 701, 486, 0]) connection?.fire("icecandidateerror", { errorCode });

    expect(codes).toEqual([401, 486]);
  });

  it("gives RTCPeerConnection the app's servers and nothing else, none included", () => {
    const iceServers = [{ urls: "turn:turn.example", username: "u", credential: "c" }];

    const none = start();
    const some = start({ iceServers, iceTransportPolicy: "relay" });

    expect(none.configurations).toEqual([[{ iceServers: [] }]]);
    expect(some.configurations).toEqual([[{ iceServers, iceTransportPolicy: "relay" }]]);
    none.opening.close();
    some.opening.close();
  });

  it("opens with both fingerprints, and its drain at the lower mark", async () => {
    const { channel, dataChannel, signals, opening } = await open();

    expect(channel.fingerprints).toEqual({ local: "sha-256 aa:01", remote: "sha-256 bb:02" });
    expect(dataChannel.bufferedAmountLowThreshold).toBe(lowWaterBytes);
    expect(signals.map((signal) => (JSON.parse(signal) as { type: string }).type)).toEqual(["offer"]);
    opening.close();
  });

  it("is unavailable where there is no WebRTC", async () => {
    const opening = openWebRtcChannel({
      initiator: true,
      iceServers: [],
      clock: createFakeClock(),
      onSignal: () => {},
    });

    await expect(opening.opened).rejects.toMatchObject({ code: "LEDGER_WEBRTC_UNAVAILABLE" });
  });

  it("says that the option is invalid when the browser refuses the servers", async () => {
    const cause = new Error("not a valid STUN URL");

    const { opening } = start({}, cause);

    await expect(opening.opened).rejects.toMatchObject({ code: "LEDGER_OPTION_INVALID", cause });
  });

  it("gives up after fifteen seconds", async () => {
    const { clock, opening, connection } = start();

    await clock.advance(15_000);

    await expect(opening.opened).rejects.toEqual(new ChannelOpenError("ERR_OPEN_TIMEOUT"));
    expect(connection?.closed).toBe(true);
    expect(clock.pendingDelaysMs()).toEqual([]);
  });

  it("rejects with the reason it was closed for while opening", async () => {
    const { opening } = start();

    opening.close("left");
    opening.signal(answer("BB:02"));

    await expect(opening.opened).rejects.toMatchObject({ reason: "left" });
  });

  it("does not open when it cannot say which fingerprint counts", async () => {
    const { connection, opening, offered } = start();
    await offered;

    opening.signal(answer("BB:02", "CC:03"));
    await settle();
    connection?.dataChannels[0]?.fire("open");
    connection?.become("connected");

    await expect(opening.opened).rejects.toMatchObject({ reason: "ERR_NO_FINGERPRINT" });
  });

  it("outlives a disconnection and closes when the connection has failed", async () => {
    const { channel, connection } = await open();
    const reasons: string[] = [];
    channel.on("close", (reason) => reasons.push(reason));

    connection.become("disconnected");
    await settle();
    const whileDisconnected = [...reasons];
    connection.become("failed");
    await settle();

    expect(whileDisconnected).toEqual([]);
    expect(reasons).toEqual(["ERR_ICE_CONNECTION_FAILURE"]);
  });

  it("leaves out what is no signal, is not its turn, or comes twice", async () => {
    const { connection, opening } = await open();

    for (const text of ["", "{", "null", answer("CC:03"), answer("BB:02").replace("answer", "offer")]) {
      opening.signal(text);
    }
    opening.signal(JSON.stringify({ type: "renegotiate", renegotiate: true }));
    await settle();

    expect(connection.remoteDescriptions.map(({ sdp }) => sdp)).toEqual([sdpWith("BB:02")]);
    opening.close();
  });

  it("tries at most 64 candidates, and minds none that fails", async () => {
    const { channel, connection, opening } = await open();
    const reasons: string[] = [];
    channel.on("close", (reason) => reasons.push(reason));

    for (let count = 0; count < 100; count += 1) opening.signal(candidate);
    await settle();

    expect(connection.candidates.length).toBe(64);
    expect(reasons).toEqual([]);
    opening.close();
  });

  it("hands out plain bytes, and keeps those that come before a listener", async () => {
    const { channel, dataChannel, opening } = await open();

    dataChannel.fire("message", { data: Uint8Array.of(1, 2).buffer });
    const { until } = collectMessages(channel);
    const message = await until(() => true);

    expect(Object.getPrototypeOf(message)).toBe(Uint8Array.prototype);
    expect([...message]).toEqual([1, 2]);
    opening.close();
  });

  it.each([
    ["CHANNEL_NOT_BINARY", ["text"]],
    ["CHANNEL_MESSAGE_TOO_LARGE", [new ArrayBuffer(65_537)]],
    ["CHANNEL_UNHEARD", Array.from({ length: 65 }, () => new ArrayBuffer(1))],
  ])("closes with %s", async (reason, bodies) => {
    const { channel, dataChannel } = await open();

    for (const body of bodies) dataChannel.fire("message", { data: body });

    expect(await closeReasonOf(channel)).toBe(reason);
  });

  it("closes when the platform takes no more", async () => {
    const { channel, dataChannel } = await open();
    dataChannel.refuses = true;

    channel.send(Uint8Array.of(1));
    channel.send(Uint8Array.of(2));

    expect(await closeReasonOf(channel)).toBe("CHANNEL_SEND_FAILED");
  });

  it("closes the data channel first, so that what was sent last still leaves, then the connection", async () => {
    const { channel, clock, connection, dataChannel } = await open();

    channel.send(Uint8Array.of(1));
    channel.close("bye");
    const atOnce = { dataChannel: dataChannel.readyState, connection: connection.closed };
    await clock.advance(1_000);
    await settle();

    expect(await closeReasonOf(channel)).toBe("bye");
    expect(atOnce).toEqual({ dataChannel: "closed", connection: false });
    expect(connection.closed).toBe(true);
  });
});
