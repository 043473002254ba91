// @ts-check
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { addressGroup, clientAddress } from "../src/address.js";
import { createAddressBook } from "../src/address-book.js";
import { createTokenBucket, defaultLimits, limitDefinitions, readLimits } from "../src/limits.js";
import { closeCodes } from "../src/protocol.js";
import { settingDefinitions } from "../src/settings.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

describe("readLimits", () => {
  it("gives the defaults for an empty environment", () => {
    expect(readLimits({})).toEqual(defaultLimits());
    expect(readLimits({ MAX_SOCKETS: "" })).toEqual(defaultLimits());
  });

  it("takes every limit from its own variable", () => {
    for (const [name, { env, min }] of Object.entries(limitDefinitions)) {
      expect(readLimits({ [env]: String(min) })).toEqual({ ...defaultLimits(), [name]: min });
    }
  });

  it.each(["-1", "1.5", "1e3", "many", "0", "0x10", " 5", "99999999999"])("refuses %j", (text) => {
    expect(() => readLimits({ MAX_SOCKETS: text })).toThrow("MAX_SOCKETS");
  });
});

describe("README.md", () => {
  it.each([...settingDefinitions, ...Object.values(limitDefinitions)].map(({ env, value }) => [env, value]))(
    "lists %s with its default",
    (env, value) => {
      const row = readme.split("\n").find((line) => line.startsWith(`| \`${env}\``));

      expect(row?.split("|")[2]?.trim()).toBe(String(value));
    },
  );

  it("lists no variable that does not exist", () => {
    const known = [...settingDefinitions, ...Object.values(limitDefinitions)].map(({ env }) => env);
    const table = readme.slice(readme.indexOf("## Settings"), readme.indexOf("## Self-hosting"));

    const listed = [...table.matchAll(/^\| `([A-Z_]+)` /gm)].map(([, name]) => name);

    expect(new Set(listed)).toEqual(new Set(known));
    expect(listed).toHaveLength(known.length);
  });

  it.each(Object.entries(closeCodes))("lists the error %s with its close code", (name, code) => {
    expect(readme).toMatch(new RegExp(`\\| ${code} +\\| \`${name}\``));
  });
});

describe("createTokenBucket", () => {
  it("gives the burst at once and then so much per second", async () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ perSecond: 2, burst: 3, nowMs: clock.nowMs });

    expect([1, 1, 1, 1].map(bucket.take)).toEqual([true, true, true, false]);
    await clock.advance(499);
    expect(bucket.take(1)).toBe(false);
    await clock.advance(1);
    expect(bucket.take(1)).toBe(true);
    await clock.advance(60_000);
    expect([3, 1].map(bucket.take)).toEqual([true, false]);
  });

  it("survives a clock that is set back", () => {
    let nowMs = 10_000;
    const bucket = createTokenBucket({ perSecond: 1, burst: 2, nowMs: () => nowMs });

    nowMs = 0;
    expect([1, 1, 1].map(bucket.take)).toEqual([true, true, false]);
    nowMs = 1_000;
    expect(bucket.take(1)).toBe(true);
  });
});

describe("createAddressBook", () => {
  it("limits the open sockets of one address and gives places back, each once", () => {
    const clock = createFakeClock();
    const book = createAddressBook({ limits: { ...defaultLimits(), maxSocketsPerAddress: 2 }, nowMs: clock.nowMs });
    const [first, second] = [book.admit("a"), book.admit("a")];

    expect(book.admit("a")).toBeUndefined();
    expect(book.admit("b")).toBeDefined();
    first?.();
    first?.();
    expect(book.admit("a")).toBeDefined();
    expect(book.admit("a")).toBeUndefined();
    second?.();
  });

  it("limits how fast one address opens sockets", async () => {
    const clock = createFakeClock();
    const limits = { ...defaultLimits(), connectsPerSecond: 1, connectBurst: 2 };
    const book = createAddressBook({ limits, nowMs: clock.nowMs });
    const open = () => {
      const release = book.admit("a");
      release?.();
      return release !== undefined;
    };

    expect([open(), open(), open()]).toEqual([true, true, false]);
    await clock.advance(1_000);
    expect([open(), open()]).toEqual([true, false]);
  });

  it("forgets addresses at rest and takes no more than it can hold", async () => {
    const clock = createFakeClock();
    const book = createAddressBook({ limits: { ...defaultLimits(), maxSockets: 10 }, nowMs: clock.nowMs });

    for (let i = 0; i < 100; i += 1) book.admit(`10.0.0.${i}`)?.();
    expect(book.size).toBe(40);
    await clock.advance(60_000);
    expect(book.admit("10.1.0.1")).toBeDefined();
    expect(book.size).toBe(1);
  });
});

describe("addressGroup", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0DB8:0001:0002::1", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1", "0:0:0:0"],
    ["", ""],
    ["garbage:::::", "garbage:0:0:0"],
  ])("puts %j into %j", (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });
});

describe("clientAddress", () => {
  /** @param {string} [forwarded] */
  const request = (forwarded) =>
    /** @type {import("node:http").IncomingMessage} */ (
      /** @type {unknown} */ ({ socket: { remoteAddress: "192.0.2.1" }, headers: { "x-forwarded-for": forwarded } })
    );

  it.each(
    /** @type {[string | undefined, number, string][]} */ ([
      ["203.0.113.9", 0, "192.0.2.1"],
      ["203.0.113.9", 1, "203.0.113.9"],
      ["198.51.100.1, 203.0.113.9", 1, "203.0.113.9"],
      ["198.51.100.1, 203.0.113.9, 10.0.0.1", 2, "203.0.113.9"],
      [undefined, 1, "192.0.2.1"],
    ]),
  )("of a request forwarded for %j behind %d trusted proxies is right", (forwarded, hops, address) => {
    expect(clientAddress(request(forwarded), hops)).toBe(address);
  });
});
