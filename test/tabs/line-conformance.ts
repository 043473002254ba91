/** The conformance suite of the port `LineChannels`: what holds whichever way the messages of a line go. */

import { describe, expect, it } from "vitest";
import type { LineChannel, LineChannels } from "../../src/tabs/tab-channel.ts";

export interface LineHarness {
  /** The two tabs of the line. */
  readonly alice: LineChannels;
  readonly bob: LineChannels;
  close(): void;
}

interface Side {
  readonly line: LineChannel;
  readonly received: unknown[];
  /** Resolves with what was received once it is so many. */
  whenReceived(count: number): Promise<readonly unknown[]>;
}

const openSide = (lines: LineChannels, name: string): Side => {
  const line = lines.open(name);
  const received: unknown[] = [];
  let check = (): void => {};
  line.onMessage((message) => {
    received.push(message);
    check();
  });
  return {
    line,
    received,
    whenReceived: (count) =>
      new Promise((resolve) => {
        check = () => {
          if (received.length >= count) resolve(received);
        };
        check();
      }),
  };
};

const numbers = (count: number): readonly { readonly n: number }[] => Array.from({ length: count }, (_, n) => ({ n }));

export const testLines = (name: string, createHarness: () => LineHarness): void => {
  let nextLine = 1;

  const withLine = async (run: (alice: Side, bob: Side) => Promise<void>): Promise<void> => {
    const harness = createHarness();
    const line = `line ${nextLine++}`;
    const [alice, bob] = [openSide(harness.alice, line), openSide(harness.bob, line)];
    try {
      await run(alice, bob);
    } finally {
      alice.line.close();
      bob.line.close();
      harness.close();
    }
  };

  /** Bob answers everything, so that Alice can wait until both ways were gone. */
  const settle = async (alice: Side, bob: Side): Promise<void> => {
    const echo = async (count: number): Promise<void> => {
      alice.line.post({ ask: count });
      await bob.whenReceived(count);
      bob.line.post({ answer: count });
      await alice.whenReceived(count);
    };
    for (let count = 1; count <= 20; count += 1) await echo(count);
    alice.received.length = 0;
    bob.received.length = 0;
  };

  describe(`a line over ${name}`, () => {
    it("brings everything once and in order, also while it looks for a faster way", () =>
      withLine(async (alice, bob) => {
        const count = 300;
        for (const message of numbers(count)) {
          if (message.n === 50) alice.line.hasten();
          if (message.n === 100) bob.line.hasten();
          alice.line.post(message);
          bob.line.post(message);
          // Some in one turn, some in the next ones.
          if (message.n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        }

        expect(await alice.whenReceived(count)).toEqual(numbers(count));
        expect(await bob.whenReceived(count)).toEqual(numbers(count));
      }));

    it("clones what is posted, and refuses what cannot be", () =>
      withLine(async (alice, bob) => {
        const refuse = (): void => expect(() => alice.line.post({ run: () => 1 })).toThrow(/could not be cloned/);
        refuse();
        alice.line.hasten();
        bob.line.hasten();
        await settle(alice, bob);
        refuse();
        const bytes = new Uint8Array([1, 2, 3]);

        alice.line.post({ bytes, when: 2n ** 60n });
        bytes.fill(0);

        expect(await bob.whenReceived(1)).toEqual([{ bytes: new Uint8Array([1, 2, 3]), when: 2n ** 60n }]);
      }));

    it("still brings what was posted before it was closed, and nothing afterwards", () =>
      withLine(async (alice, bob) => {
        alice.line.hasten();
        bob.line.hasten();
        await settle(alice, bob);

        alice.line.post({ n: 0 });
        alice.line.post({ n: 1 });
        alice.line.close();
        alice.line.close();
        alice.line.post({ n: 2 });
        bob.line.post({ n: 3 });
        await bob.whenReceived(2);
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));

        expect(bob.received).toEqual(numbers(2));
        expect(alice.received).toEqual([]);
      }));

    it("reaches only the other side of its own name", () =>
      withLine((alice, bob) =>
        withLine(async (carol, dave) => {
          for (const side of [alice, bob, carol, dave]) side.line.hasten();
          alice.line.post({ from: "alice" });
          carol.line.post({ from: "carol" });

          expect(await bob.whenReceived(1)).toEqual([{ from: "alice" }]);
          expect(await dave.whenReceived(1)).toEqual([{ from: "carol" }]);
        }),
      ));
  });
};
