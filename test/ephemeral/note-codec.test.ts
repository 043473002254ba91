import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesToHex, type SiteId } from "../../src/common/ids.ts";
import { decodeNote, encodeNote } from "../../src/ephemeral/note-codec.ts";
import { noteLimits, type Note, type PresenceEntry, type PresenceId } from "../../src/ephemeral/note.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = bytes(8).map((raw) => bytesToHex(raw) as PresenceId);
const site = bytes(16).map((raw) => bytesToHex(raw) as SiteId);
const beat = fc.maxSafeNat();
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value));

const entry: fc.Arbitrary<PresenceEntry> = fc.oneof(
  fc.record({ type: fc.constant("state" as const), id, beat, since: fc.constant(0), siteId: site, state: json }),
  fc.record({ type: fc.constant("beat" as const), id, beat, since: fc.constant(0) }),
  fc.record({ type: fc.constantFrom("gone" as const, "doubt" as const), id, beat }),
);

const note: fc.Arbitrary<Note> = fc.oneof(
  fc.record({ type: fc.constant("presence" as const), entries: fc.array(entry, { maxLength: 5 }) }),
  fc.record({
    type: fc.constant("broadcast" as const),
    id,
    number: beat,
    siteId: site,
    hops: fc.nat(noteLimits.hops),
    topic: fc.string({ unit: "binary", maxLength: 20 }),
    payload: fc.oneof(json, fc.uint8Array({ maxLength: 50 })),
  }),
  fc.record({ type: fc.constant("neighbours" as const), sites: fc.array(site, { maxLength: noteLimits.neighbours }) }),
);

test("reads what it wrote", () => {
  fc.assert(
    fc.property(note, (written) => {
      expect(decodeNote(encodeNote(written))).toEqual({ ok: true, value: written });
    }),
  );
});

test("answers any bytes with a note or a rule", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), note, fc.nat(), fc.nat(255), (raw, written, at, byte) => {
      const damaged = encodeNote(written);
      damaged[at % damaged.length] = byte;

      for (const candidate of [raw, damaged, damaged.subarray(0, at % damaged.length)]) {
        const decoded = decodeNote(candidate);
        // A note that is read is written the same again, or shorter numbers would be another form of it.
        if (decoded.ok) expect(decodeNote(encodeNote(decoded.value))).toEqual(decoded);
        else expect(decoded.error).toMatch(/^[A-Za-z0-9 -]+$/);
      }
    }),
    { numRuns: 2_000 },
  );
});

const broadcast = {
  type: "broadcast",
  id: "0".repeat(16) as PresenceId,
  number: 1,
  siteId: "0".repeat(32) as SiteId,
  hops: 0,
  topic: "t",
  payload: "1",
} as const;
const state = { type: "state", id: broadcast.id, beat: 2, since: 1, siteId: broadcast.siteId, state: "1" } as const;

test.each<readonly [string, Note]>([
  ["too many hops", { ...broadcast, hops: noteLimits.hops + 1 }],
  ["block too long", { ...broadcast, topic: "x".repeat(noteLimits.topicBytes + 1) }],
  ["block too long", { ...broadcast, payload: new Uint8Array(noteLimits.payloadBytes + 1) }],
  ["not JSON", { ...broadcast, payload: "{" }],
  ["not JSON", { type: "presence", entries: [{ ...state, state: "" }] }],
  ["block too long", { type: "presence", entries: [{ ...state, state: `"${"x".repeat(noteLimits.stateBytes)}"` }] }],
  ["state of a later beat", { type: "presence", entries: [{ ...state, since: 3 }] }],
  ["too many neighbours", { type: "neighbours", sites: Array.from({ length: 65 }, () => broadcast.siteId) }],
])("refuses a note with this fault: %s", (rule, faulty) => {
  expect(decodeNote(encodeNote(faulty))).toEqual({ ok: false, error: rule });
});
