/** Randomness that repeats: the same seed gives the same bytes. For tests only; not for secrets. */

import type { Random } from "../../src/common/random.ts";

/** @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32 */
export const createSeededRandom = (seed: number): Random => {
  let state = seed >>> 0;

  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  return { unit, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(unit() * 256)) };
};
