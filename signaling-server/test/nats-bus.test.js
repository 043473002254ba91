// @ts-check
/** What instances make of each other's messages. */

import { describe, expect, it } from "vitest";
import { arrangeInstances as arrange, heartbeatMs } from "./instances.js";
import { id } from "./support.js";

const [room, alice, bob, carol] = [id(1), id(10), id(11), id(12)];

describe("members on different instances", () => {
  it("see each other come and go, and exchange messages", () => {
    const { newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    const atBob = two.join(bob);

    atAlice.send(bob, "AA");
    atBob.send(alice, "AQ");
    expect(atBob.members).toEqual([alice]);
    atAlice.relay(bob, "Ag");

    expect(atBob.news()).toEqual(["message AA", "relay Ag"]);
    expect(atAlice.news()).toEqual([`member-joined ${bob}`, "message AQ"]);
    atBob.leave();
    expect(atAlice.news()).toEqual([`member-left ${bob}`]);
  });

  it("are known to an instance that comes later", () => {
    const { newInstance } = arrange();
    newInstance().join(alice);

    const atBob = newInstance().join(bob);

    expect(atBob.members).toEqual([alice]);
  });

  it("count for the room's limit, and keep their ids", () => {
    const { newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    one.join(alice);
    two.join(bob);
    one.join(carol);

    expect(two.bus.join(room, alice, () => {})).toEqual({ ok: false, code: "member-taken" });
    expect(two.bus.join(room, id(13), () => {})).toEqual({ ok: false, code: "room-full" });
  });

  it("stay apart when their rooms do", () => {
    const { newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);

    const atBob = two.join(bob, id(2));
    atBob.send(alice, "AA");

    expect(atAlice.news()).toEqual([]);
    expect(atBob.members).toEqual([]);
  });
});

describe("an instance that is gone", () => {
  it("takes its own members with it, and only those", async () => {
    const { clock, newInstance } = arrange();
    const [one, two, three] = [newInstance(), newInstance(), newInstance()];
    const atAlice = one.join(alice);
    two.join(bob);
    three.join(carol);
    atAlice.news();

    two.die();
    await clock.advance(3 * heartbeatMs);
    expect(atAlice.news()).toEqual([]);
    await clock.advance(heartbeatMs);

    expect(atAlice.news()).toEqual([`member-left ${bob}`]);
    expect(one.bus.instanceCount).toBe(2);
  });

  it("says so when it can, and is believed at once", async () => {
    const { newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    two.join(bob);
    atAlice.news();

    await two.bus.close();

    expect(atAlice.news()).toEqual([`member-left ${bob}`]);
  });

  it("is not taken for dead by one that was held up itself", async () => {
    const { clock, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    two.join(bob);
    atAlice.news();

    // Both stood still for a minute: the first beat after it runs before anything is read.
    const heldUpMs = 60_000;
    const nowMs = clock.nowMs;
    let offsetMs = 0;
    clock.nowMs = () => nowMs() + offsetMs;
    offsetMs = heldUpMs;
    await clock.advance(heartbeatMs);

    expect(atAlice.news()).toEqual([]);
  });
});

describe("while NATS is away", () => {
  it("members here meet, and those elsewhere leave after three heartbeats", async () => {
    const { clock, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    two.join(bob);
    atAlice.news();

    one.setUp(false);
    two.setUp(false);
    const atCarol = one.join(carol);
    atCarol.send(alice, "AA");
    await clock.advance(4 * heartbeatMs);

    expect(one.bus.ready).toBe(false);
    expect(atAlice.news()).toEqual([`member-joined ${carol}`, "message AA", `member-left ${bob}`]);
  });

  it("nobody notices when it is back sooner", async () => {
    const { clock, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    two.join(bob);
    atAlice.news();

    for (const { setUp } of [one, two]) setUp(false);
    await clock.advance(2 * heartbeatMs);
    for (const { setUp } of [one, two]) setUp(true);
    await clock.advance(4 * heartbeatMs);

    expect(one.bus.ready).toBe(true);
    expect(atAlice.news()).toEqual([]);
  });

  it("what happened meanwhile is told when it is back", async () => {
    const { clock, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    const atBob = two.join(bob);
    atAlice.news();

    for (const { setUp } of [one, two]) setUp(false);
    two.join(carol);
    atBob.leave();
    await clock.advance(heartbeatMs);
    for (const { setUp } of [one, two]) setUp(true);

    expect(atAlice.news()).toEqual([`member-left ${bob}`, `member-joined ${carol}`]);
  });

  it("an instance can start", () => {
    const { newInstance } = arrange();
    const two = newInstance();
    const one = newInstance({ isUp: false });
    const atAlice = one.join(alice);
    two.join(bob);

    one.setUp(true);

    expect(atAlice.news()).toEqual([`member-joined ${bob}`]);
  });
});

describe("a lost message", () => {
  it.each(["joined", "left"])("of type %s is made up for within a heartbeat", async (type) => {
    const { clock, hub, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);
    const atBob = two.join(bob);
    atAlice.news();

    hub.lose((text) => JSON.parse(text).type === type);
    if (type === "left") atBob.leave();
    else two.join(carol);
    hub.lose(() => false);
    expect(atAlice.news()).toEqual([]);
    await clock.advance(heartbeatMs);

    expect(atAlice.news()).toEqual([type === "left" ? `member-left ${bob}` : `member-joined ${carol}`]);
  });

  it("is made up for although the snapshot is lost as well", async () => {
    const { clock, hub, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);

    hub.lose((text) => ["joined", "snapshot"].includes(JSON.parse(text).type));
    two.join(bob);
    await clock.advance(heartbeatMs);
    hub.lose(() => false);
    await clock.advance(2 * heartbeatMs);

    expect(atAlice.news()).toEqual([`member-joined ${bob}`]);
  });

  it("does not let a message come before its sender", () => {
    const { hub, newInstance } = arrange();
    const [one, two] = [newInstance(), newInstance()];
    const atAlice = one.join(alice);

    hub.lose((text) => JSON.parse(text).type === "joined");
    two.join(bob).send(alice, "AA");

    expect(atAlice.news()).toEqual([`member-joined ${bob}`, "message AA"]);
  });

  it("need not be there: nonsense is ignored", () => {
    const { hub, newInstance } = arrange();
    const atAlice = newInstance().join(alice);

    for (const text of ["", "null", "[]", "{}", '{"type":"joined"}', `{"type":"bye","from":"${id(99)}"}`]) {
      hub.inject("test.all", text);
    }

    expect(atAlice.news()).toEqual([]);
  });
});
