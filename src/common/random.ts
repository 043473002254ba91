/** Randomness as a port. */

export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** Uniform in [0, 1). Not for secrets. */
  unit(): number;
}

/** The platform's cryptographic source. */
export const createSystemRandom = (): Random => ({
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  unit: () => Math.random(),
});
