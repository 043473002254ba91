import { expect, test } from "vitest";
import type { LinkId, SiteId } from "../../src/common/ids.ts";
import { expiryMs, presenceLimits } from "../../src/ephemeral/presence-book.ts";
import { beatEveryMs, createEphemeralHub } from "../../src/ephemeral/hub.ts";
import { encodeNote } from "../../src/ephemeral/note-codec.ts";
import { inboundBurstBytes, inboundBytesPerSecond } from "../../src/ephemeral/inbound-pace.ts";
import type { PresenceEntry } from "../../src/ephemeral/note.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import { noteWindowBytes } from "../../src/transport/link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { createHubs, presenceIdOf, type Hubs, type Member } from "./hubs.ts";

const fullMesh = (hubs: Hubs, count: number): readonly Member[] => {
  const members = Array.from({ length: count }, (_, index) => hubs.member(index + 1));
  members.forEach((one, index) => members.slice(index + 1).forEach((other) => hubs.link(one, other)));
  return members;
};

const chain = (hubs: Hubs, count: number): readonly Member[] => {
  const members = Array.from({ length: count }, (_, index) => hubs.member(index + 1));
  members.slice(1).forEach((member, index) => hubs.link(members[index] as Member, member));
  return members;
};

const states = ({ seen }: Member): unknown[] => [...seen.values()].sort((a, b) => (String(a) < String(b) ? -1 : 1));

test("shows everyone's state to everyone, over others where there is no link", async () => {
  const hubs = createHubs();
  const members = chain(hubs, 5);

  members.forEach((member, index) => member.show(`at ${index}`));
  await hubs.pass(200);

  for (const member of members) expect(states(member)).toEqual(["at 0", "at 1", "at 2", "at 3", "at 4"]);
});

test("tells a newcomer who is there already", async () => {
  const hubs = createHubs();
  const [alice, bob] = chain(hubs, 2) as [Member, Member];
  alice.show("reads");
  bob.show("writes");
  await hubs.pass(50);

  const carol = hubs.member(9);
  hubs.link(carol, bob);
  await hubs.pass(50);

  expect(states(carol)).toEqual(["reads", "writes"]);
});

test("costs one note per peer in a full mesh, for states and broadcasts alike", async () => {
  const hubs = createHubs();
  const members = fullMesh(hubs, 8);
  await hubs.pass(100);
  const before = hubs.notes;

  members[0]?.show({ x: 1 });
  members[0]?.say("hello");
  await hubs.pass(100);

  expect(hubs.notes - before).toBe(14);
  for (const member of members.slice(1)) {
    expect(member.heard).toEqual(['"hello"']);
    expect(states(member)).toEqual([{ x: 1 }]);
  }
});

test("hears each broadcast once, however many ways it comes", async () => {
  const hubs = createHubs();
  const members = Array.from({ length: 12 }, (_, index) => hubs.member(index + 1));
  const random = createSeededRandom(3);
  members.forEach((member, index) => {
    hubs.link(member, members[(index + 1) % 12] as Member);
    hubs.link(member, members[(index + 2 + Math.floor(random.unit() * 8)) % 12] as Member);
  });
  await hubs.pass(50);

  members[4]?.say("one");
  members[4]?.say("two");
  await hubs.pass(300);

  for (const member of members) expect(member.heard.toSorted()).toEqual(['"one"', '"two"']);
});

test("removes a replica that said goodbye at once, also where it was not linked", async () => {
  const hubs = createHubs();
  const [alice, bob, carol] = [hubs.member(1), hubs.member(2), hubs.member(3)];
  const leave = hubs.link(alice, bob);
  hubs.link(bob, carol);
  alice.show("here");
  await hubs.pass(100);

  leave("GOODBYE");
  await hubs.pass(30);

  expect(states(bob)).toEqual([]);
  expect(states(carol)).toEqual([]);
});

test("removes a replica whose only link broke within half a second", async () => {
  const hubs = createHubs();
  const [alice, bob, carol] = [hubs.member(1), hubs.member(2), hubs.member(3)];
  const cut = hubs.link(alice, bob);
  hubs.link(bob, carol);
  alice.show("here");
  await hubs.pass(100);

  cut("SILENT");
  await hubs.pass(500);

  expect(states(bob)).toEqual([]);
  expect(states(carol)).toEqual([]);
});

test("keeps showing a replica that is still reached another way when one of its links breaks", async () => {
  const hubs = createHubs();
  const [alice, bob, carol] = [hubs.member(1), hubs.member(2), hubs.member(3)];
  const cut = hubs.link(alice, bob);
  hubs.link(bob, carol);
  hubs.link(carol, alice);
  alice.show("here");
  await hubs.pass(100);

  cut("FAILED");
  for (let passedMs = 0; passedMs < 2_000; passedMs += 50) {
    await hubs.pass(50);
    expect(states(bob), `${passedMs} ms later`).toEqual(["here"]);
    expect(states(carol), `${passedMs} ms later`).toEqual(["here"]);
  }
  alice.show("still");
  await hubs.pass(100);
  expect(states(bob)).toEqual(["still"]);
});

test("comes back after a goodbye with a clock that was set back", async () => {
  const hubs = createHubs();
  const [alice, bob] = [hubs.member(1), hubs.member(2)];
  const leave = hubs.link(alice, bob);
  alice.show("here");
  await hubs.pass(100);
  leave("GOODBYE");
  await hubs.pass(100);

  // The same tab behind a new leader, whose clock is an hour late.
  const late = createHubs();
  const behind = { ...late.clock, nowMs: () => hubs.clock.nowMs() - 3_600_000, setTimer: hubs.clock.setTimer };
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const hub = createEphemeralHub({
    siteId: () => alice.siteId,
    clock: behind,
    logger: createSilentLogger(),
    tell: () => {},
    onFault: () => {},
  });
  const epoch = "e".repeat(32) as never;
  hub.attach(createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock }));
  bob.hub.attach(createLink(far, { id: 901 as LinkId, peer: { siteId: alice.siteId, epoch }, clock: hubs.clock }));
  hub.serve({ type: "presence", id: alice.id, state: '"again"', isNew: true });
  await hubs.pass(200);

  expect(states(bob)).toEqual(["again"]);
});

test("forgets whoever is silent for long, and nobody who is merely idle", async () => {
  const hubs = createHubs();
  const [alice, bob] = chain(hubs, 2) as [Member, Member];
  alice.show("idle");
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const epoch = "e".repeat(32) as never;
  const mallory = createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock });
  const site = "f".repeat(32) as never;
  bob.hub.attach(createLink(far, { id: 901 as LinkId, peer: { siteId: site, epoch }, clock: hubs.clock }));
  const ghost = {
    type: "state",
    id: presenceIdOf(77),
    beat: 1,
    since: 1,
    siteId: "d".repeat(32) as never,
    state: '"ghost"',
  } as const;
  mallory.notes.send(encodeNote({ type: "presence", entries: [ghost] }));
  await hubs.pass(100);
  expect(states(bob)).toEqual(["ghost", "idle"]);

  for (let passedMs = 0; passedMs <= expiryMs; passedMs += beatEveryMs / 2) await hubs.clock.advance(beatEveryMs / 2);
  await hubs.pass(100);

  expect(states(bob)).toEqual(["idle"]);
});

test("sends the newest state only when a link is slow", async () => {
  const hubs = createHubs();
  const [alice, bob] = [hubs.member(1), hubs.member(2)];
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const epoch = "e".repeat(32) as never;
  const received: number[] = [];
  const releases: (() => void)[] = [];
  const slow = createLink(far, { id: 901 as LinkId, peer: { siteId: alice.siteId, epoch }, clock: hubs.clock });
  slow.notes.onNote((note, consumed) => {
    received.push(note.length);
    releases.push(consumed);
  });
  alice.hub.attach(createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock }));

  for (let turn = 0; turn < 200; turn += 1) {
    alice.show("x".repeat(4_000) + turn);
    await hubs.pass(10);
  }
  const atFirst = received.reduce((sum, bytes) => sum + bytes, 0);
  const before = received.length;
  while (releases.length > 0) {
    releases.splice(0).forEach((release) => release());
    await hubs.pass(10);
  }

  expect(atFirst).toBeLessThanOrEqual(noteWindowBytes);
  expect(received.length - before).toBe(1);
});

test("takes from a flooding member no more than its share", async () => {
  const hubs = createHubs();
  const [bob, carol] = chain(hubs, 2) as [Member, Member];
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const epoch = "e".repeat(32) as never;
  const mallory = createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock });
  const site = "f".repeat(32) as never;
  bob.hub.attach(createLink(far, { id: 901 as LinkId, peer: { siteId: site, epoch }, clock: hubs.clock }));
  await hubs.pass(20);
  const before = bob.sentBytes();

  let number = 0;
  let sent = 0;
  for (let passedMs = 0; passedMs < 2_000; passedMs += 20) {
    for (let burst = 0; burst < 40; burst += 1) {
      number += 1;
      const note = { type: "broadcast", id: presenceIdOf(66), number, siteId: site, hops: 0, topic: "x" } as const;
      const bytes = encodeNote({ ...note, payload: JSON.stringify("y".repeat(2_000)) });
      if (mallory.notes.send(bytes)) sent += bytes.length;
    }
    await hubs.pass(10);
  }

  const share = inboundBurstBytes + 2 * inboundBytesPerSecond;
  expect(sent).toBeLessThanOrEqual(share + noteWindowBytes);
  expect(bob.sentBytes() - before).toBeLessThanOrEqual(share + noteWindowBytes);
  carol.show("unharmed");
  await hubs.pass(50);
  expect(states(bob)).toEqual(["unharmed"]);
});

test("holds so many tabs of a site and of the room, and takes no more", async () => {
  const hubs = createHubs();
  const bob = hubs.member(2);
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const epoch = "e".repeat(32) as never;
  const mallory = createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock });
  bob.hub.attach(
    createLink(far, { id: 901 as LinkId, peer: { siteId: "f".repeat(32) as never, epoch }, clock: hubs.clock }),
  );

  const entryOf = (index: number, siteId: string): PresenceEntry => ({
    type: "state",
    id: presenceIdOf(index + 10),
    beat: 1,
    since: 1,
    siteId: siteId as SiteId,
    state: "1",
  });
  const ofOneSite = Array.from({ length: 100 }, (_, index) => entryOf(index, "d".repeat(32)));
  const ofMany = Array.from({ length: 2_000 }, (_, index) =>
    entryOf(100 + index, (100 + index).toString(16).padStart(32, "0")),
  );

  mallory.notes.send(encodeNote({ type: "presence", entries: ofOneSite }));
  await hubs.pass(50);
  expect(bob.seen.size).toBe(presenceLimits.tabsOfSite);
  for (let start = 0; start < ofMany.length; start += 100) {
    const note = encodeNote({ type: "presence", entries: ofMany.slice(start, start + 100) });
    while (!mallory.notes.send(note)) await hubs.pass(100);
  }
  await hubs.pass(500);

  expect(bob.seen.size).toBe(presenceLimits.tabs);
});

test("closes a link that brings what is no note, and says why", async () => {
  const hubs = createHubs();
  const bob = hubs.member(2);
  const network = createMemoryNetwork();
  const [near, far] = network.createChannelPair();
  const epoch = "e".repeat(32) as never;
  const mallory = createLink(near, { id: 900 as LinkId, peer: { siteId: bob.siteId, epoch }, clock: hubs.clock });
  bob.hub.attach(
    createLink(far, { id: 901 as LinkId, peer: { siteId: "f".repeat(32) as never, epoch }, clock: hubs.clock }),
  );
  const closed = new Promise((resolve) => mallory.on("close", resolve));

  mallory.notes.send(Uint8Array.of(9));
  await hubs.pass(20);

  expect(await closed).toBe("NOTE_MALFORMED note tag");
  expect(bob.faults).toEqual(["note tag"]);
});

test("says its own tab's state again when someone claims something else", async () => {
  const hubs = createHubs();
  const [alice, bob, carol] = [hubs.member(1), hubs.member(2), hubs.member(3)];
  hubs.link(alice, bob);
  hubs.link(bob, carol);
  alice.show("mine");
  await hubs.pass(100);

  bob.show(undefined, alice.id);
  await hubs.pass(100);

  expect(states(carol)).toEqual(["mine"]);
  expect(states(bob)).toEqual(["mine"]);
});

test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
  "agrees everywhere once links stop breaking, seed %i",
  async (seed) => {
    const hubs = createHubs();
    const random = createSeededRandom(seed);
    const pick = (count: number): number => Math.floor(random.unit() * count);
    const members = Array.from({ length: 6 }, (_, index) => hubs.member(index + 1));
    const cuts = new Map<string, (reason: string) => void>();
    const expected = new Map<string, unknown>();
    const connect = (one: number, other: number): void => {
      const key = `${Math.min(one, other)} ${Math.max(one, other)}`;
      if (one === other || cuts.has(key)) return;
      cuts.set(key, hubs.link(members[one] as Member, members[other] as Member));
    };
    members.forEach((_, index) => connect(index, (index + 1) % 6));

    for (let turn = 0; turn < 120; turn += 1) {
      const index = pick(6);
      const member = members[index] as Member;
      const choice = pick(10);
      if (choice < 5) {
        member.show(turn);
        expected.set(member.id, turn);
      } else if (choice === 5) {
        member.show(undefined);
        expected.delete(member.id);
      } else if (choice === 6) connect(index, pick(6));
      else if (choice === 7) {
        const [key, cut] = [...cuts][pick(cuts.size)] ?? [];
        if (key !== undefined && cut !== undefined) cut(["GOODBYE", "FAILED", "SILENT"][pick(3)] as string);
        if (key !== undefined) cuts.delete(key);
      } else await hubs.pass(pick(60));
    }
    members.forEach((_, index) => connect(index, (index + 1) % 6));
    await hubs.pass(1_500);
    await hubs.clock.advance(beatEveryMs);
    await hubs.pass(1_500);

    for (const member of members) expect(Object.fromEntries(member.seen)).toEqual(Object.fromEntries(expected));
  },
);
