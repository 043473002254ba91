import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import type { Change, ChangeGroup } from "../../src/replication/change.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import { defaultReplicationLimits, type ReplicationLimits } from "../../src/replication/limits.ts";
import type { Message } from "../../src/replication/message.ts";
import { emptySchema } from "../../src/replication/schema-stamp.ts";
import { message } from "./arbitraries.ts";

const limits = defaultReplicationLimits;
const alice = "a1".repeat(16) as SiteId;
const bob = "b0".repeat(16) as SiteId;
const epoch = "0e".repeat(16) as Epoch;

const decode = (bytes: Uint8Array, within: ReplicationLimits = limits) => decodeMessage(bytes, within);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

/** The rule that a message breaks; fails when it breaks none. */
const ruleBrokenBy = (bytes: Uint8Array, within?: ReplicationLimits): string => {
  const decoded = decode(bytes, within);
  if (decoded.ok || decoded.error.code !== "MALFORMED") throw new Error("not malformed");
  return decoded.error.rule;
};

const keyOfA = Uint8Array.of(1, 0x0b, 1, 0x61);

const change = (fields: Partial<Change> = {}): Change => ({
  table: "notes",
  pk: keyOfA,
  cid: "title",
  valueClass: 3,
  value: "hi",
  colVersion: 1,
  cl: 1,
  seq: 0,
  ...fields,
});

const changesOf = (...groups: readonly ChangeGroup[]): Message => ({
  type: "changes",
  to: 1,
  complete: true,
  frontier: new Map(),
  groups,
});

const withChange = (fields: Partial<Change>): Uint8Array =>
  encodeMessage(changesOf({ site: alice, originVersion: 1, changes: [change(fields)] }));

describe("messages", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(message, (sent) => {
        const decoded = decode(encodeMessage(sent));

        expect(decoded).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 300 },
    );
  });

  it("have one form: what was decoded is encoded to the same bytes", () => {
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encodeMessage(sent);
        const decoded = decode(bytes);

        expect(decoded.ok && hexOf(encodeMessage(decoded.value))).toBe(hexOf(bytes));
      }),
      { numRuns: 200 },
    );
  });

  it("are malformed when they end early, wherever that is", () => {
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encodeMessage(sent);
        const step = Math.max(1, Math.floor(bytes.length / 200));
        for (let length = 0; length < bytes.length; length += step) {
          ruleBrokenBy(bytes.subarray(0, length));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("are malformed when bytes follow", () => {
    fc.assert(
      fc.property(message, fc.uint8Array({ minLength: 1, maxLength: 4 }), (sent, more) => {
        expect(ruleBrokenBy(Uint8Array.from([...encodeMessage(sent), ...more]))).toBeTypeOf("string");
      }),
      { numRuns: 60 },
    );
  });

  it("never throw, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 200 }), (tag, bytes) => {
        decode(Uint8Array.from([tag, ...bytes]));
      }),
      { numRuns: 20_000 },
    );
  });

  it("survive many sites, many rows of one key and large texts", () => {
    const frontier = new Map(
      Array.from({ length: 5_000 }, (_, i) => [i.toString(16).padStart(32, "0") as SiteId, i + 1]),
    );
    const changes = Array.from({ length: 3_000 }, (_, i) =>
      change({ seq: i, cid: `c${i % 7}`, value: i % 2 ? "é".repeat(2_000) : "" }),
    );
    const sent: Message = {
      type: "changes",
      to: 5,
      complete: false,
      frontier,
      groups: [{ site: bob, originVersion: 9, changes }],
    };

    expect(decode(encodeMessage(sent))).toEqual({ ok: true, value: sent });
  });
});

describe("the bytes", () => {
  it("of a hello", () => {
    const hello: Message = {
      type: "hello",
      schema: emptySchema,
      frontier: new Map([[alice, 300]]),
      cursor: { epoch, position: 5 },
    };

    expect(hexOf(encodeMessage(hello))).toBe(
      `01 01 ${alice} ac02 00 ${"00".repeat(8)} 01 ${epoch} 05`.replaceAll(" ", ""),
    );
  });

  it("of a progress, a rewind and a digest", () => {
    const frontier = new Map([[alice, 1]]);

    expect(hexOf(encodeMessage({ type: "progress", taken: 5, frontier }))).toBe(`030501${alice}01`);
    expect(hexOf(encodeMessage({ type: "rewind", frontier }))).toBe(`0501${alice}01`);
    expect(
      hexOf(encodeMessage({ type: "digest", tables: [{ table: "n", hash: "0011223344556677", changes: 2 }] })),
    ).toBe("0401016e001122334455667702");
  });

  it("of changes: dictionaries, then column by column", () => {
    const keyOfB = Uint8Array.of(1, 0x0b, 1, 0x62);
    const sent = changesOf(
      {
        site: alice,
        originVersion: 2,
        changes: [change(), change({ cid: "stars", valueClass: 1, value: -1, seq: 1 })],
      },
      {
        site: bob,
        originVersion: 1,
        changes: [
          change({ pk: keyOfB, cid: "-1", valueClass: 5, value: null, colVersion: 2, cl: 2 }),
          change({ cid: "stars", valueClass: 1, value: 2n ** 62n, colVersion: 4, seq: 1 }),
        ],
      },
    );
    const expected = bytesOf(
      `
      02 01 01 00                                          changes, complete, to 1, nothing new in the frontier
      02 ${alice} ${bob}                                   sites
      03 05 6e6f746573 05 7469746c65  05 6e6f746573 05 7374617273  05 6e6f746573 02 2d31
      02 04 010b0161 04 010b0162                           keys
      02 00 02 02  01 01 02                                groups: site, version, changes
      00 01 02 01                                          columns
      01 00 01 02                                          keys: next, same, next, first again
      01 01 02 04  01 01 02 01                             column versions, causal lengths
      00 00 03 00                                          seq against what was expected, zigzag
      03 01 05 06                                          storage classes
      02 6869  01  4000000000000000                        values
    `.replaceAll(/ {2,}[a-z][a-z, :]*[^0-9a-f\s][^\n]*$/gim, ""),
    );

    expect(hexOf(encodeMessage(sent))).toBe(hexOf(expected));
    expect(decode(expected)).toEqual({ ok: true, value: sent });
  });

  it.each([
    [0, "0100"],
    [63, "017e"],
    [-64, "017f"],
    [2 ** 52 - 1, "01feffffffffffff0f"],
    [2 ** 52, "060010000000000000"],
    [-(2 ** 52), "06fff0000000000000"],
    [2 ** 53 - 1, "06001fffffffffffff"],
    [2n ** 63n - 1n, "067fffffffffffffff"],
    [-(2n ** 63n), "068000000000000000"],
  ] as const)("of the integer %s end in %s", (value, end) => {
    const bytes = withChange({ valueClass: 1, value });

    expect(hexOf(bytes).endsWith(end)).toBe(true);
    expect(decode(bytes)).toMatchObject({ value: { groups: [{ changes: [{ value }] }] } });
  });

  it("tell INTEGER 1 from REAL 1.0, and an empty text from an empty blob and NULL", () => {
    const ends = [
      withChange({ valueClass: 1, value: 1 }),
      withChange({ valueClass: 2, value: 1 }),
      withChange({ valueClass: 3, value: "" }),
      withChange({ valueClass: 4, value: new Uint8Array() }),
      withChange({ valueClass: 5, value: null }),
    ].map((bytes) => hexOf(bytes.subarray(49)));

    expect(ends).toEqual(["0102", "023ff0000000000000", "0300", "0400", "05"]);
  });
});

describe("a message is malformed with", () => {
  const site = alice;

  it("an unknown tag", () => {
    expect(decode(Uint8Array.of(9))).toEqual({ ok: false, error: { code: "UNKNOWN_MESSAGE", rule: "message tag" } });
  });

  it("no bytes at all", () => {
    expect(ruleBrokenBy(new Uint8Array())).toBe("truncated");
  });

  it.each([
    ["a varint longer than it need be", `05 01 ${site} 8100`, "varint not minimal"],
    ["a zero in two bytes", "05 8000", "varint not minimal"],
    ["a varint of nine bytes", `05 01 ${site} 808080808080808001`, "varint too long"],
    ["a number above 2^53 - 1", `05 01 ${site} 8080808080808010`, "varint too large"],
    ["one site twice", `05 02 ${site}01 ${site}02`, "site twice in a frontier"],
    ["more sites than there are bytes for", "05 ffffff7f", "count beyond the message"],
    ["flags that mean nothing", "02 03 01 00 00 00 00 00", "changes flags"],
    ["a cursor flag that means nothing", "01 00 00 0000000000000000 02", "cursor flag"],
    ["a table whose name ends the SQL", "02 01 01 00 00 01 05 61223b2d2d 01 78 00 00", "table name"],
    ["a table without a name", "02 01 01 00 00 01 00 01 78 00 00", "table name"],
    ["a column whose name is a number", "02 01 01 00 00 01 01 61 02 2d32 00 00", "column name"],
    ["a name that is not UTF-8", "02 01 01 00 00 01 01 ff 01 78 00 00", "text not UTF-8"],
    ["a key that is none", "02 01 01 00 00 00 01 01 00 00", "key"],
    ["a group of a site that is not there", "02 01 01 00 00 00 00 01 00 01 00", "dictionary index"],
    ["a group of version 0", `02 01 01 00 01 ${site} 00 00 01 00 00 00`, "origin version"],
    [
      "more changes than there are bytes for",
      `02 01 01 00 01 ${site} 00 00 01 00 01 ffffffffffff0f`,
      "count beyond the message",
    ],
  ])("%s", (_, hex, rule) => {
    expect(ruleBrokenBy(bytesOf(hex))).toBe(rule);
  });

  it("more entries of a dictionary, changes or tables than are taken", () => {
    const change = withChange({});
    const digest = encodeMessage({ type: "digest", tables: [{ table: "n", hash: "00".repeat(8), changes: 1 }] });

    expect(ruleBrokenBy(change, { ...limits, maxChanges: 0 })).toBe("too many entries");
    expect(
      ruleBrokenBy(bytesOf(`02 01 01 00 01 ${site} 00 00 01 00 01 02 ${"00".repeat(12)}`), {
        ...limits,
        maxChanges: 1,
      }),
    ).toBe("too many changes");
    expect(ruleBrokenBy(digest, { ...limits, maxTables: 0 })).toBe("too many tables");
  });

  const oneChange = (fields: {
    column?: string;
    key?: string;
    colVersion?: string;
    cl?: string;
    seq?: string;
    value?: string;
  }) =>
    bytesOf(`02 01 01 00 01 ${site} 02 016e0178 016e022d31 01 04010b0161 01 00 01 01
      ${fields.column ?? "00"} ${fields.key ?? "01"} ${fields.colVersion ?? "01"} ${fields.cl ?? "01"} ${fields.seq ?? "00"} ${fields.value ?? "05"}`);

  it("nothing wrong in it: the frame that the next ones are made of", () => {
    expect(decode(oneChange({})).ok).toBe(true);
  });

  it.each([
    ["a column that is not there", { column: "02" }, "dictionary index"],
    ["a key that is not there", { key: "03" }, "dictionary index"],
    ["the same key as none before", { key: "00" }, "dictionary index"],
    ["a causal length of 0", { cl: "00" }, "causal length"],
    ["a causal length of 2^31", { cl: "8080808008" }, "causal length"],
    ["a column version of 2^31", { colVersion: "8080808008" }, "column version"],
    ["a negative place in the transaction", { seq: "01" }, "sequence"],
    ["a place of 2^31", { seq: "8080808010" }, "sequence"],
    ["a cell of a deleted row", { cl: "02" }, "cell of a deleted row"],
    ["a sentinel that has a value", { column: "01", value: "01 00" }, "sentinel with a value"],
    ["a sentinel whose versions differ", { column: "01", colVersion: "02" }, "sentinel version"],
    ["an unknown storage class", { value: "07" }, "value tag"],
    ["storage class 0", { value: "00" }, "value tag"],
    ["NaN", { value: "02 7ff8000000000000" }, "NaN"],
    ["another NaN", { value: "02 fff0000000000001" }, "NaN"],
    ["a small integer in eight bytes", { value: "06 0000000000000005" }, "integer not minimal"],
    ["a text that is not UTF-8", { value: "03 02 c328" }, "text not UTF-8"],
    ["a text of half a surrogate pair", { value: "03 03 eda080" }, "text not UTF-8"],
    ["a text in more bytes than it needs", { value: "03 02 c080" }, "text not UTF-8"],
    ["a text longer than the message", { value: "03 7f 61" }, "truncated"],
  ])("%s", (_, fields, rule) => {
    expect(ruleBrokenBy(oneChange(fields))).toBe(rule);
  });

  it("more sites than the limit", () => {
    const frontier = new Map([
      [alice, 1],
      [bob, 1],
    ]);

    expect(ruleBrokenBy(encodeMessage({ type: "progress", taken: 0, frontier }), { ...limits, maxSites: 1 })).toBe(
      "too many sites",
    );
  });

  it.each([
    ["key", { maxKeyBytes: 3 }],
    ["text", { maxValueBytes: 1 }],
    ["name", { maxNameLength: 4 }],
  ] as const)("a %s longer than the limit", (_, tighter) => {
    expect(ruleBrokenBy(withChange({}), { ...limits, ...tighter })).toBe("block too long");
  });

  it("takes what is exactly as long as the limits", () => {
    const exact = { ...limits, maxSites: 0, maxKeyBytes: 4, maxValueBytes: 2, maxNameLength: 5 };

    expect(decode(withChange({}), exact).ok).toBe(true);
  });
});

describe("keys", () => {
  it.each([10_000, 65_000])("of %i bytes are encoded", (length) => {
    const pk = Uint8Array.from([1, 0x14, length >> 8, length & 0xff, ...new Uint8Array(length)]);
    const decoded = decode(withChange({ pk }));

    if (!decoded.ok || decoded.value.type !== "changes") throw new Error("not decoded");
    expect(Buffer.compare(decoded.value.groups[0]?.changes[0]?.pk ?? new Uint8Array(), pk)).toBe(0);
  });
});
