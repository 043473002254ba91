import fc from "fast-check";
import { expect, it } from "vitest";
import { areResultsEqual, createKeyedRows } from "../../src/live/rows.ts";

interface Note {
  readonly id: string | number | bigint | null;
  readonly title?: unknown;
}

const note = (id: Note["id"], title?: unknown): Note => ({ id, title });
const none = { added: [], updated: [], removed: [] };

it("tells rows that came, changed and went, and keeps the others as they are", () => {
  const keyed = createKeyedRows<Note>(["id"]);
  const first = keyed.take([note(1, "a"), note(2, "b"), note(3, "c")]);
  const second = keyed.take([note(4, "d"), note(1, "a"), note(2, "B")]);

  expect(first.changes).toEqual({ ...none, added: first.rows });
  expect(second.changes).toEqual({ added: [note(4, "d")], updated: [note(2, "B")], removed: [note(3, "c")] });
  expect(second.rows).toEqual([note(4, "d"), note(1, "a"), note(2, "B")]);
  expect(second.rows[1]).toBe(first.rows[0]);
  expect(second.changes.removed[0]).toBe(first.rows[2]);
});

it("answers the same array when nothing changed, and another one when rows only moved", () => {
  const keyed = createKeyedRows<Note>(["id"]);
  const first = keyed.take([note(1), note(2)]);
  const same = keyed.take([note(1), note(2)]);
  const moved = keyed.take([note(2), note(1)]);

  expect(same.rows).toBe(first.rows);
  expect(moved.rows).not.toBe(first.rows);
  expect(moved.rows[0]).toBe(first.rows[1]);
  expect([same.changes, moved.changes]).toEqual([none, none]);
});

it("tells keys of different types apart, and rows by all columns of their key", () => {
  const keyed = createKeyedRows<Note>(["id", "title"]);
  const rows = [
    note(1, "a"),
    note("1", "a"),
    note(1, "b"),
    note(null, "a"),
    note("a", "1"),
    note(1, new Uint8Array([1])),
  ];
  const { changes } = keyed.take([...rows, note(1, new Uint8Array([1, 1])), note(1n, "a"), note("null", "a")]);

  expect(changes.added).toHaveLength(9);
  expect(keyed.take(rows).changes).toMatchObject({ added: [], updated: [] });
});

it("refuses a key that is not selected or not unique, and goes on from what it had", () => {
  const keyed = createKeyedRows<Note>(["id"]);
  const [first] = keyed.take([note(1)]).rows;

  expect(() => keyed.take([note(1), note(1)])).toThrow(/same key \(id\)/);
  expect(() => keyed.take([{ title: "x" } as unknown as Note])).toThrow(/names id, which it does not select/);
  expect(keyed.take([note(1)]).rows[0]).toBe(first);
});

it("takes results for equal exactly when names, types and values are", () => {
  expect(areResultsEqual([{ a: 1 }], [{ a: 1 }])).toBe(true);
  for (const other of [
    { a: "1" },
    { a: 1n },
    { a: null },
    { b: 1 },
    { a: 1, b: null },
    {},
    { a: new Uint8Array([1]) },
  ]) {
    expect(areResultsEqual([{ a: 1 }], [other])).toBe(false);
    expect(areResultsEqual([other], [{ a: 1 }])).toBe(false);
    expect(areResultsEqual([other], [{ ...other }])).toBe(true);
  }
  expect(areResultsEqual([{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 1 }])).toBe(false);
  expect(areResultsEqual([], [])).toBe(true);
});

it("gives changes that lead from one result to the next, whatever they are", () => {
  const table = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), fc.constantFrom(1, 2, null, "x"));
  fc.assert(
    fc.property(fc.array(table, { maxLength: 8 }), (tables) => {
      const keyed = createKeyedRows<Note>(["id"]);
      const known = new Map<unknown, Note>();
      for (const rows of tables.map((entries) => Object.entries(entries).map(([id, title]) => note(id, title)))) {
        const { rows: taken, changes } = keyed.take(rows);
        for (const row of changes.removed) expect(known.delete(row.id)).toBe(true);
        for (const row of changes.added) expect(known.has(row.id)).toBe(false);
        for (const row of changes.updated) expect(known.has(row.id)).toBe(true);
        for (const row of [...changes.added, ...changes.updated]) known.set(row.id, row);
        expect(taken).toEqual(rows);
        for (const row of taken) expect(known.get(row.id)).toBe(row);
        expect(known.size).toBe(rows.length);
      }
    }),
  );
});
