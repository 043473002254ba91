/** Messages as fast-check draws them: everything that a replica can send, and the ends of every range. */

import fc from "fast-check";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import {
  rowSentinel,
  type Change,
  type ChangeGroup,
  type Value,
  type ValueClass,
} from "../../src/replication/change.ts";
import type { Frontier } from "../../src/replication/frontier.ts";
import type { Message } from "../../src/replication/message.ts";

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((raw) => Buffer.from(raw).toString("hex"));

export const siteId = hex(16) as fc.Arbitrary<SiteId>;

export const version = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.maxSafeNat().map((nat) => Math.max(1, nat)),
);

const counter = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));

export const frontier: fc.Arbitrary<Frontier> = fc
  .uniqueArray(fc.tuple(siteId, version), { selector: ([site]) => site, maxLength: 40 })
  .map((entries) => new Map(entries));

/** As a replica reads it: `number` as long as it is exact. */
const int64 = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 52n, -(2n ** 52n), 0n),
    fc.maxSafeInteger().map(BigInt),
  )
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom("", "\0", "\ufeff", "a\0b", "x".repeat(3_000), "é".repeat(200)),
);

const wellFormed = text.filter((value) => !/\p{Surrogate}/u.test(value));

const typed = <V extends Value>(valueClass: ValueClass, value: fc.Arbitrary<V>) =>
  value.map((drawn): { readonly valueClass: ValueClass; readonly value: Value } => ({ valueClass, value: drawn }));

export const value = fc.oneof(
  typed(1, int64),
  typed(2, fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(-0, 0, Infinity, -Infinity, 5e-324))),
  typed(3, wellFormed),
  typed(
    4,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
  ),
  typed(5, fc.constant(null)),
);

/** One column of a packed key, as cr-sqlite packs it. */
const keyColumn: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.uint8Array({ maxLength: 8 }).map((bytes) => [(bytes.length << 3) | 1, ...bytes]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => [2, ...bytes]),
  fc.string({ maxLength: 100 }).map((drawn) => {
    const bytes = Buffer.from(drawn.replaceAll(/\p{Surrogate}/gu, ""));
    return bytes.length === 0
      ? [3]
      : [
          bytes.length < 256 ? 0x0b : 0x13,
          ...(bytes.length < 256 ? [] : [bytes.length >> 8]),
          bytes.length & 0xff,
          ...bytes,
        ];
  }),
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => [0x0c, bytes.length, ...bytes]),
);

export const packedKey = fc
  .array(keyColumn, { minLength: 1, maxLength: 4 })
  .map((columns) => Uint8Array.from([columns.length, ...columns.flat()]));

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);

const place = { table: fc.oneof(fc.constantFrom("notes", "todo"), name), pk: packedKey, seq: counter };

const cell: fc.Arbitrary<Change> = fc
  .record({
    ...place,
    cid: fc.oneof(fc.constantFrom("title", "stars"), name),
    colVersion: counter,
    cl: counter,
    typed: value,
  })
  .map(({ typed: drawn, cl, ...rest }) => ({ ...rest, ...drawn, cl: cl | 1 }));

const sentinel: fc.Arbitrary<Change> = fc
  .record({ ...place, cl: fc.integer({ min: 1, max: 2 ** 31 - 1 }) })
  .map((drawn) => ({ ...drawn, cid: rowSentinel, colVersion: drawn.cl, valueClass: 5, value: null }));

/** Rows of one key stand together, and keys and sites come again: what the dictionaries are for. */
export const groups: fc.Arbitrary<readonly ChangeGroup[]> = fc
  .record({
    sites: fc.array(siteId, { minLength: 1, maxLength: 3 }),
    keys: fc.array(packedKey, { minLength: 1, maxLength: 4 }),
    drawn: fc.array(
      fc.record({
        site: fc.nat(),
        originVersion: version,
        changes: fc.array(fc.tuple(fc.option(fc.nat()), fc.oneof({ weight: 4, arbitrary: cell }, sentinel)), {
          maxLength: 12,
        }),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ sites, keys, drawn }) =>
    drawn.map(({ site, originVersion, changes }) => ({
      site: sites[site % sites.length] as SiteId,
      originVersion,
      changes: changes.map(([key, change]) =>
        key === null ? change : { ...change, pk: keys[key % keys.length] as Uint8Array },
      ),
    })),
  );

const epoch = hex(16) as fc.Arbitrary<Epoch>;

const schema = fc.record({ migration: fc.maxSafeNat(), hash: hex(8) });

export const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record(
    {
      type: fc.constant("hello" as const),
      frontier,
      schema,
      cursor: fc.record({ epoch, position: fc.maxSafeNat() }),
    },
    { requiredKeys: ["type", "frontier", "schema"] },
  ) as fc.Arbitrary<Message>,
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("changes" as const),
      to: fc.maxSafeNat(),
      complete: fc.boolean(),
      frontier,
      groups,
    }),
  },
  fc.record({ type: fc.constant("progress" as const), taken: version, frontier }),
  fc.record({ type: fc.constant("rewind" as const), frontier }),
  fc.record({ type: fc.constant("schema" as const), schema }),
  fc.record({ type: fc.constant("want" as const), isEmpty: fc.boolean(), frontier }),
  fc.record({
    type: fc.constant("want" as const),
    isEmpty: fc.constant(true),
    resume: fc.record({ image: fc.maxSafeNat(), offset: fc.maxSafeNat() }),
    frontier,
  }),
  fc.record({
    type: fc.constant("snapshot" as const),
    to: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    frontier,
    part: fc
      .record({
        image: fc.maxSafeNat(),
        offset: fc.nat({ max: 1_000_000 }),
        rest: fc.nat({ max: 1_000 }),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      })
      .map(({ rest, ...part }) => ({ ...part, size: part.offset + part.bytes.length + rest })),
  }),
  fc.record({
    type: fc.constant("digest" as const),
    tables: fc.array(fc.record({ table: name, hash: hex(8), changes: fc.maxSafeNat() }), { maxLength: 5 }),
  }),
);
