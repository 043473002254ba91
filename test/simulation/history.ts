/** What is drawn from a seed: chance, and the statements of random writes. */

export interface Chance {
  unit(): number;
  /** Whole, from 0 to `limit` - 1. */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
  /** True with this probability. */
  holds(probability: number): boolean;
  hex(bytes: number): string;
}

/** mulberry32. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export const createChance = (seed: number): Chance => {
  let a = seed >>> 0;
  const unit = (): number => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => Math.floor(unit() * limit);
  return {
    unit,
    below,
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
    holds: (probability) => unit() < probability,
    hex: (bytes) => Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, "0")).join(""),
  };
};

export const notesTable = `CREATE TABLE notes (
  id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', stars INTEGER, weight REAL, picture BLOB)`;

/** One transaction on a few rows that all replicas fight over, of every kind that cr-sqlite tells apart. */
export const randomWrite = ({ below }: Chance): readonly string[] => {
  const id = `note-${below(6)}`;
  return Array.from({ length: 1 + below(3) }, () => {
    switch (below(6)) {
      case 0:
        return `DELETE FROM notes WHERE id = '${id}'`;
      case 1:
        return `UPDATE notes SET stars = ${below(4)} WHERE id = '${id}'`;
      case 2:
        return `UPDATE notes SET weight = ${below(3)}.0, picture = x'${"00ff".slice(0, 2 * below(3))}' WHERE id = '${id}'`;
      case 3:
        return `UPDATE notes SET title = title WHERE id = '${id}'`;
      default:
        return `INSERT INTO notes (id, title, stars) VALUES ('${id}', 'title ${below(5)}', ${below(2) * 1_700_000_000_000})
                ON CONFLICT (id) DO UPDATE SET title = excluded.title`;
    }
  });
};
