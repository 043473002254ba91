/** Messages over a link, larger than one may be. */

import { expect, test } from "vitest";
import type { Epoch, LinkId, SiteId } from "../src/common/ids.ts";
import { createSilentLogger } from "../src/common/logger.ts";
import { createSystemClock } from "../src/common/system-clock.ts";
import { createLinkSession, type LinkSession } from "../src/link-session.ts";
import { defaultReplicationLimits } from "../src/replication/limits.ts";
import type { Changes, Message } from "../src/replication/message.ts";
import { createLink } from "../src/transport/channel-link.ts";
import { createMemoryNetwork } from "../src/transport/memory-network.ts";
import { createSeededRandom } from "./support/seeded-random.ts";

const clock = createSystemClock();
const site = "a1".repeat(16) as SiteId;

/** Expects nothing. */
const silent = {
  logger: createSilentLogger(),
  whenIdle: () => Promise.resolve(),
  onMessage: () => {},
  onArriving: () => {},
  onFault: (code: string) => expect.unreachable(code),
  onFailure: (error: unknown) => expect.unreachable(String(error)),
  onFull: () => {},
};

const openSession = (
  channel: ReturnType<ReturnType<typeof createMemoryNetwork>["connect"]>["alice"],
  told: { readonly onMessage?: (message: Message) => void; readonly onFault?: (code: string) => void },
  maxChanges: number,
): LinkSession =>
  createLinkSession({
    link: createLink(channel, { id: 1 as LinkId, peer: { siteId: site, epoch: "0e".repeat(16) as Epoch }, clock }),
    clock,
    ...silent,
    ...told,
    limits: { ...defaultReplicationLimits, maxChanges },
  });

const transaction = (changes: number): Changes => ({
  type: "changes",
  to: 9,
  complete: true,
  frontier: new Map([[site, 9]]),
  groups: [
    {
      site,
      originVersion: 9,
      changes: Array.from({ length: changes }, (_, seq) => ({
        table: "notes",
        pk: Uint8Array.of(1, 9, seq),
        cid: "title",
        valueClass: 3,
        value: "x".repeat(1_000 * (seq % 2)),
        colVersion: 1,
        cl: 1,
        seq,
      })),
    },
  ],
});

test("a transaction that takes several messages is told once, whole", async () => {
  const pair = createMemoryNetwork().connect();
  const told: Message[] = [];
  const rewound = new Promise<void>((resolve) => {
    const onMessage = (message: Message): void => {
      told.push(message);
      if (message.type === "rewind") resolve();
    };
    openSession(pair.bob, { onMessage }, 3);
  });
  const ofAlice = openSession(pair.alice, {}, 3);

  ofAlice.send(transaction(20));
  ofAlice.send({ type: "rewind", frontier: new Map() });
  await rewound;

  expect(told).toEqual([transaction(20), { type: "rewind", frontier: new Map() }]);
});

test("a message with more changes than one may have is a fault", async () => {
  const pair = createMemoryNetwork().connect();
  const fault = new Promise<string>((resolve) => openSession(pair.bob, { onFault: resolve }, 3));
  const ofAlice = openSession(pair.alice, {}, 100);

  ofAlice.send(transaction(20));

  expect(await fault).toMatch(/^MALFORMED /);
});

test("a part of an image is deflated but for the first, until the link is seen to take more than can be deflated", async () => {
  let nowMs = 0;
  let pendingBytes = 0;
  const ofTest = { ...clock, nowMs: () => nowMs };
  const link = createLink(createMemoryNetwork().connect().alice, {
    id: 1 as LinkId,
    peer: { siteId: site, epoch: "0e".repeat(16) as Epoch },
    clock: ofTest,
  });
  const sent: ("deflated" | "as it is")[] = [];
  const session = createLinkSession({
    link: {
      ...link,
      get pendingBytes() {
        return pendingBytes;
      },
      send: (frame) => sent.push(((frame[0] as number) & 2) === 0 ? "as it is" : "deflated") > 0,
    },
    clock: ofTest,
    ...silent,
  });
  const random = createSeededRandom(1);
  const bytes = random.bytes(150_000).map((byte) => 97 + (byte % 64)); // Deflated to three quarters.
  /** Sends a part `afterMs` later, when `pending` bytes have not left yet. */
  const send = async (offset: number, afterMs: number, pending: number): Promise<string | undefined> => {
    nowMs += afterMs;
    pendingBytes = pending;
    session.send({ type: "snapshot", to: 1, frontier: new Map(), part: { image: 1, size: 2_000_000, offset, bytes } });
    await session.whenSent();
    return sent.at(-1);
  };

  expect(await send(0, 1_000, 0)).toBe("as it is"); // While it leaves the next can be deflated.
  expect(await send(150_000, 10, 90_000)).toBe("deflated"); // The channel's buffer took the rest.
  expect(await send(300_000, 15, 150_000)).toBe("deflated"); // 47 kB in 25 ms.
  expect(await send(450_000, 15, 150_000)).toBe("as it is"); // 160 kB in 40 ms.
  expect(await send(600_000, 40, 400_000)).toBe("deflated"); // 60 kB in 80 ms.
  expect(await send(0, 0, 0)).toBe("as it is"); // Another image.
  expect(await send(150_000, 10, 150_000)).toBe("deflated");
});
