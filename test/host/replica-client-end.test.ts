/**
 * src/replica-client.ts after its end: (1) a call after close() posts to a worker that is terminated and never settles;
 * (2) a link attached after the worker failed stays open for ever, and its peer believes that it is linked.
 * Proposed: in close(), after terminate(), set `failure` to LEDGER_CLOSED and reject what waits; in attach(),
 * `if (failure !== undefined) return link.close("FAILED")`.
 */
import { expect, test } from "vitest";
import type { LinkId, SiteId } from "../../src/common/ids.ts";
import { openReplicaInWorker } from "../../src/replica-client.ts";
import type { WorkerMessage } from "../../src/replica-protocol.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { execOn } from "../support/calls.ts";

const open = async () => {
  let tell: (message: WorkerMessage) => void = () => {};
  let fail: (text: string) => void = () => {};
  const replica = await openReplicaInWorker(
    {
      post: (message) => {
        if (message.type !== "request" || message.request.type === "call") return;
        queueMicrotask(() =>
          tell({ type: "answer", id: message.id, version: 0, value: { siteId: "", epoch: "", storage: "memory" } }),
        );
      },
      onMessage: (listener) => (tell = listener),
      onFailure: (listener) => (fail = listener),
      terminate: () => (tell = () => {}),
    },
    { name: "x", ladder: ["memory"], relayDelayMs: 30 },
    undefined,
  );
  return { replica, fail: (text: string) => fail(text) };
};

test("a call after close() rejects", { timeout: 3_000 }, async () => {
  const { replica } = await open();
  await replica.close();
  await expect(execOn(replica, { sql: "SELECT 1" })).rejects.toMatchObject({ code: "LEDGER_CLOSED" });
});

test("a link that comes after the worker failed is closed", { timeout: 3_000 }, async () => {
  const { replica, fail } = await open();
  fail("gone");
  const peer = { siteId: "b0".repeat(16) as SiteId, epoch: "0e".repeat(16) as never };
  const link = createLink(createMemoryNetwork().connect().alice, { id: 1 as LinkId, peer, clock: createFakeClock() });
  const closed = new Promise((resolve) => link.on("close", resolve));
  replica.attach(link);
  expect(await closed).toBe("FAILED");
});
