// @ts-check
/** Relaying: what a member may spend, how it gets it back, and what happens to who does not keep to it. */

import { afterEach, describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { defaultLimits } from "../src/limits.js";
import { createRelayBudgets } from "../src/relay-budget.js";
import { id, startServer } from "./support.js";

const [room, alice, bob, carol] = [id(1), id(10), id(11), id(12)];
const KiB = 1024;

/** Costs exactly so much. @param {number} cost */
const payloadOf = (cost) => "A".repeat(cost);

/** @param {Partial<import("../src/limits.js").Limits>} [changed] */
const arrangeBudgets = (changed) => {
  const clock = createFakeClock();
  const budgets = createRelayBudgets({ limits: { ...defaultLimits(), ...changed }, clock });
  /** @param {string} [inRoom] */
  const open = (inRoom = room) => {
    /** @type {(number | "over")[]} */
    const told = [];
    const budget = budgets.open(inRoom, { onCredit: (amount) => told.push(amount), onOver: () => told.push("over") });
    return { ...budget, told };
  };
  return { clock, budgets, open };
};

describe("a relay budget", () => {
  it("gives credit back in quarters of the window, at once as long as the rate was not used up", async () => {
    const { clock, open } = arrangeBudgets();
    const budget = open();

    budget.spend(150 * KiB);
    await clock.advance(0);

    expect(budget.credit).toBe(256 * KiB);
    expect(budget.told).toEqual([64 * KiB, 64 * KiB]);
  });

  it("holds a socket to RELAY_BYTES_PER_SECOND", async () => {
    const { clock, open } = arrangeBudgets({ relayBytesPerSecond: 64 * KiB, relayRoomBytesPerSecond: 1e9 });
    const budget = open();
    let spent = 0;

    for (let second = 0; second < 60; second += 1) {
      while (budget.spend(4 * KiB) === "granted") spent += 4 * KiB;
      await clock.advance(1_000);
    }

    // The window to begin with, a burst of its size, and the rate.
    expect(spent).toBeLessThanOrEqual((2 * 256 + 60 * 64) * KiB);
    expect(spent).toBeGreaterThanOrEqual((2 * 256 + 58 * 64) * KiB);
  });

  it("holds a room to RELAY_ROOM_BYTES_PER_SECOND and shares it evenly", async () => {
    const { clock, open } = arrangeBudgets({ relayBytesPerSecond: 1e9, relayRoomBytesPerSecond: 64 * KiB });
    const members = [open(), open(), open(), open()];
    const elsewhere = open(id(2));
    const spent = members.map(() => 0);

    for (let second = 0; second < 120; second += 1) {
      members.forEach((budget, i) => {
        while (budget.spend(4 * KiB) === "granted") spent[i] = Number(spent[i]) + 4 * KiB;
      });
      await clock.advance(1_000);
    }
    elsewhere.spend(256 * KiB);
    await clock.advance(0);

    const sum = spent.reduce((total, own) => total + own, 0);
    expect(sum).toBeLessThanOrEqual((4 * 256 + 256 + 120 * 64) * KiB);
    expect(sum).toBeGreaterThanOrEqual((4 * 256 + 256 + 118 * 64) * KiB);
    expect(Math.max(...spent) - Math.min(...spent)).toBeLessThanOrEqual(64 * KiB);
    expect(elsewhere.told).toHaveLength(4);
  });

  it("is over for good after RELAY_MAX_BYTES", async () => {
    const { clock, open } = arrangeBudgets({ relayMaxBytes: 100 * KiB });
    const budget = open();

    const answers = [budget.spend(100 * KiB), budget.spend(1 * KiB), budget.spend(1 * KiB)];
    await clock.advance(60_000);

    expect(answers).toEqual(["granted", "over", "over"]);
    expect(budget.told.filter((told) => told === "over")).toHaveLength(1);
    expect(budget.spend(155 * KiB)).toBe("overdrawn");
  });

  it("says and keeps nothing after close", async () => {
    const { clock, budgets, open } = arrangeBudgets({ relayBytesPerSecond: KiB });
    const budget = open();
    budget.spend(200 * KiB);
    expect(budgets.roomCount).toBe(1);

    budget.close();
    await clock.advance(600_000);

    expect(budget.told).toEqual([]);
    expect(budgets.roomCount).toBe(0);
    expect(clock.pendingDelaysMs()).toEqual([]);
  });
});

describe("a server with RELAY=1", () => {
  /** @type {Awaited<ReturnType<typeof startServer>> | undefined} */
  let started;
  afterEach(() => started?.release());

  /** @param {Partial<import("../src/limits.js").Limits>} [limits] */
  const arrange = async (limits = {}) => {
    started = await startServer({ relay: true, limits });
    const [atAlice, atBob] = [await started.join(room, alice), await started.join(room, bob)];
    return { server: started, atAlice, atBob };
  };

  /** @param {string} name */
  const metric = async (name) => {
    const text = await (await fetch(`http://127.0.0.1:${started?.port}/metrics`)).text();
    const line = text.split("\n").find((some) => some.startsWith(`ledger_signaling_${name} `));
    return Number(line?.split(" ")[1]);
  };

  it("announces the credit, passes frames on and gives credit back", async () => {
    const { atAlice, atBob } = await arrange();

    for (let i = 0; i < 6; i += 1) atAlice.send({ type: "relay", to: bob, payload: payloadOf(12 * KiB) });

    expect(atAlice.frames[0]).toMatchObject({ type: "joined", relay: { credit: 256 * KiB } });
    for (let i = 0; i < 6; i += 1) {
      expect(await atBob.next("relay")).toEqual({ type: "relay", from: alice, payload: payloadOf(12 * KiB) });
    }
    expect(await atAlice.next("relay-credit")).toEqual({ type: "relay-credit", amount: 64 * KiB });
    expect(await metric("relayed_frames_total")).toBe(6);
    expect(await metric("relayed_bytes_total")).toBe(72 * KiB);
  });

  it("does not count what is relayed for the limits on signaling", async () => {
    const { atAlice, atBob } = await arrange({
      messageBurst: 3,
      messagesPerSecond: 1,
      byteBurst: KiB,
      bytesPerSecond: KiB,
    });

    for (let i = 0; i < 100; i += 1) atAlice.send({ type: "relay", to: bob, payload: payloadOf(2 * KiB) });
    atAlice.send({ type: "send", to: bob, payload: "AA" });

    expect(await atBob.next("message")).toMatchObject({ payload: "AA" });
    expect(atBob.frames.filter(({ type }) => type === "relay")).toHaveLength(100);
  });

  it("refuses a member that spends credit it was not given, also in many small frames", async () => {
    const { atAlice, atBob } = await arrange({ relayWindowBytes: 64 * KiB, relayBytesPerSecond: KiB });

    // The window to begin with, as much again because the rate was not used before, and one frame more.
    for (let i = 0; i < 129; i += 1) atAlice.send({ type: "relay", to: bob, payload: "AA" });

    expect(await atAlice.next("error")).toEqual({ type: "error", code: "rate-limited" });
    expect((await atAlice.closed).code).toBe(4429);
    await atBob.next("member-left");
    expect(atBob.frames.filter(({ type }) => type === "relay").length).toBeLessThanOrEqual(128);
  });

  it("tells a member when it has relayed all it may, and drops the rest", async () => {
    const { atAlice, atBob } = await arrange({ relayMaxBytes: 24 * KiB });

    for (let i = 0; i < 3; i += 1) atAlice.send({ type: "relay", to: bob, payload: payloadOf(12 * KiB) });
    expect(await atAlice.next("relay-over")).toEqual({ type: "relay-over" });
    atAlice.send({ type: "send", to: bob, payload: "AA" });

    await atBob.next("message");
    expect(atBob.frames.filter(({ type }) => type === "relay")).toHaveLength(2);
    expect(await metric('relay_drops_total{reason="used-up"}')).toBe(1);
  });

  it("drops what is relayed to someone who does not read, and leaves its socket alone", async () => {
    const { atAlice, atBob } = await arrange({ maxBufferedBytes: 64 * KiB, relayWindowBytes: 64 * KiB * KiB });
    atBob.socket.pause();

    // More than any socket's buffers hold.
    for (let i = 0; i < 2_000; i += 1) atAlice.send({ type: "relay", to: bob, payload: payloadOf(12 * KiB) });
    await expect.poll(() => metric('relay_drops_total{reason="slow-reader"}')).toBeGreaterThan(0);
    atBob.socket.resume();
    atAlice.send({ type: "send", to: bob, payload: "AA" });

    expect(await atBob.next("message")).toMatchObject({ payload: "AA" });
  });

  it("drops what is relayed to nobody", async () => {
    const { atAlice, atBob } = await arrange();

    atAlice.send({ type: "relay", to: carol, payload: "AA" });
    atAlice.send({ type: "relay", to: bob, payload: "AQ" });

    expect(await atBob.next("relay")).toMatchObject({ payload: "AQ" });
  });
});

describe("a server without RELAY", () => {
  it("announces nothing and calls relaying malformed", async () => {
    const server = await startServer();
    const atAlice = await server.join(room, alice);

    atAlice.send({ type: "relay", to: bob, payload: "AA" });

    expect(atAlice.frames[0]).not.toHaveProperty("relay");
    expect(await atAlice.next("error")).toEqual({ type: "error", code: "malformed" });
    await server.release();
  });
});
