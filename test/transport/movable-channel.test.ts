import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createMovableChannel, type MovableChannel } from "../../src/transport/movable-channel.ts";
import { awaitAttach, openRoute } from "../../src/transport/route.ts";
import { decodeAttach, decodeReceived, encodeAttach, encodeReceived } from "../../src/transport/route-messages.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { channelName, createMovableWorld, type MovablePair } from "./movable-links.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const otherName = "3d3d3d3d3d3d3d3d3d3d3Q";
const numbered = (number: number, length = 4): Bytes => {
  const message = new Uint8Array(length);
  new DataView(message.buffer).setUint32(0, number);
  return message;
};

/** The numbers that arrive, in order. */
const numbersAt = (channel: MovableChannel): readonly number[] => {
  const numbers: number[] = [];
  channel.on("message", (message) => numbers.push(new DataView(message.buffer, message.byteOffset).getUint32(0)));
  return numbers;
};

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

const arrange = async (canWait = true) => {
  const clock = createFakeClock();
  const world = createMovableWorld(clock, canWait);
  const first = world.newRoute();
  const pair = await world.begin(first);
  const events: string[] = [];
  for (const [who, channel] of Object.entries(pair)) {
    channel.on("detached", (reason: string) => events.push(`${who} detached: ${reason}`));
    channel.on("moved", () => events.push(`${who} moved`));
    channel.on("close", (reason: string) => events.push(`${who} closed: ${reason}`));
  }
  return { clock, world, first, pair, events, settle: () => clock.advance(0) };
};

describe("a movable channel", () => {
  it("moves what was on its way when its route broke, both ways, each message once", async () => {
    const { world, first, pair, events, settle } = await arrange();
    const [atAlice, atBob] = [numbersAt(pair.alice), numbersAt(pair.bob)];
    for (let i = 0; i < 5; i += 1) pair.alice.send(numbered(i));
    await settle();

    first.cut();
    for (let i = 5; i < 10; i += 1) pair.alice.send(numbered(i));
    for (let i = 0; i < 10; i += 1) pair.bob.send(numbered(i));
    first.crash("alice");
    first.report("alice", "BROKEN");
    first.report("bob", "BROKEN");
    for (let i = 10; i < 15; i += 1) pair.alice.send(numbered(i));
    expect([pair.alice.isDetached, pair.bob.isDetached]).toEqual([true, true]);
    const outcome = await world.move(pair, world.newRoute());
    for (let i = 15; i < 20; i += 1) pair.alice.send(numbered(i));
    await settle();

    expect(outcome).toBe("moved");
    expect(atBob).toEqual(upTo(20));
    expect(atAlice).toEqual(upTo(10));
    expect(events).toEqual(["alice detached: BROKEN", "bob detached: BROKEN", "bob moved", "alice moved"]);
  });

  it("leaves a route that stands, and what comes late on it counts no second time", async () => {
    const { world, first, pair, events, settle } = await arrange();
    const atBob = numbersAt(pair.bob);
    first.cut();
    for (let i = 0; i < 5; i += 1) pair.alice.send(numbered(i));

    await world.move(pair, world.newRoute());
    first.restore();
    pair.alice.send(numbered(5));
    await settle();

    expect(atBob).toEqual(upTo(6));
    expect(events).toEqual(["bob moved", "alice moved"]);
  });

  it("stays on its route when the other does not come up, and loses nothing of what came meanwhile", async () => {
    const { clock, world, pair, events, settle } = await arrange();
    const [atAlice, atBob] = [numbersAt(pair.alice), numbersAt(pair.bob)];
    const silent = world.newRoute();
    silent.cut();

    const outcome = pair.alice.move(openRoute(silent.alice));
    pair.alice.send(numbered(0));
    pair.bob.send(numbered(0));
    await settle();
    expect([atAlice, atBob]).toEqual([[], []]);
    await clock.advance(5_000);

    expect(await outcome).toBe("lost");
    expect([atAlice, atBob]).toEqual([[0], [0]]);
    expect(events).toEqual([]);
  });

  it("goes on where it was when the new route breaks before the other end has answered", async () => {
    const { world, pair, settle } = await arrange();
    const [atAlice, atBob] = [numbersAt(pair.alice), numbersAt(pair.bob)];
    const breaking = world.newRoute();

    const outcome = pair.alice.move(openRoute(breaking.alice));
    pair.bob.send(numbered(0));
    await settle();
    breaking.report("alice", "BROKEN");
    pair.alice.send(numbered(0));
    await settle();

    expect(await outcome).toBe("lost");
    expect([atAlice, atBob]).toEqual([[0], [0]]);
  });

  it("meets again after the other end has moved and the new route broke with its answer", async () => {
    const { world, pair, events, settle } = await arrange();
    const [atAlice, atBob] = [numbersAt(pair.alice), numbersAt(pair.bob)];
    const breaking = world.newRoute();
    breaking.cut("bob");
    for (let i = 0; i < 3; i += 1) pair.bob.send(numbered(i));

    const outcome = world.move(pair, breaking);
    await settle();
    pair.bob.send(numbered(3));
    breaking.crash("bob");
    breaking.report("alice", "BROKEN");
    breaking.report("bob", "BROKEN");
    await settle();
    expect(await outcome).toBe("lost");
    await world.move(pair, world.newRoute());
    pair.alice.send(numbered(0));
    await settle();

    expect(atAlice).toEqual(upTo(4));
    expect(atBob).toEqual([0]);
    expect(events).toEqual(["bob moved", "alice detached: BROKEN", "bob detached: BROKEN", "bob moved", "alice moved"]);
  });

  it("is told when the other end knows no such channel, and leaves the route to another", async () => {
    const { clock, world, pair, settle } = await arrange();
    const atBob = numbersAt(pair.bob);
    const route = world.newRoute();
    const toAlice = openRoute(route.alice);

    const outcome = pair.alice.move(toAlice);
    const toBob = openRoute(route.bob);
    await awaitAttach(toBob, clock, 1_000);
    const fresh = { name: otherName, clock };
    const newBob = createMovableChannel(toBob, { ...fresh, begins: "answers" });
    newBob.send(numbered(7));
    expect(await outcome).toBe("refused");
    await settle();
    const newAlice = createMovableChannel(toAlice, { ...fresh, begins: "agreed" });
    const atNewAlice = numbersAt(newAlice);
    pair.alice.send(numbered(0));
    await settle();

    expect(atNewAlice).toEqual([7]);
    expect(atBob).toEqual([0]);
  });

  it("closes with its route when there is no other to be hoped for", async () => {
    const { first, pair, events } = await arrange(false);

    first.report("alice", "BROKEN");

    expect(events).toEqual(["alice closed: BROKEN"]);
    expect(pair.alice.isMovable).toBe(false);
  });

  it("can be made to leave a route that stands", async () => {
    const { world, pair, events, settle } = await arrange();
    const atBob = numbersAt(pair.bob);

    pair.alice.leave("SILENT");
    pair.alice.send(numbered(0));
    await settle();
    await world.move(pair, world.newRoute());
    await settle();

    expect(atBob).toEqual([0]);
    expect(events.slice(0, 2)).toEqual(["alice detached: SILENT", "bob detached: closed by the peer"]);
  });

  it("closes in the middle of a move when it is known where the last words go", async () => {
    const { world, pair, events, settle } = await arrange();
    const atBob = numbersAt(pair.bob);

    const outcome = world.move(pair, world.newRoute());
    pair.alice.send(numbered(0));
    pair.alice.close("GOODBYE");
    pair.alice.send(numbered(1));
    await outcome;
    await settle();

    expect(atBob).toEqual([0]);
    expect(events).toContain("alice closed: GOODBYE");
  });

  it("keeps little of what the other end has received", async () => {
    const { pair, settle } = await arrange();
    const atBob = numbersAt(pair.bob);

    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 16; i += 1) pair.alice.send(numbered(round * 16 + i, 64 * 1024));
      await settle();
    }
    for (let i = 320; i < 100_000; i += 1) {
      pair.alice.send(numbered(i));
      if (i % 1_000 === 0) await settle();
    }
    await settle();

    expect(atBob).toEqual(upTo(100_000));
  });

  it("gives up an end that does not say what it has received", async () => {
    const clock = createFakeClock();
    const { alice: route } = createMemoryNetwork().connect();
    const channel = createMovableChannel(openRoute(route), { name: channelName, begins: "agreed", clock });
    const closed = new Promise((resolve) => channel.on("close", resolve));

    for (let i = 0; i < 65; i += 1) channel.send(new Uint8Array(65_536));

    expect(await closed).toBe("ROUTE_UNCONFIRMED");
  });

  it("says how much waits while there is no route, and that there is room when there is one", async () => {
    const { world, first, pair, settle } = await arrange();
    let drained = 0;
    pair.alice.on("drain", () => (drained += 1));
    first.report("alice", "BROKEN");
    first.report("bob", "BROKEN");

    for (let i = 0; i < 10; i += 1) pair.alice.send(new Uint8Array(50_000));
    const waiting = pair.alice.bufferedBytes;
    await world.move(pair, world.newRoute());
    await settle();

    expect([waiting, pair.alice.bufferedBytes]).toEqual([500_000, 0]);
    expect(drained).toBeGreaterThan(0);
  });

  it.each<[string, (pair: MovablePair) => Bytes]>([
    ["more received than was sent", () => encodeReceived(1)],
    ["less received than before", () => encodeReceived(2 ** 32 - 1)],
    ["a number cut short", () => encodeReceived(0).slice(0, 4)],
  ])("closes when the other end claims %s", async (_, claim) => {
    const clock = createFakeClock();
    const { alice, bob } = createMemoryNetwork().connect();
    const channel = createMovableChannel(openRoute(alice), { name: channelName, begins: "agreed", clock });
    const closed = new Promise((resolve) => channel.on("close", resolve));

    bob.send(claim({} as MovablePair));

    expect(await closed).toBe("ROUTE_MALFORMED");
  });

  it.each<[string, Bytes]>([
    ["names another channel", encodeAttach({ name: otherName, received: 0 })],
    ["has received something already", encodeAttach({ name: channelName, received: 1 })],
    ["is no attach", Uint8Array.of(1, 2, 3)],
  ])("closes when the first answer %s", async (_, answer) => {
    const clock = createFakeClock();
    const { alice, bob } = createMemoryNetwork().connect();
    const channel = createMovableChannel(openRoute(alice), { name: channelName, begins: "asks", clock });
    const closed = new Promise((resolve) => channel.on("close", resolve));

    bob.send(answer);

    expect(await closed).toBe("ROUTE_MALFORMED");
  });

  it("loses, doubles and shuffles nothing in any history of moves and breaks", async () => {
    const action = fc.constantFrom("alice", "bob", "break", "crash", "cut", "restore", "move", "wait", "answer");
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.nat(), async (actions, seed) => {
        const clock = createFakeClock();
        const random = createSeededRandom(seed);
        const network = createMemoryNetwork({ clock, random, latencyMs: 1, jitterMs: 20 });
        const options = { name: channelName, canWait: () => true, clock };
        const routes = [network.connect()];
        const [first] = routes;
        if (first === undefined) return;
        const alice = createMovableChannel(openRoute(first.alice), { ...options, begins: "asks" });
        const toBob = openRoute(first.bob);
        const attached = awaitAttach(toBob, clock, 10_000);
        await clock.advance(25);
        await attached;
        const bob = createMovableChannel(toBob, { ...options, begins: "answers" });
        await clock.advance(25);
        const [atAlice, atBob] = [numbersAt(alice), numbersAt(bob)];
        let [sentByAlice, sentByBob] = [0, 0];

        const begin = (): void => {
          if (!alice.isMovable) return;
          const route = network.connect();
          routes.push(route);
          void alice.move(openRoute(route.alice));
          const answering = openRoute(route.bob);
          void awaitAttach(answering, clock, 5_000).then((attach) => attach && bob.accept(answering, attach));
        };
        const act: Record<string, () => void | Promise<void>> = {
          alice: () => alice.send(numbered(sentByAlice++)),
          bob: () => bob.send(numbered(sentByBob++)),
          break: () => routes.at(-1)?.report(random.unit() < 0.5 ? "alice" : "bob", "BROKEN"),
          crash: () => {
            const route = routes.at(-1);
            route?.crash("alice");
            route?.report("alice", "BROKEN");
            route?.report("bob", "BROKEN");
          },
          cut: () => routes.at(-1)?.cut(random.unit() < 0.5 ? "alice" : "bob"),
          restore: () => routes.at(-1)?.restore(),
          move: begin,
          wait: () => clock.advance(Math.floor(random.unit() * 30)),
          answer: () => clock.advance(6_000),
        };

        for (const name of actions) await act[name]?.();
        // Then all is well: the routes so far end, and the next one holds.
        for (const route of routes) {
          route.restore();
          route.report("alice", "OVER");
          route.report("bob", "OVER");
        }
        await clock.advance(6_000);
        begin();
        await clock.advance(6_000);

        expect(atBob).toEqual(upTo(sentByAlice));
        expect(atAlice).toEqual(upTo(sentByBob));
      }),
      { numRuns: 300 },
    );
  });
});

describe("messages about routes", () => {
  it("come back as they were", () => {
    const attach = { name: channelName, received: 0xffff_fffe };

    expect(decodeAttach(encodeAttach(attach))).toEqual({ ok: true, value: attach });
    expect(decodeReceived(encodeReceived(7))).toEqual({ ok: true, value: 7 });
    expect(decodeReceived(Uint8Array.of(1, 2))).toBeUndefined();
  });

  it("are answered with a result whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(decodeAttach(bytes).ok).toBe(bytes.length === 21 && bytes[0] === 16);
        expect(decodeReceived(bytes)?.ok).toBe(bytes[0] === 17 ? bytes.length === 5 : undefined);
      }),
    );
  });
});
