import { describe, expect, it } from "vitest";
import { bytesToBase64url } from "../../src/common/base64url.ts";
import type { MemberId, RoomId } from "../../src/common/ids.ts";
import { createSilentLogger, type Logger } from "../../src/common/logger.ts";
import type { SignalingSocketConstructor } from "../../src/signaling/signaling-connection.ts";
import { openWebSocketSignaling, type WebSocketSignalingOptions } from "../../src/signaling/websocket-signaling.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeSockets } from "../support/fake-socket.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { recordSignaling } from "./signaling-conformance.ts";

const url = "wss://signal.example/";
const roomId = "ML8R8WN9chVX4z1X53QhtA" as RoomId;
const [bob, carol] = [1, 2].map((byte) => bytesToBase64url(new Uint8Array(16).fill(byte))) as [MemberId, MemberId];

/** `unit` fixes the jitter: 1 minus a little gives the longest delays, 0 the shortest. */
const arrange = async ({ unit = 0.5, ...overrides }: Partial<WebSocketSignalingOptions> & { unit?: number } = {}) => {
  const clock = createFakeClock();
  const { webSocket, sockets, last } = createFakeSockets();
  const logged: string[] = [];
  const note = (message: string, fields?: unknown): void => void logged.push(JSON.stringify([message, fields]));
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  let wake = (): void => {};
  let watching = true;
  const signaling = openWebSocketSignaling({
    url,
    roomId,
    clock,
    random: { ...createSeededRandom(3), unit: () => unit },
    logger,
    webSocket,
    watchOnline: (listener) => {
      wake = listener;
      return () => {
        watching = false;
      };
    },
    ...overrides,
  });
  const heard = recordSignaling(signaling);
  await clock.advance(0);
  return {
    clock,
    sockets,
    last,
    signaling,
    heard,
    logged,
    wake: () => wake(),
    isWatching: () => watching,
    delays: () => heard.seen.flatMap(({ event, args }) => (event === "reconnecting" ? [args] : [])),
    enter: (members: readonly MemberId[] = []) => {
      last().open();
      last().receive({ type: "joined", members });
    },
  };
};

/** As signaling-server/README.md has it. */
const protocolsOf = (bearer: string): readonly string[] => [
  "ledger.v1",
  `bearer.${Buffer.from(bearer).toString("base64url")}`,
];

describe("a bearer", () => {
  it("is offered as a subprotocol, and none is without it", async () => {
    const [without, with_] = [await arrange(), await arrange({ bearer: "sécret / token" })];

    expect(without.last().protocols).toEqual([]);
    expect(with_.last().protocols).toEqual(protocolsOf("sécret / token"));
  });

  it("is asked for anew by every connection when it is a function", async () => {
    let asked = 0;
    const { sockets, last, clock } = await arrange({ bearer: () => `token ${(asked += 1)}` });
    last().drop();
    await clock.advance(60_000);

    expect(sockets.slice(0, 2).map(({ protocols }) => protocols)).toEqual([
      protocolsOf("token 1"),
      protocolsOf("token 2"),
    ]);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("no session")), "LEDGER_LISTENER_FAILED"],
    ["gives nothing", () => Promise.resolve(""), "LEDGER_OPTION_INVALID"],
    ["gives no text", (() => 5) as unknown as () => string, "LEDGER_OPTION_INVALID"],
    ["hangs", () => new Promise<string>(() => {}), "LEDGER_SIGNALING_UNREACHABLE"],
  ] as const)("that %s fails the attempt, opens no socket and is asked again", async (_, bearer, code) => {
    let asked = 0;
    const { heard, sockets, clock } = await arrange({
      bearer: () => {
        asked += 1;
        return bearer();
      },
    });
    await clock.advance(11_000);

    expect(heard.seen.find(({ event }) => event === "failed")?.args[0]).toMatchObject({ code });
    await clock.advance(60_000);
    expect(asked).toBeGreaterThan(1);
    expect(sockets).toEqual([]);
  });

  it("that comes after close() opens no socket", async () => {
    let give: (bearer: string) => void = () => {};
    const { signaling, sockets, clock } = await arrange({
      bearer: () => new Promise((resolve) => (give = resolve)),
    });

    signaling.close();
    give("late");
    await clock.advance(0);

    expect(sockets).toEqual([]);
  });

  it.each([
    [undefined, "set option bearer"],
    ["old", "give it a new one"],
  ])("%j that is refused is reported with what to do, and is nowhere repeated", async (bearer, hint) => {
    const { last, heard, logged } = await arrange({ bearer });

    last().open();
    last().receive({ type: "error", code: "unauthorized" });

    const error = heard.seen.find(({ event }) => event === "failed")?.args[0] as Error;
    expect(error).toMatchObject({ code: "LEDGER_SIGNALING_REFUSED" });
    expect(error.message).toContain(hint);
    expect(`${error.message} ${logged.join()}`).not.toContain("old");
  });
});

describe("openWebSocketSignaling", () => {
  it("connects at once and sends its join as the first frame", async () => {
    const { last, heard } = await arrange();

    last().open();

    const join = JSON.parse(last().sent[0] ?? "") as Record<string, unknown>;
    expect(last().url).toBe(url);
    expect(join).toEqual({ type: "join", version: 1, room: roomId, member: join["member"] });
    expect(join["member"]).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(heard.names()).toEqual([]);
  });

  it("asks for new TURN servers where the server has some", async () => {
    const { last, signaling } = await arrange();
    signaling.renewIceServers();
    last().open();
    last().receive({
      type: "joined",
      members: [],
      iceServers: [{ urls: ["turn:turn.example"], username: "1", credential: "c" }],
    });
    signaling.renewIceServers();
    expect(last().sent.slice(1)).toEqual(['{"type":"ice-servers"}']);

    const without = await arrange();
    without.enter();
    without.signaling.renewIceServers();
    expect(without.last().sent).toHaveLength(1);
  });

  it("hands on the TURN servers that come with joined, and those that replace them", async () => {
    const { last, heard } = await arrange();
    const [first, second] = ["1", "2"].map((username) => ({ urls: ["turn:turn.example"], username, credential: "c" }));

    last().open();
    last().receive({ type: "joined", members: [], iceServers: [first] });
    last().receive({ type: "ice-servers", iceServers: [second] });

    expect(heard.seen.map(({ event, args }) => [event, args.at(-1)])).toEqual([
      ["joined", [first]],
      ["ice-servers", [second]],
    ]);
  });

  it("spends no more credit than the server gave, small payloads rounded up, until relaying is over", async () => {
    const { last, signaling, heard } = await arrange();
    const relay = (length: number): boolean => signaling.relay(bob, new Uint8Array(length));
    last().open();
    last().receive({ type: "joined", members: [bob], relay: { credit: 4_096 } });

    const answers = [relay(1), relay(1), relay(1_537), relay(1_536), relay(1)];
    last().receive({ type: "relay-credit", amount: 1_024 });
    answers.push(relay(1), relay(1));
    last().receive({ type: "relay-over" });
    answers.push(signaling.relays, relay(1));

    expect(answers).toEqual([true, true, false, true, false, true, false, false, false]);
    const relayed = last().sent.filter((text) => text.startsWith('{"type":"relay"'));
    expect(relayed[0]).toBe(JSON.stringify({ type: "relay", to: bob, payload: "AA" }));
    expect(relayed).toHaveLength(4);
    expect(heard.names()).toEqual(["joined", "relay-credit", "relay-over"]);
  });

  it("never puts the room into the URL, a log or an error", async () => {
    const { clock, last, heard, logged, enter } = await arrange();

    last().receive("garbage");
    await clock.advance(250);
    enter();
    last().drop();
    await clock.advance(250);
    last().receive({ type: "error", code: "room-full" });

    expect(last().url).not.toContain(roomId);
    expect(logged.length).toBeGreaterThan(2);
    expect(
      logged.join() + JSON.stringify(heard.seen) + heard.seen.map(({ args }) => String(args[0])).join(),
    ).not.toContain(roomId);
  });

  it("waits up to 500 ms first and twice as long each time, up to 30 s", async () => {
    const { clock, last, delays } = await arrange({ unit: 0.999_999 });

    for (let i = 0; i < 9; i += 1) {
      last().drop();
      await clock.advance(delays().at(-1)?.[1] ?? 0);
    }

    expect(delays().map(([attempt, delayMs]) => [attempt, Math.round(delayMs)])).toEqual([
      [1, 500],
      [2, 1_000],
      [3, 2_000],
      [4, 4_000],
      [5, 8_000],
      [6, 16_000],
      [7, 30_000],
      [8, 30_000],
      [9, 30_000],
    ]);
  });

  it("takes any part of that wait, by chance, down to none", async () => {
    const { last, delays } = await arrange({ unit: 0 });

    last().drop();

    expect(delays()).toEqual([[1, 0]]);
  });

  it("tries again exactly when it said", async () => {
    const { clock, sockets, last } = await arrange({ unit: 0.5 });

    last().drop();
    await clock.advance(249);
    expect(sockets).toHaveLength(1);
    await clock.advance(1);

    expect(sockets).toHaveLength(2);
  });

  it("gives up a server that never answers after 10 s, whether or not the socket opened", async () => {
    const { clock, sockets, last, heard } = await arrange();

    last().open();
    await clock.advance(9_999);
    expect(heard.names()).toEqual([]);
    await clock.advance(1);

    expect(heard.names()).toEqual(["failed", "reconnecting"]);
    expect(heard.seen[0]?.args[0]).toMatchObject({ code: "LEDGER_SIGNALING_UNREACHABLE" });
    expect(sockets[0]?.closedWith).toBe(1000);
  });

  it("ignores whatever an abandoned socket still says", async () => {
    const { clock, sockets, heard } = await arrange();
    await clock.advance(10_250);

    sockets[0]?.open();
    sockets[0]?.receive({ type: "joined", members: [bob] });
    sockets[0]?.drop();

    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.sent).toEqual([]);
    expect(heard.names()).toEqual(["failed", "reconnecting"]);
  });

  it("comes back under a fresh member id, counting attempts from 1 again", async () => {
    const { clock, sockets, last, enter, heard, delays } = await arrange();
    last().drop();
    last().drop();
    await clock.advance(500);
    enter();
    await clock.advance(5_000);
    last().drop();
    await clock.advance(500);
    enter();

    const ids = sockets.flatMap(({ sent }) => sent.map((frame) => (JSON.parse(frame) as { member: string }).member));
    expect(new Set(ids).size).toBe(ids.length);
    expect(heard.names()).toEqual(["failed", "reconnecting", "joined", "lost", "reconnecting", "joined"]);
    expect(delays()).toEqual([
      [1, 250],
      [1, 250],
    ]);
  });

  it("keeps backing off from a server that lets it in and throws it out", async () => {
    const { clock, last, enter, delays } = await arrange();

    for (let i = 0; i < 4; i += 1) {
      enter();
      last().drop();
      await clock.advance(delays().at(-1)?.[1] ?? 0);
    }

    expect(delays()).toEqual([
      [1, 250],
      [1, 500],
      [1, 1_000],
      [1, 2_000],
    ]);
  });

  it.each([
    ["version-unsupported", "version"],
    ["room-full", "MAX_ROOM_MEMBERS"],
    ["origin-refused", "ALLOWED_ORIGINS"],
    ["something-new", "something-new"],
  ])("reports the refusal %s and asks again slowly", async (code, hint) => {
    const { last, heard, delays } = await arrange({ unit: 0 });

    last().open();
    last().receive({ type: "error", code });
    last().drop(4426);

    expect(heard.names()).toEqual(["failed", "reconnecting"]);
    expect(heard.seen[0]?.args[0]).toMatchObject({
      code: "LEDGER_SIGNALING_REFUSED",
      message: expect.stringContaining(hint) as string,
    });
    expect(delays()).toEqual([[1, 15_000]]);
  });

  it("reports why it was thrown out of the room", async () => {
    const { last, enter, heard } = await arrange();

    enter();
    last().receive({ type: "error", code: "rate-limited" });

    expect(heard.names()).toEqual(["joined", "lost", "failed", "reconnecting"]);
  });

  it("takes the server's impatience for a slow network", async () => {
    const { last, heard } = await arrange();

    last().open();
    last().receive({ type: "error", code: "join-timeout" });

    expect(heard.seen[0]?.args[0]).toMatchObject({ code: "LEDGER_SIGNALING_UNREACHABLE" });
  });

  it.each([
    ["garbage", "garbage"],
    ["a message before the join", { type: "message", from: bob, payload: "AA" }],
  ])("closes on %s and tries again", async (_, frame) => {
    const { last, heard } = await arrange();

    last().open();
    last().receive(frame);

    expect(last().closedWith).toBe(4400);
    expect(heard.names()).toEqual(["failed", "reconnecting"]);
  });

  it("closes when it is let in twice", async () => {
    const { last, enter, heard } = await arrange();

    enter();
    last().receive({ type: "joined", members: [] });

    expect(heard.names()).toEqual(["joined", "lost", "reconnecting"]);
  });

  it("passes on a consistent story: who joined once leaves once and speaks in between", async () => {
    const { last, enter, heard } = await arrange();

    enter([bob]);
    last().receive({ type: "member-joined", member: bob });
    last().receive({ type: "message", from: carol, payload: "AA" });
    last().receive({ type: "message", from: bob, payload: "AQ" });
    last().receive({ type: "member-left", member: bob });
    last().receive({ type: "member-left", member: bob });
    last().receive({ type: "message", from: bob, payload: "Ag" });

    expect(heard.seen.slice(1)).toEqual([
      { event: "message", args: [bob, new Uint8Array([1])] },
      { event: "member-left", args: [bob] },
    ]);
  });

  it("does not wait when the browser is online again", async () => {
    const { clock, sockets, last, wake } = await arrange();
    last().drop();

    wake();
    wake();

    expect(sockets).toHaveLength(2);
    expect(clock.pendingDelaysMs()).toEqual([10_000]);
  });

  it("replaces a connection from before the network changed", async () => {
    const { clock, sockets, enter, wake, heard, signaling } = await arrange();
    enter();

    wake();
    expect(signaling.connected).toBe(false);
    await clock.advance(0);
    enter();

    expect(sockets.map(({ closedWith }) => closedWith)).toEqual([1000, undefined]);
    expect(heard.names()).toEqual(["joined", "lost", "reconnecting", "joined"]);
  });

  it("leaves nothing behind after close", async () => {
    const { clock, sockets, last, enter, signaling, heard, isWatching, wake } = await arrange();
    enter();

    signaling.close();
    last().drop();
    wake();
    await clock.advance(60_000);

    expect(sockets).toHaveLength(1);
    expect(last().closedWith).toBe(1000);
    expect(clock.pendingDelaysMs()).toEqual([]);
    expect(isWatching()).toBe(false);
    expect(heard.names()).toEqual(["joined"]);
  });

  it("can be closed by a listener in the midst of an event", async () => {
    const { clock, sockets, last, signaling, heard } = await arrange();
    signaling.on("failed", () => signaling.close());

    last().drop();
    await clock.advance(60_000);

    expect(sockets).toHaveLength(1);
    expect(heard.names()).toEqual(["failed"]);
  });

  it("reports a page that may not open the socket at all, with the cause", async () => {
    const cause = new DOMException("insecure", "SecurityError");
    const { webSocket } = createFakeSockets(() => {
      throw cause;
    });

    const { heard } = await arrange({ webSocket });

    expect(heard.names()).toEqual(["failed", "reconnecting"]);
    expect(heard.seen[0]?.args[0]).toMatchObject({ code: "LEDGER_SIGNALING_UNREACHABLE", cause });
  });

  it.each(["", "signal.example", "https://signal.example", "/signal", "wss://signal.example/#room"])(
    "refuses the URL %j at once",
    (wrong) => {
      const options = { roomId, clock: createFakeClock(), random: createSeededRandom(1), logger: createSilentLogger() };
      const { webSocket } = createFakeSockets();

      expect(() => openWebSocketSignaling({ ...options, url: wrong, webSocket })).toThrow(
        expect.objectContaining({ code: "LEDGER_OPTION_INVALID" }),
      );
    },
  );

  it("accepts the browser's class and that of ws by type", async () => {
    const { default: WsSocket } = await import("ws");

    const classes: SignalingSocketConstructor[] = [WsSocket];
    type Browser = typeof WebSocket extends SignalingSocketConstructor ? true : false;
    const browserFits: Browser = true;

    expect(classes).toHaveLength(1);
    expect(browserFits).toBe(true);
  });
});
