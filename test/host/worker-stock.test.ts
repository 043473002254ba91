import { expect, test } from "vitest";
import type { WorkerEndpoint } from "../../src/replica-client.ts";
import { createWorkerStock } from "../../src/worker-stock.ts";

interface FakeWorker extends WorkerEndpoint {
  readonly posted: unknown[];
  isTerminated: boolean;
  fail(): void;
}

const createFakeWorker = (): FakeWorker => {
  let report = (_message: string): void => {};
  const worker: FakeWorker = {
    posted: [],
    isTerminated: false,
    post: (message) => worker.posted.push(message),
    onMessage: () => {},
    onFailure: (listener) => {
      report = listener;
    },
    terminate: () => {
      worker.isTerminated = true;
    },
    fail: () => report("no such file"),
  };
  return worker;
};

const createFakeStock = (wasmUrl?: string) => {
  const started: FakeWorker[] = [];
  const start = (): WorkerEndpoint => {
    const worker = createFakeWorker();
    started.push(worker);
    return worker;
  };
  return { started, stock: createWorkerStock(start, wasmUrl) };
};

test("hands out the worker that is ready, once, and new ones after it", () => {
  const { started, stock } = createFakeStock("https://a/crsqlite-sync.wasm");
  stock.warmUp(new AbortController().signal);
  stock.warmUp(new AbortController().signal);

  const taken = [stock.take(), stock.take()];

  expect(taken).toEqual([started[0], started[1]]);
  expect(started.map(({ posted }) => posted)).toEqual([
    [{ type: "warm-up", wasmUrl: "https://a/crsqlite-sync.wasm" }],
    [],
  ]);
});

test("ends a worker that nobody took, and leaves alone one that somebody did", () => {
  const { started, stock } = createFakeStock();
  const [first, second] = [new AbortController(), new AbortController()];
  stock.warmUp(first.signal);
  stock.take();
  stock.warmUp(second.signal);

  first.abort();
  second.abort();

  expect(started.map(({ isTerminated }) => isTerminated)).toEqual([false, true]);
});

test("starts another worker in place of one that failed before it was needed", () => {
  const { started, stock } = createFakeStock();
  stock.warmUp(new AbortController().signal);
  started[0]?.fail();

  expect(stock.take()).toBe(started[1]);
  expect(started[0]?.isTerminated).toBe(true);
});
