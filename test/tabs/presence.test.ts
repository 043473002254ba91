import { expect, test } from "vitest";
import type { PresenceId } from "../../src/ephemeral/note.ts";
import type { Host, HostEvent } from "../../src/host.ts";
import { createFakeTabs } from "./fake-tabs.ts";

const idOf = (digit: string): PresenceId => digit.repeat(16) as PresenceId;

const show = (host: Host, digit: string, state: string | undefined, isNew = false): Promise<void> =>
  host.ephemeral({ type: "presence", id: idOf(digit), state, isNew });

/** Who is present, by what a tab was told. */
const present = (events: readonly HostEvent[]): Record<string, string> => {
  const states = new Map<string, string>();
  for (const { name, args } of events) {
    if (name !== "ephemeral" || args[0].type !== "presence") continue;
    if (args[0].whole) states.clear();
    for (const id of args[0].gone) states.delete(id);
    for (const { id, state } of args[0].present) states.set(id, state);
  }
  return Object.fromEntries([...states].map(([id, state]) => [id.slice(0, 1), state]));
};

test("shows the tabs of one replica to each other", async () => {
  const tabs = createFakeTabs();
  const [alice, bob] = [await tabs.open(), await tabs.open()];

  await show(alice.host, "a", "1");
  await show(bob.host, "b", "2");
  await tabs.rest();

  for (const { events } of [alice, bob]) expect(present(events)).toEqual({ a: "1", b: "2" });
});

test.each(["is closed", "dies"])("no longer shows a follower that %s", async (how) => {
  const tabs = createFakeTabs();
  const [alice, bob] = [await tabs.open(), await tabs.open()];
  await show(bob.host, "b", "2");
  await tabs.rest();

  if (how === "dies") bob.tab.crash();
  else await bob.host.close();
  await tabs.rest();

  expect(present(alice.events)).toEqual({});
});

test("shows everyone again who says so once the leader went", async () => {
  const tabs = createFakeTabs();
  const [alice, bob, carol] = [await tabs.open(), await tabs.open(), await tabs.open()];
  await show(alice.host, "a", "1");
  await show(bob.host, "b", "2");
  await show(carol.host, "c", "3");
  for (const [digit, { host }] of [
    ["b", bob],
    ["c", carol],
  ] as const) {
    host.onReopened(() => void show(host, digit, digit === "b" ? "2" : "3", true));
  }
  await tabs.rest();

  alice.tab.crash();
  await tabs.pass(500);

  for (const { events } of [bob, carol]) expect(present(events)).toEqual({ b: "2", c: "3" });
});

test("brings a follower's broadcast to every tab", async () => {
  const tabs = createFakeTabs();
  const [alice, bob, carol] = [await tabs.open(), await tabs.open(), await tabs.open()];

  await bob.host.ephemeral({ type: "broadcast", id: idOf("b"), number: 1, topic: "t", payload: "1" });
  await tabs.rest();

  for (const { events } of [alice, bob, carol]) {
    expect(events.filter(({ name }) => name === "ephemeral")).toMatchObject([
      { args: [{ type: "broadcast", topic: "t" }] },
    ]);
  }
});
