/** The core, fact by fact. Invariants as numbered in src/replication/core.ts. */

import { describe, expect, it } from "vitest";
import type { Epoch, LinkId, SiteId } from "../../src/common/ids.ts";
import type { ChangeGroup } from "../../src/replication/change.ts";
import {
  createCoreState,
  defaultDelays,
  type CoreState,
  type Effect,
  type Input,
  type LogStretch,
} from "../../src/replication/core-state.ts";
import { step } from "../../src/replication/core.ts";
import type { Frontier } from "../../src/replication/frontier.ts";
import type { ImagePart, Message, TableDigest } from "../../src/replication/message.ts";
import { emptySchema } from "../../src/replication/schema-stamp.ts";

const alice = "a1".repeat(16) as SiteId;
const bob = "b0".repeat(16) as SiteId;
const carol = "ca".repeat(16) as SiteId;
const epoch = "0e".repeat(16) as Epoch;
const toBob = 1 as LinkId;
const toCarol = 2 as LinkId;

const holds = (entries: Readonly<Record<string, number>> = {}): Frontier =>
  new Map(Object.entries(entries) as [SiteId, number][]);

const group = (site: SiteId, originVersion: number): ChangeGroup => ({ site, originVersion, changes: [] });

const digest = (hash: string): readonly TableDigest[] => [{ table: "notes", hash, changes: 1 }];

/** Alice's core, fed fact by fact; `feed` answers the orders of that fact. */
const createAlice = () => {
  let state: CoreState = createCoreState(alice);
  const feed = (...inputs: readonly Input[]): readonly Effect[] => {
    const effects: Effect[] = [];
    for (const input of inputs) {
      const result = step(state, input);
      state = result.state;
      effects.push(...result.effects);
    }
    return effects;
  };
  const receive = (link: LinkId, message: Message): readonly Effect[] => feed({ type: "received", link, message });
  const read = (link: LinkId, stretch: Partial<LogStretch>, pass = 0): readonly Effect[] =>
    feed({
      type: "read",
      link,
      pass,
      stretch: { groups: [], to: 0, quarantineTo: 0, rest: 0, complete: true, frontier: holds(), ...stretch },
    });
  const open = (link: LinkId, peer: SiteId, frontier: Frontier = holds()): readonly Effect[] =>
    feed({ type: "opened", link, peer, peerEpoch: epoch, frontier, cursor: undefined });
  /** Opens a link, greets and lets the first read find nothing. */
  const link = (id: LinkId, peer: SiteId, own: Frontier = holds(), theirs: Frontier = holds()): void => {
    open(id, peer, own);
    receive(id, { type: "hello", schema: emptySchema, frontier: theirs });
    read(id, { frontier: own });
  };
  return { feed, receive, read, open, link, state: () => state };
};

const ofType = <T extends Effect["type"]>(
  effects: readonly Effect[],
  type: T,
): readonly Extract<Effect, { type: T }>[] =>
  effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);

const messages = (effects: readonly Effect[]): readonly Message[] =>
  ofType(effects, "send").map(({ message }) => message);

describe("greeting", () => {
  it("says hello first, with what is held and how far the peer's log was read", () => {
    const { feed } = createAlice();

    const effects = feed({
      type: "opened",
      link: toBob,
      peer: bob,
      peerEpoch: epoch,
      frontier: holds({ [alice]: 3 }),
      cursor: { epoch, position: 7 },
    });

    expect(effects).toEqual([
      {
        type: "send",
        link: toBob,
        message: {
          type: "hello",
          schema: emptySchema,
          frontier: holds({ [alice]: 3 }),
          cursor: { epoch, position: 7 },
        },
      },
    ]);
  });

  it("sends no cursor to a peer whose log was never read", () => {
    const [hello] = messages(createAlice().open(toBob, bob));

    expect(hello).toEqual({ type: "hello", schema: emptySchema, frontier: holds() });
  });

  it.each([
    { type: "progress", taken: 0, frontier: holds() },
    { type: "digest", tables: [] },
    { type: "rewind", frontier: holds() },
    { type: "want", isEmpty: false, frontier: holds() },
    { type: "changes", to: 1, complete: true, frontier: holds(), groups: [] },
    { type: "snapshot", to: 1, frontier: holds(), part: { image: 1, size: 1, offset: 0, bytes: new Uint8Array(1) } },
  ] as const satisfies readonly Message[])("accepts no $type before hello (invariant 7)", (message) => {
    const { open, receive } = createAlice();
    open(toBob, bob);

    expect(receive(toBob, message)).toEqual([{ type: "disconnect", link: toBob, code: "HELLO_EXPECTED" }]);
  });

  it("accepts hello only once (invariant 7)", () => {
    const { link, receive } = createAlice();
    link(toBob, bob);

    expect(receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() })).toEqual([
      { type: "disconnect", link: toBob, code: "HELLO_TWICE" },
    ]);
  });

  it("reads on from the peer's place in the log once it is asked to, without what the peer holds", () => {
    const { open, feed, receive } = createAlice();
    open(toBob, bob, holds({ [alice]: 9 }));

    const hello: Message = { type: "hello", schema: emptySchema, frontier: holds({ [carol]: 4 }) };
    const greeted = feed({ type: "received", link: toBob, message: hello, resumeAt: 5 });
    const asked = receive(toBob, { type: "want", isEmpty: false, frontier: holds() });

    expect(ofType(greeted, "read-changes")).toEqual([]);
    expect(ofType(asked, "read-changes")).toEqual([
      {
        type: "read-changes",
        link: toBob,
        pass: 0,
        after: 5,
        quarantineAfter: 0,
        known: holds({ [carol]: 4 }),
        mayBeImage: false,
      },
    ]);
  });

  it("ignores facts about links that are gone", () => {
    const { feed, receive, read } = createAlice();

    expect(receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() })).toEqual([]);
    expect(read(toBob, {})).toEqual([]);
    expect(
      feed({ type: "congested", link: toBob }, { type: "writable", link: toBob }, { type: "lost", link: toBob }),
    ).toEqual([]);
  });
});

describe("claims (invariants 1 and 2)", () => {
  const changes = (complete: boolean): Message => ({
    type: "changes",
    to: 12,
    complete,
    frontier: holds({ [bob]: 8 }),
    groups: [group(bob, 8)],
  });

  it("claims nothing in the middle of the peer's log", () => {
    const { link, receive } = createAlice();
    link(toBob, bob);

    const [apply] = ofType(receive(toBob, changes(false)), "apply-changes");

    expect(apply).toMatchObject({ complete: false, claims: holds(), cursor: { epoch, position: 12 } });
  });

  it("claims all that the peer said it holds, once its log was read to the end", () => {
    const { link, receive } = createAlice();
    link(toBob, bob, holds({ [carol]: 2 }), holds({ [carol]: 5 }));
    receive(toBob, changes(false));
    receive(toBob, { type: "progress", taken: 0, frontier: holds({ [carol]: 6 }) });

    const [apply] = ofType(
      receive(toBob, { ...changes(true), frontier: holds(), groups: [] } as Message),
      "apply-changes",
    );

    expect(apply?.claims).toEqual(holds({ [bob]: 8, [carol]: 6 }));
  });

  it("claims nothing that it holds already", () => {
    const { link, receive } = createAlice();
    link(toBob, bob, holds({ [bob]: 8 }), holds({ [bob]: 8 }));

    const [apply] = ofType(receive(toBob, changes(true)), "apply-changes");

    expect(apply?.claims).toEqual(holds());
  });

  it("does not hold what is still to be stored", () => {
    const { link, receive, state } = createAlice();
    link(toBob, bob);

    receive(toBob, changes(true));

    expect(state().frontier).toEqual(holds());
  });
});

describe("what a peer is told (invariant 3)", () => {
  it("is what was held when the stretch was read, and each piece once", () => {
    const { open, receive, read, feed } = createAlice();
    open(toBob, bob, holds({ [alice]: 1 }));
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });
    feed({ type: "committed" });

    const [first] = messages(read(toBob, { groups: [group(alice, 2)], to: 2, frontier: holds({ [alice]: 2 }) }));
    const [second] = messages(
      read(toBob, { groups: [group(alice, 3)], to: 3, frontier: holds({ [alice]: 2, [carol]: 1 }) }),
    );

    expect(first).toMatchObject({ type: "changes", to: 2, frontier: holds({ [alice]: 2 }) });
    expect(second).toMatchObject({ type: "changes", to: 3, frontier: holds({ [carol]: 1 }) });
  });

  it("says in a progress what arrived elsewhere, and only that", () => {
    const { link, feed } = createAlice();
    link(toBob, bob, holds({ [alice]: 1 }), holds({ [alice]: 1 }));
    const frontier = holds({ [alice]: 1, [carol]: 5 });

    const effects = feed({ type: "applied", link: toCarol, frontier, grew: true, position: 1, complete: true });
    const told = feed({ type: "elapsed", timer: "progress" });

    expect(ofType(effects, "set-timer").map(({ timer }) => timer)).toContain("progress");
    expect(messages(told)).toEqual([{ type: "progress", taken: 0, frontier: holds({ [carol]: 5 }) }]);
    expect(feed({ type: "elapsed", timer: "progress" })).toEqual([]);
  });

  it("has no news of a frontier when a message has told it already", () => {
    const { link, feed, read } = createAlice();
    link(toBob, bob);
    const frontier = holds({ [carol]: 5 });
    feed({ type: "applied", link: toCarol, frontier, grew: true, position: 1, complete: true }, { type: "committed" });

    read(toBob, { groups: [group(carol, 5)], to: 1, frontier });

    expect(feed({ type: "elapsed", timer: "progress" })).toEqual([]);
  });

  it("sends the end of the log without rows when the peer lacks only the knowledge", () => {
    const { open, receive, read } = createAlice();
    open(toBob, bob, holds({ [carol]: 5 }));
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });
    receive(toBob, { type: "want", isEmpty: false, frontier: holds() });

    const [message] = messages(read(toBob, { to: 4, frontier: holds({ [carol]: 5 }) }));

    expect(message).toEqual({ type: "changes", to: 4, complete: true, frontier: holds(), groups: [] });
  });

  it("sends nothing when neither rows nor knowledge are news", () => {
    const { open, receive, read } = createAlice();
    open(toBob, bob, holds({ [carol]: 5 }));
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [carol]: 5 }) });

    expect(messages(read(toBob, { to: 4, frontier: holds({ [carol]: 5 }) }))).toEqual([]);
  });
});

describe("reading (invariant 4)", () => {
  it("reads once for many commits, and once more for those that came during the read", () => {
    const { link, feed, read } = createAlice();
    link(toBob, bob);

    const first = feed({ type: "committed" }, { type: "committed" }, { type: "committed" });
    const second = read(toBob, { groups: [group(alice, 1)], to: 1, frontier: holds({ [alice]: 1 }) });
    const third = read(toBob, { to: 1, frontier: holds({ [alice]: 1 }) });

    expect(ofType(first, "read-changes")).toHaveLength(1);
    expect(ofType(second, "read-changes")).toMatchObject([{ after: 1 }]);
    expect(ofType(third, "read-changes")).toEqual([]);
  });

  it("reads on by itself until the end of the log", () => {
    const { link, feed, read } = createAlice();
    link(toBob, bob);
    feed({ type: "committed" });

    const effects = read(toBob, { groups: [group(alice, 1)], to: 1, complete: false, frontier: holds({ [alice]: 3 }) });

    expect(messages(effects)).toMatchObject([{ type: "changes", complete: false }]);
    expect(ofType(effects, "read-changes")).toMatchObject([{ after: 1 }]);
  });

  it("reads on over a stretch of which the peer has everything", () => {
    const { link, feed, read } = createAlice();
    link(toBob, bob);
    feed({ type: "committed" });

    const effects = read(toBob, { to: 40, complete: false, frontier: holds() });

    expect(messages(effects)).toEqual([]);
    expect(ofType(effects, "read-changes")).toMatchObject([{ after: 40 }]);
  });

  it("does not read while the link has no room, and goes on when it has", () => {
    const { link, feed } = createAlice();
    link(toBob, bob);

    const congested = feed({ type: "congested", link: toBob }, { type: "committed" });
    const writable = feed({ type: "writable", link: toBob });

    expect(ofType(congested, "read-changes")).toEqual([]);
    expect(ofType(writable, "read-changes")).toHaveLength(1);
  });

  it("says where the log ends to a peer that has part of it, also when nothing else is left to be sent", () => {
    const { link, feed, read } = createAlice();
    const held = holds({ [alice]: 5 });
    link(toBob, bob, held, held);
    feed({ type: "committed" });
    read(toBob, { groups: [group(bob, 4)], to: 6, complete: false, frontier: held });

    const end = read(toBob, { to: 7, frontier: held });
    feed({ type: "committed" });
    const nothing = read(toBob, { to: 8, frontier: held });

    expect(messages(end)).toMatchObject([{ type: "changes", to: 7, complete: true, groups: [] }]);
    expect(messages(nothing)).toEqual([]);
    expect(ofType(nothing, "set-timer").map(({ timer }) => timer)).toContain("digest");
  });

  it("does not read for a link that its own hello filled, until it has room", () => {
    const { feed, open, receive } = createAlice();
    open(toBob, bob);

    const full = feed({ type: "congested", link: toBob });
    const greeted = receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });
    const writable = feed({ type: "writable", link: toBob });

    expect(full).toEqual([]);
    expect(ofType(greeted, "read-changes")).toEqual([]);
    expect(ofType(writable, "read-changes")).toHaveLength(1);
  });

  it("lets a slow peer slow only itself", () => {
    const { link, feed } = createAlice();
    link(toBob, bob);
    link(toCarol, carol);

    const effects = feed({ type: "congested", link: toBob }, { type: "committed" });

    expect(ofType(effects, "read-changes").map((effect) => effect.link)).toEqual([toCarol]);
  });
});

describe("sending (invariant 5)", () => {
  const fromBob = (): ReturnType<typeof createAlice> => {
    const core = createAlice();
    core.link(toBob, bob);
    core.link(toCarol, carol);
    return core;
  };
  const applied = (complete = true): Input => ({
    type: "applied",
    position: 1,
    link: toBob,
    frontier: complete ? holds({ [bob]: 3 }) : holds(),
    grew: true,
    complete,
  });

  it("tells Carol what came from Bob, and sends it when she wants it", () => {
    const { feed, receive } = fromBob();

    const atOnce = feed(applied());
    const told = feed({ type: "elapsed", timer: "progress" });
    const wanted = receive(toCarol, { type: "want", isEmpty: false, frontier: holds() });

    expect(ofType(atOnce, "read-changes")).toEqual([]);
    expect(ofType(told, "send").map(({ link, message }) => [link, message.type])).toEqual([
      [toBob, "progress"],
      [toCarol, "progress"],
    ]);
    expect(ofType(wanted, "read-changes").map(({ link }) => link)).toEqual([toCarol]);
  });

  it("sends an own write at once to a peer that is known to hold everything else", () => {
    const { feed } = fromBob();

    const effects = feed({ type: "committed" });

    expect(ofType(effects, "read-changes").map(({ link }) => link)).toEqual([toBob, toCarol]);
    expect(ofType(effects, "read-frontier")).toEqual([]);
  });

  it("only tells of an own write to a peer that most likely has other rows on their way", () => {
    const { feed } = fromBob();
    feed({
      type: "applied",
      link: toCarol,
      frontier: holds({ [carol]: 2, [bob]: 3 }),
      grew: true,
      position: 0,
      complete: true,
    });
    feed({
      type: "received",
      link: toCarol,
      message: { type: "progress", taken: 0, frontier: holds({ [carol]: 2, [bob]: 3 }) },
    });

    const effects = feed({ type: "committed" });
    const told = feed({ type: "frontier-read", frontier: holds({ [alice]: 7, [bob]: 3, [carol]: 2 }) });

    expect(ofType(effects, "read-changes").map(({ link }) => link)).toEqual([toCarol]);
    expect(ofType(effects, "read-frontier")).toHaveLength(1);
    expect(ofType(told, "send")).toContainEqual({
      type: "send",
      link: toBob,
      message: { type: "progress", taken: 0, frontier: holds({ [alice]: 7, [bob]: 3, [carol]: 2 }) },
    });
  });

  it("tells nobody of the middle of a log", () => {
    const { feed } = fromBob();

    feed(applied(false));

    expect(messages(feed({ type: "elapsed", timer: "progress" }))).toEqual([]);
    expect(feed({ type: "elapsed", timer: "relay" })).toEqual([]);
  });

  it("offers the rows of a stretch whose link was lost, although no frontier speaks of them", () => {
    const { feed, receive } = fromBob();
    receive(toBob, { type: "changes", to: 5, complete: false, frontier: holds({ [bob]: 9 }), groups: [group(bob, 1)] });
    feed(applied(false));

    const lost = feed({ type: "lost", link: toBob });
    const later = feed({ type: "elapsed", timer: "relay" });

    expect(ofType(lost, "set-timer").map(({ timer }) => timer)).toEqual(["relay"]);
    expect(ofType(later, "read-changes").map(({ link }) => link)).toEqual([toCarol]);
  });

  it("has nothing to offer when the lost link had reached the end", () => {
    const { feed } = fromBob();

    expect(feed({ type: "lost", link: toBob })).toEqual([]);
  });
});

describe("asking (invariant 8)", () => {
  const dave = "da".repeat(16) as SiteId;
  const toDave = 3 as LinkId;
  /** Alice with links to Bob, Carol and Dave, who hold nothing. */
  const inTheMiddle = (): ReturnType<typeof createAlice> => {
    const core = createAlice();
    core.link(toBob, bob);
    core.link(toCarol, carol);
    core.link(toDave, dave);
    return core;
  };
  const eve = "ee".repeat(16) as SiteId;
  const told = (site: SiteId, version: number): Message => ({
    type: "progress",
    taken: 0,
    frontier: holds({ [site]: version }),
  });
  const wants = (effects: readonly Effect[]): readonly LinkId[] =>
    ofType(effects, "send")
      .filter(({ message }) => message.type === "want")
      .map(({ link }) => link);
  const holdsNow = (site: SiteId, version: number): Input => ({
    type: "applied",
    link: toBob,
    frontier: holds({ [site]: version }),
    grew: true,
    position: 0,
    complete: true,
  });

  it("asks the first that tells, and nobody else meanwhile", () => {
    const { receive } = inTheMiddle();

    expect(wants(receive(toBob, told(eve, 4)))).toEqual([toBob]);
    expect(wants(receive(toCarol, told(eve, 4)))).toEqual([]);
    expect(wants(receive(toDave, told(eve, 5)))).toEqual([]);
  });

  it("asks on for the rest when the answer is there", () => {
    const { receive, feed } = inTheMiddle();
    receive(toBob, told(eve, 4));
    receive(toDave, told(eve, 5));

    expect(wants(feed(holdsNow(eve, 4)))).toEqual([toDave]);
  });

  it("asks on greeting a peer that holds more", () => {
    const { open, receive } = createAlice();
    open(toBob, bob);

    expect(wants(receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) }))).toEqual([
      toBob,
    ]);
  });

  it("does not ask for what is being stored", () => {
    const { receive } = inTheMiddle();
    receive(toBob, {
      type: "changes",
      to: 4,
      complete: true,
      frontier: holds({ [eve]: 4 }),
      groups: [group(eve, 4)],
    });

    expect(wants(receive(toCarol, told(eve, 4)))).toEqual([]);
  });

  it("gives a linked author one to two delays to send by itself, then asks whoever has it", () => {
    const { receive, feed } = inTheMiddle();

    const atOnce = receive(toCarol, told(bob, 3));
    const once = feed({ type: "elapsed", timer: "relay" });
    const twice = feed({ type: "elapsed", timer: "relay" });

    expect(wants(atOnce)).toEqual([]);
    expect(atOnce).toContainEqual({ type: "set-timer", timer: "relay", afterMs: defaultDelays.relayDelayMs });
    expect(wants(once)).toEqual([]);
    expect(once).toContainEqual({ type: "set-timer", timer: "relay", afterMs: defaultDelays.relayDelayMs });
    expect(wants(twice)).toEqual([toCarol]);
  });

  it("asks the author at once when it only told", () => {
    expect(wants(inTheMiddle().receive(toBob, told(bob, 3)))).toEqual([toBob]);
  });

  it("passes over a peer that was asked and says nothing, and asks it again last", () => {
    const { receive, feed } = inTheMiddle();
    receive(toBob, told(eve, 4));
    receive(toCarol, told(eve, 4));

    const patient = feed({ type: "elapsed", timer: "patience" });
    const second = feed({ type: "elapsed", timer: "patience" });
    feed({ type: "elapsed", timer: "patience" });
    const third = feed({ type: "elapsed", timer: "patience" });

    expect(wants(patient)).toEqual([]);
    expect([wants(second), wants(third)]).toEqual([[toCarol], [toBob]]);
  });

  it("waits on for a peer that is sending a long log", () => {
    const { receive, feed } = inTheMiddle();
    receive(toBob, told(eve, 4));
    receive(toCarol, told(eve, 4));
    const part: Message = { type: "changes", to: 1, complete: false, frontier: holds(), groups: [group(eve, 1)] };

    const asked = [1, 2, 3].map(() => {
      receive(toBob, part);
      return wants(feed({ type: "elapsed", timer: "patience" }));
    });

    expect(asked).toEqual([[], [], []]);
  });

  it("waits on for a peer of whose answer parts arrive", () => {
    const { receive, feed } = inTheMiddle();
    receive(toBob, told(eve, 4));
    receive(toCarol, told(eve, 4));

    const asked = [1, 2, 3].map(() => {
      feed({ type: "arriving", link: toBob });
      return wants(feed({ type: "elapsed", timer: "patience" }));
    });

    expect(asked).toEqual([[], [], []]);
  });

  it("asks another when the link of the one that was asked is lost", () => {
    const { receive, feed } = inTheMiddle();
    receive(toBob, told(eve, 4));
    receive(toCarol, told(eve, 4));

    expect(wants(feed({ type: "lost", link: toBob }))).toEqual([toCarol]);
  });

  it("never asks for its own writes of which others know more", () => {
    expect(wants(inTheMiddle().receive(toBob, told(alice, 4)))).toEqual([]);
  });
});

describe("digests", () => {
  const inStep = (): ReturnType<typeof createAlice> => {
    const core = createAlice();
    core.link(toBob, bob, holds({ [alice]: 1 }), holds({ [alice]: 1 }));
    return core;
  };
  const digested = (hash: string): Input => ({
    type: "digested",
    frontier: holds({ [alice]: 1 }),
    tables: digest(hash),
  });

  it("are read after a quiet time, sent once and compared", () => {
    const { feed, receive } = inStep();

    const quiet = feed({ type: "elapsed", timer: "digest" });
    const sent = feed(digested("11"));
    const compared = receive(toBob, { type: "digest", tables: digest("11") });

    expect(quiet).toEqual([{ type: "read-digest" }]);
    expect(messages(sent)).toEqual([{ type: "digest", tables: digest("11") }]);
    expect(compared).toEqual([{ type: "report-digest", peer: bob, agrees: true }]);
    expect(feed({ type: "elapsed", timer: "digest" })).toEqual([]);
  });

  it("are not read while the peer lacks something", () => {
    const { link, feed } = createAlice();
    link(toBob, bob, holds({ [alice]: 1 }));

    expect(feed({ type: "elapsed", timer: "digest" })).toEqual([]);
  });

  it("are not read while a stretch is half received, from whomever", () => {
    const { link, feed, receive } = inStep();
    link(toCarol, carol, holds({ [alice]: 1 }), holds({ [alice]: 1 }));
    receive(toCarol, { type: "changes", to: 1, complete: false, frontier: holds(), groups: [group(carol, 1)] });

    expect(feed({ type: "elapsed", timer: "digest" })).toEqual([]);
  });

  it("of a moment that has passed are not used", () => {
    const { feed } = inStep();
    feed({ type: "elapsed", timer: "digest" });
    feed({
      type: "applied",
      link: toCarol,
      frontier: holds({ [alice]: 1, [carol]: 2 }),
      grew: true,
      position: 1,
      complete: true,
    });

    expect(feed(digested("11"))).toEqual([]);
  });

  it("are compared anew after the peer was told something", () => {
    const { feed, read } = inStep();
    feed({ type: "elapsed", timer: "digest" }, digested("11"));

    read(toBob, { groups: [], to: 1, frontier: holds({ [alice]: 1, [carol]: 3 }), complete: false });
    const told = feed({ type: "elapsed", timer: "progress" });

    expect(messages(told)).toMatchObject([{ type: "progress" }]);
    expect(told).toContainEqual({ type: "set-timer", timer: "digest", afterMs: defaultDelays.digestDelayMs });
  });

  it("that differ make the whole log be offered again, once per link", () => {
    const { feed, receive, read } = inStep();
    feed({ type: "elapsed", timer: "digest" }, digested("11"));

    const differs = receive(toBob, { type: "digest", tables: digest("22") });
    const repaired = read(toBob, { groups: [group(alice, 1)], to: 1, frontier: holds({ [alice]: 1 }) }, 1);
    feed({ type: "elapsed", timer: "digest" });
    const again = receive(toBob, { type: "digest", tables: digest("22") });

    expect(differs).toEqual([
      { type: "report-digest", peer: bob, agrees: false },
      { type: "read-changes", link: toBob, pass: 1, after: 0, quarantineAfter: 0, known: holds(), mayBeImage: false },
    ]);
    expect(messages(repaired)).toMatchObject([{ type: "changes", groups: [group(alice, 1)] }]);
    expect(again).toEqual([{ type: "report-digest", peer: bob, agrees: false }]);
  });
});

describe("digests after a repair", () => {
  it("are compared anew with everyone, and may be repaired once more", () => {
    const { link, feed, receive } = createAlice();
    const all = holds({ [alice]: 1, [carol]: 1 });
    link(toBob, bob, all, all);
    link(toCarol, carol, all, all);
    const digested: Input = { type: "digested", frontier: all, tables: digest("11") };
    feed({ type: "elapsed", timer: "digest" }, digested);
    receive(toCarol, { type: "digest", tables: digest("11") });

    feed({ type: "applied", link: toBob, position: 9, frontier: all, grew: true, complete: true });
    feed({ type: "elapsed", timer: "digest" });
    const again = feed({ ...digested, tables: digest("22") });

    expect(ofType(again, "send").map(({ link: id, message }) => [id, message.type])).toContainEqual([
      toCarol,
      "digest",
    ]);
    expect(again).toContainEqual({ type: "report-digest", peer: carol, agrees: false });
    expect(ofType(again, "read-changes")).toMatchObject([{ link: toCarol, after: 0 }]);
  });
});

describe("writes that were lost here (invariant 6)", () => {
  const recovering = () => {
    const core = createAlice();
    core.open(toBob, bob, holds({ [alice]: 5 }));
    const hello: Message = { type: "hello", schema: emptySchema, frontier: holds({ [alice]: 9 }) };
    const effects = core.feed({ type: "received", link: toBob, message: hello, resumeAt: 5, lostAfter: 5 });
    return { ...core, effects };
  };

  it("are asked back from a peer that names them", () => {
    expect(messages(recovering().effects)).toEqual([{ type: "rewind", frontier: holds({ [alice]: 5 }) }]);
  });

  it("are asked back from a peer that had them from another after it greeted, once", () => {
    const { link, feed } = createAlice();
    link(toBob, bob, holds({ [alice]: 2_000 }), holds({ [alice]: 5 }));
    const progress = (version: number): Input => ({
      type: "received",
      link: toBob,
      message: { type: "progress", taken: 0, frontier: holds({ [alice]: version }) },
      lostAfter: 5,
    });

    const first = messages(feed(progress(9)));
    const again = messages(feed(progress(9)));

    expect(first).toEqual([{ type: "rewind", frontier: holds({ [alice]: 5 }) }]);
    expect(again).toEqual([]);
  });

  it("keep this replica from saying how far it wrote until they are here", () => {
    const { read, feed } = recovering();
    const frontier = holds({ [alice]: 2_000, [carol]: 1 });

    const [message] = messages(read(toBob, { groups: [group(alice, 2_000)], to: 2_000, frontier }));
    feed({ type: "applied", link: toCarol, frontier, grew: true, position: 1, complete: true });

    expect(message).toMatchObject({ frontier: holds({ [carol]: 1 }) });
    expect(messages(feed({ type: "elapsed", timer: "progress" }))).toEqual([]);
  });

  it("are new own writes once they are here, which the peer is sent like any other", () => {
    const { read, feed } = recovering();
    read(toBob, { to: 5, frontier: holds({ [alice]: 5 }) });

    const effects = feed({
      type: "applied",
      position: 1,
      link: toBob,
      frontier: holds({ [alice]: 2_001 }),
      grew: true,
      complete: true,
    });

    expect(ofType(effects, "read-changes")).toMatchObject([{ link: toBob, after: 5 }]);
  });

  it("are given from the log's beginning to a peer that asks for its own", () => {
    const { link, receive } = createAlice();
    link(toBob, bob, holds({ [alice]: 5, [bob]: 9 }), holds({ [alice]: 5, [bob]: 9 }));

    const effects = receive(toBob, { type: "rewind", frontier: holds({ [alice]: 5, [bob]: 2 }) });

    expect(ofType(effects, "read-changes")).toMatchObject([
      { after: 0, pass: 1, known: holds({ [alice]: 5, [bob]: 2 }) },
    ]);
  });

  it("are given whatever the peer says meanwhile of its own versions", () => {
    const { link, receive, read } = createAlice();
    link(toBob, bob, holds({ [bob]: 9 }), holds({ [bob]: 9 }));
    receive(toBob, { type: "rewind", frontier: holds({ [bob]: 2 }) });
    read(toBob, { groups: [group(bob, 3)], to: 3, complete: false, frontier: holds({ [bob]: 9 }) }, 1);

    receive(toBob, { type: "progress", taken: 0, frontier: holds({ [bob]: 2_000, [carol]: 4 }) });
    const rest = read(toBob, { groups: [group(bob, 4)], to: 4, complete: false, frontier: holds({ [bob]: 9 }) }, 1);
    read(toBob, { groups: [group(bob, 5)], to: 5, frontier: holds({ [bob]: 9 }) }, 1);
    const afterwards = receive(toBob, { type: "want", isEmpty: false, frontier: holds() });

    expect(ofType(rest, "read-changes")).toMatchObject([{ known: holds({ [bob]: 2, [carol]: 4 }) }]);
    expect(ofType(afterwards, "read-changes")).toMatchObject([{ known: holds({ [bob]: 2_000, [carol]: 4 }) }]);
  });

  it("are given even when a read of before was under way", () => {
    const { link, feed, receive, read } = createAlice();
    link(toBob, bob, holds({ [bob]: 9 }), holds({ [bob]: 9 }));
    feed({ type: "committed" });
    receive(toBob, { type: "rewind", frontier: holds({ [bob]: 2 }) });

    const effects = read(toBob, { to: 20, frontier: holds({ [bob]: 9 }) }, 0);

    expect(messages(effects)).toEqual([]);
    expect(ofType(effects, "read-changes")).toMatchObject([{ after: 0, pass: 1 }]);
  });
});

describe("snapshots", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const partAt = (offset: number, fields: Partial<ImagePart> = {}): ImagePart => ({
    image: 1,
    size: 6,
    offset,
    bytes,
    ...fields,
  });
  const whole = partAt(0, { size: 3 });
  const isEmptyOf = (effects: readonly Effect[]): readonly boolean[] =>
    messages(effects).flatMap((message) => (message.type === "want" ? [message.isEmpty] : []));
  const wantAll: Message = { type: "want", isEmpty: true, frontier: holds() };
  const snapshotOf = (part: ImagePart): Message => ({ type: "snapshot", to: 9, frontier: holds(), part });
  const theSnapshot = snapshotOf(whole);
  const wantsOf = (effects: readonly Effect[]): readonly Message[] =>
    messages(effects).filter(({ type }) => type === "want");

  /** Bob, who holds nothing, has asked and was sent a snapshot. */
  const givenToBob = (part = whole) => {
    const core = createAlice();
    core.open(toBob, bob, holds({ [alice]: 9 }));
    core.receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });
    const asked = core.receive(toBob, wantAll);
    const sent = core.feed({
      type: "read",
      link: toBob,
      pass: 0,
      stretch: { groups: [], to: 9, quarantineTo: 0, rest: 0, complete: false, frontier: holds({ [alice]: 9 }) },
      part,
    });
    return { ...core, asked, sent };
  };

  /** Alice, who holds nothing, has asked Bob and got the first half of an image. */
  const halfFromBob = (author = bob) => {
    const core = createAlice();
    core.open(toBob, bob);
    core.receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [author]: 9 }) });
    return { ...core, taken: core.receive(toBob, snapshotOf(partAt(0))) };
  };

  it("are asked for by who holds nothing, and by nobody else", () => {
    const { open, receive } = createAlice();
    open(toBob, bob);
    expect(isEmptyOf(receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) }))).toEqual([
      true,
    ]);

    const other = createAlice();
    other.open(toBob, bob, holds({ [alice]: 1 }));
    expect(
      isEmptyOf(other.receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) })),
    ).toEqual([false]);
  });

  it("are read for who holds nothing, from the beginning of the log only", () => {
    const { asked } = givenToBob();
    expect(ofType(asked, "read-changes")).toMatchObject([{ after: 0, mayBeImage: true }]);

    const { open, receive, read } = createAlice();
    open(toBob, bob, holds({ [alice]: 9 }));
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });
    receive(toBob, { type: "want", isEmpty: false, frontier: holds() });
    read(toBob, { to: 4, complete: false, groups: [group(alice, 4)] });
    expect(ofType(receive(toBob, wantAll), "read-changes")).not.toContainEqual(
      expect.objectContaining({ mayBeImage: true }),
    );
  });

  it("are followed by nothing before the peer says what became of them (invariant 9)", () => {
    const { sent, feed, receive } = givenToBob();

    expect(messages(sent)).toEqual([{ type: "snapshot", to: 9, frontier: holds(), part: whole }]);
    expect(ofType([...sent, ...feed({ type: "committed" })], "read-changes")).toEqual([]);
    expect(ofType(receive(toBob, { type: "progress", taken: 0, frontier: holds() }), "read-changes")).toEqual([]);
    expect(ofType(receive(toBob, { type: "progress", taken: 9, frontier: holds() }), "read-changes")).toMatchObject([
      { after: 9, mayBeImage: false },
    ]);
  });

  it("are followed by the whole log when the peer does not take them", () => {
    const { receive } = givenToBob();

    const rewound = receive(toBob, { type: "rewind", frontier: holds({ [bob]: 1 }) });

    expect(ofType(rewound, "read-changes")).toMatchObject([{ after: 0, mayBeImage: false }]);
  });

  it("are taken, claim nothing, and are acknowledged", () => {
    const { open, receive, feed } = createAlice();
    open(toBob, bob);
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) });

    const taken = receive(toBob, theSnapshot);
    const applied = feed({
      type: "applied",
      link: toBob,
      frontier: holds(),
      grew: true,
      position: 9,
      complete: false,
    });

    expect(ofType(taken, "take-snapshot")).toEqual([
      { type: "take-snapshot", link: toBob, peer: bob, part: whole, cursor: { epoch, position: 9 } },
    ]);
    expect(ofType(applied, "set-timer").map(({ timer }) => timer)).toContain("progress");
    expect(messages(feed({ type: "elapsed", timer: "progress" }))).toContainEqual({
      type: "progress",
      taken: 9,
      frontier: holds(),
    });
  });

  it("that are not taken are answered by the wish for changes, and not asked for again", () => {
    const { open, receive, feed } = createAlice();
    open(toBob, bob);
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) });
    receive(toBob, theSnapshot);

    expect(messages(feed({ type: "snapshot-refused", link: toBob }))).toEqual([{ type: "rewind", frontier: holds() }]);
    feed({ type: "lost", link: toBob });
    open(toCarol, carol);
    expect(isEmptyOf(receive(toCarol, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) }))).toEqual([
      false,
    ]);
  });

  it("that nobody asked for end the link (invariant 9)", () => {
    const { link, receive } = createAlice();
    link(toBob, bob, holds({ [alice]: 1 }));

    expect(receive(toBob, theSnapshot)).toEqual([{ type: "disconnect", link: toBob, code: "SNAPSHOT_UNASKED" }]);
  });

  it("are read part by part, each when the one before is on its way and the link has room (invariant 4)", () => {
    const { sent, feed } = givenToBob(partAt(0));
    const order = { type: "read-image", link: toBob, pass: 0, image: 1, offset: 3 };
    expect(ofType(sent, "read-image")).toEqual([order]);

    feed({ type: "congested", link: toBob });
    const last = feed({ type: "image-read", link: toBob, pass: 0, part: partAt(3) });
    expect(messages(last)).toEqual([{ type: "snapshot", to: 9, frontier: holds(), part: partAt(3) }]);
    expect(ofType([...last, ...feed({ type: "writable", link: toBob })], "read-image")).toEqual([]);
  });

  it("wait for room between two parts", () => {
    const { feed } = givenToBob(partAt(0, { size: 9 }));
    feed({ type: "congested", link: toBob });

    const full = feed({ type: "image-read", link: toBob, pass: 0, part: partAt(3, { size: 9 }) });
    const roomy = feed({ type: "writable", link: toBob });

    expect(ofType(full, "read-image")).toEqual([]);
    expect(ofType(roomy, "read-image")).toMatchObject([{ offset: 6 }]);
  });

  it("give way to the whole log when the image is gone", () => {
    const { feed } = givenToBob(partAt(0));

    const gone = feed({ type: "image-read", link: toBob, pass: 0, part: undefined });

    expect(ofType(gone, "read-changes")).toMatchObject([{ after: 0, pass: 1, mayBeImage: false }]);
  });

  it("are taken when the last part is there", () => {
    const { receive, taken } = halfFromBob();
    const last = receive(toBob, snapshotOf(partAt(3)));

    expect([...ofType(taken, "take-snapshot"), ...ofType(last, "take-snapshot")].map(({ part }) => part)).toEqual([
      partAt(0),
      partAt(3),
    ]);
  });

  it.each([
    ["leaves some out", partAt(4, { size: 7 })],
    ["comes again", partAt(0)],
    ["is of another image", partAt(3, { image: 2 })],
    ["is of an image of another size", partAt(3, { size: 8 })],
  ])("of which a part %s end the link", (_, part) => {
    const { receive } = halfFromBob();

    expect(receive(toBob, snapshotOf(part))).toEqual([{ type: "disconnect", link: toBob, code: "SNAPSHOT_GAP" }]);
  });

  it("go on where they were when the link to the same opening of the peer's database comes back", () => {
    const { feed, open, receive } = halfFromBob();
    feed({ type: "lost", link: toBob });
    open(toBob, bob);

    const asked = receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) });
    const last = receive(toBob, snapshotOf(partAt(3)));

    expect(wantsOf(asked)).toEqual([
      { type: "want", isEmpty: true, resume: { image: 1, offset: 3 }, frontier: holds() },
    ]);
    expect(ofType(last, "take-snapshot")).toMatchObject([{ part: partAt(3) }]);
  });

  it("begin anew when the peer has another image by then", () => {
    const { feed, open, receive } = halfFromBob();
    feed({ type: "lost", link: toBob });
    open(toBob, bob);
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) });

    const first = receive(toBob, snapshotOf(partAt(0, { image: 2 })));

    expect(ofType(first, "take-snapshot")).toMatchObject([{ part: { image: 2, offset: 0 } }]);
  });

  it("begin anew when the peer opened its database anew", () => {
    const { feed, receive } = halfFromBob();
    feed({ type: "lost", link: toBob });
    const peerEpoch = "99".repeat(16) as Epoch;
    feed({ type: "opened", link: toBob, peer: bob, peerEpoch, frontier: holds(), cursor: undefined });

    const asked = receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) });

    expect(wantsOf(asked)).toEqual([{ type: "want", isEmpty: true, frontier: holds() }]);
  });

  it("are forgotten when no link comes back for them", () => {
    const { feed, open, receive } = halfFromBob();
    feed({ type: "lost", link: toBob });

    expect(feed({ type: "elapsed", timer: "images" })).toEqual([{ type: "keep-images", given: [], from: [] }]);
    open(toBob, bob);
    expect(wantsOf(receive(toBob, { type: "hello", schema: emptySchema, frontier: holds({ [bob]: 9 }) }))).toEqual([
      { type: "want", isEmpty: true, frontier: holds() },
    ]);
  });

  it("are kept as long as links send and receive them", () => {
    expect(givenToBob(partAt(0)).feed({ type: "elapsed", timer: "images" })).toContainEqual({
      type: "keep-images",
      given: [1],
      from: [],
    });
    expect(halfFromBob().feed({ type: "elapsed", timer: "images" })).toContainEqual({
      type: "keep-images",
      given: [],
      from: [bob],
    });
  });

  it("are gone on with at the place that the peer names", () => {
    const { open, receive } = createAlice();
    open(toBob, bob, holds({ [alice]: 9 }));
    receive(toBob, { type: "hello", schema: emptySchema, frontier: holds() });

    const asked = receive(toBob, { type: "want", isEmpty: true, resume: { image: 1, offset: 3 }, frontier: holds() });

    expect(ofType(asked, "read-changes")).toMatchObject([{ mayBeImage: true, resume: { image: 1, offset: 3 } }]);
  });

  it("come from two peers at most, of which the first that is whole counts (invariant 9)", () => {
    const erin = "ee".repeat(16) as SiteId;
    const { open, receive, feed } = halfFromBob(erin);
    const peers = [
      [toCarol, carol],
      [3 as LinkId, "dd".repeat(16) as SiteId],
    ] as const;
    const wants: Message[] = [];
    for (const [link, peer] of peers) {
      open(link, peer);
      receive(link, { type: "hello", schema: emptySchema, frontier: holds({ [erin]: 9 }) });
      // Nobody goes on.
      for (let times = 0; times < 2; times += 1) wants.push(...wantsOf(feed({ type: "elapsed", timer: "patience" })));
    }
    expect(wants).toMatchObject([{ isEmpty: true }, { isEmpty: false }]);

    receive(toCarol, snapshotOf(partAt(0, { image: 5, size: 6 })));
    expect(ofType(receive(toCarol, snapshotOf(partAt(3, { image: 5 }))), "take-snapshot")).toHaveLength(1);
    const late = receive(toBob, snapshotOf(partAt(3)));
    expect(ofType(late, "take-snapshot")).toEqual([]);
    expect(messages(late)).toEqual([{ type: "rewind", frontier: holds() }]);
  });
});

describe("how far a log was stored", () => {
  it("is told to its owner in the middle of the log, without news of a frontier, and once", () => {
    const { feed, receive, link } = createAlice();
    link(toBob, bob);
    receive(toBob, { type: "changes", to: 5, complete: false, frontier: holds(), groups: [group(bob, 1)] });

    feed({ type: "applied", link: toBob, frontier: holds(), grew: true, position: 5, complete: false });
    const told = feed({ type: "elapsed", timer: "progress" });

    expect(messages(told)).toEqual([{ type: "progress", taken: 5, frontier: holds() }]);
    expect(feed({ type: "elapsed", timer: "progress" })).toEqual([]);
  });

  it("is remembered of a peer, and never falls while the log is sent once", () => {
    const { receive, link, state } = createAlice();
    link(toBob, bob);

    for (const taken of [4, 9, 2]) receive(toBob, { type: "progress", taken, frontier: holds() });

    expect(state().links.get(toBob)).toMatchObject({ stored: 9 });
  });
});

describe("another replica with this one's id (invariant 6)", () => {
  const reserved = 100;
  const greet = (version: number): readonly Effect[] => {
    const own = holds({ [alice]: 120 });
    const opened = step(createCoreState(alice, defaultDelays, reserved), {
      type: "opened",
      link: toBob,
      peer: bob,
      peerEpoch: epoch,
      frontier: own,
      cursor: undefined,
    });
    const message: Message = { type: "hello", schema: emptySchema, frontier: holds({ [alice]: version }) };
    return step(opened.state, { type: "received", link: toBob, message }).effects;
  };

  it("is known by a version that was never given away here", () => {
    expect(greet(121)).toEqual([{ type: "renew-identity" }]);
  });

  it.each([90, 100, 120])("is not suspected for version %s, which may have been written here", (version) => {
    expect(ofType(greet(version), "renew-identity")).toEqual([]);
  });
});
