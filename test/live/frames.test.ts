import { expect, it } from "vitest";
import { createFrames, unseenFrameMs, type FrameSource } from "../../src/live/frames.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const createPage = (): Required<FrameSource> & { readonly show: () => void; readonly waiting: number } => {
  const frames = new Map<number, () => void>();
  let next = 1;
  return {
    requestAnimationFrame: (run) => {
      frames.set(next, run);
      next += 1;
      return next - 1;
    },
    cancelAnimationFrame: (frame) => frames.delete(frame),
    show: () => {
      for (const [frame, run] of [...frames]) {
        frames.delete(frame);
        run();
      }
    },
    get waiting() {
      return frames.size;
    },
  };
};

it("runs with the next animation frame, once", async () => {
  const [page, clock] = [createPage(), createFakeClock()];
  let runs = 0;
  createFrames(clock, page)(() => (runs += 1));

  expect(runs).toBe(0);
  page.show();
  await clock.advance(1000);
  page.show();

  expect(runs).toBe(1);
});

it("runs without one in a page that nobody sees", async () => {
  const [page, clock] = [createPage(), createFakeClock()];
  let runs = 0;
  createFrames(clock, page)(() => (runs += 1));

  await clock.advance(unseenFrameMs);

  expect([runs, page.waiting]).toEqual([1, 0]);
});

it("runs on a later turn where there are no frames, as in Node", async () => {
  const clock = createFakeClock();
  let runs = 0;
  createFrames(clock, {})(() => (runs += 1));

  expect(runs).toBe(0);
  await clock.advance(0);

  expect(runs).toBe(1);
});

it("can be called off", async () => {
  const [page, clock] = [createPage(), createFakeClock()];
  let runs = 0;
  createFrames(clock, page)(() => (runs += 1))();
  createFrames(clock, {})(() => (runs += 1))();

  page.show();
  await clock.advance(1000);

  expect([runs, page.waiting, clock.pendingDelaysMs()]).toEqual([0, 0, []]);
});
