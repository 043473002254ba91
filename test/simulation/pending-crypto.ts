/** How many WebCrypto operations are under way: simulated time must not pass while threads that it knows nothing of work. */

const names = [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "digest",
  "deriveBits",
  "deriveKey",
  "importKey",
  "generateKey",
  "exportKey",
] as const;

/** Watches the operations of this process from now on; never to be undone, so for scripts and test files that have a process of their own. */
export const watchCrypto = (): (() => number) => {
  let pending = 0;
  const subtle = crypto.subtle as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  for (const name of names) {
    const original = (subtle[name] as (...args: readonly unknown[]) => Promise<unknown>).bind(crypto.subtle);
    Object.defineProperty(crypto.subtle, name, {
      value: async (...args: readonly unknown[]): Promise<unknown> => {
        pending += 1;
        try {
          return await original(...args);
        } finally {
          pending -= 1;
        }
      },
    });
  }
  return () => pending;
};
