/** The row that every system stores, and rows that are the same in every run. */

export interface Row {
  readonly id: string;
  /** 20 characters. */
  readonly title: string;
  /** 120 characters. */
  readonly body: string;
  readonly done: boolean;
  /** Milliseconds since the epoch. */
  readonly updated: number;
}

/** mulberry32, as in https://gist.github.com/tommyettinger/46a874533244883189143505d203312c. */
const createRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const letters = "abcdefghijklmnopqrstuvwxyz     ";

/** @param from - rows of different `from` differ: index of the first one */
export const makeRows = (count: number, from = 0): readonly Row[] => {
  const random = createRandom(from + 1);
  const pick = (alphabet: string, length: number): string => {
    let text = "";
    for (let index = 0; index < length; index += 1) text += alphabet[Math.floor(random() * alphabet.length)];
    return text;
  };
  const hex = (length: number): string => pick("0123456789abcdef", length);
  return Array.from({ length: count }, (_, index) => ({
    id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    title: pick(letters, 20),
    body: pick(letters, 120),
    done: random() < 0.5,
    updated: 1_700_000_000_000 + from + index,
  }));
};
