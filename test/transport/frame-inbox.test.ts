import { expect, it } from "vitest";
import { createFrameInbox } from "../../src/transport/frame-inbox.ts";
import { defaultLinkLimits } from "../../src/transport/link.ts";

const { maxFrameBytes, windowBytes } = defaultLinkLimits;

it("reports what was consumed modulo 2^32, and goes on past it", () => {
  const totals: number[] = [];
  const inbox = createFrameInbox(defaultLinkLimits, {
    onFrame: (_, consumed) => consumed(),
    onConsumed: (total) => totals.push(total),
  });
  const frame = new Uint8Array(maxFrameBytes);

  const faults = Array.from({ length: 4_098 }, () => inbox.receive("frame", frame)).filter(Boolean);

  expect(faults).toEqual([]);
  expect(totals.slice(-3)).toEqual([0, maxFrameBytes, 2 * maxFrameBytes]);
});

it("reports once a quarter of the window was consumed, or when nothing is left", () => {
  const totals: number[] = [];
  const kept: (() => void)[] = [];
  const inbox = createFrameInbox(defaultLinkLimits, {
    onFrame: (_, consumed) => kept.push(consumed),
    onConsumed: (total) => totals.push(total),
  });
  const bytes = windowBytes / 16;

  for (let frames = 0; frames < 6; frames += 1) inbox.receive("frame", new Uint8Array(bytes));
  kept.forEach((consumed) => {
    consumed();
    consumed();
  });

  expect(totals).toEqual([4 * bytes, 6 * bytes]);
});
