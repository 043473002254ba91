import { expect, test } from "vitest";
import { createPortBroker, maxWaiting } from "../../src/tabs/port-broker.ts";
import { createPortMeetings } from "../../src/tabs/port-meetings.ts";
import type { DirectPort, PortMeetings } from "../../src/tabs/tab-channel.ts";

const createMeetings = (serveTab = createPortBroker()): PortMeetings =>
  createPortMeetings(() => {
    const { port1, port2 } = new MessageChannel();
    serveTab(port2);
    return port1;
  });

const meet = (meetings: PortMeetings, name: string): Promise<DirectPort> =>
  new Promise((resolve) => meetings.meet(name, resolve));

const next = (port: DirectPort): Promise<unknown> => new Promise((resolve) => port.onMessage(resolve));

/** The two talk to each other. */
const expectPair = async (one: DirectPort, two: DirectPort): Promise<void> => {
  const received = next(two);
  one.post({ hello: 1 });
  expect(await received).toEqual({ hello: 1 });
  const closed = new Promise<void>((resolve) => two.onClose(resolve));
  one.close();
  await closed;
  two.close();
};

test("brings together two tabs that ask by one name, and nobody else", async () => {
  const meetings = createMeetings();

  const pairs = ["a", "b", "a", "b"].map((name) => meet(meetings, name));
  const [a1, b1, a2, b2] = (await Promise.all(pairs)) as [DirectPort, DirectPort, DirectPort, DirectPort];

  await expectPair(a1, a2);
  await expectPair(b2, b1);
});

test("begins anew with a name that two have met by", async () => {
  const meetings = createMeetings();
  const first = await Promise.all([meet(meetings, "a"), meet(meetings, "a")]);

  const second = await Promise.all([meet(meetings, "a"), meet(meetings, "a")]);

  await expectPair(...second);
  await expectPair(...first);
});

test("forgets who waits for longest when too many wait", async () => {
  const meetings = createMeetings();
  const gone = Array.from({ length: maxWaiting + 1 }, (_, n) => meetings.meet(`${n}`, () => {}));

  const late = meet(meetings, "0");
  const pair = Promise.all([meet(meetings, "last"), meet(meetings, "last"), meet(meetings, "0")]);
  const [one, two, again] = await pair;

  await expectPair(one, two);
  await expectPair(await late, again);
  for (const stop of gone) stop();
});

test("takes no notice of what is not a meeting", async () => {
  const serveTab = createPortBroker();
  const { port1, port2 } = new MessageChannel();
  serveTab(port2);
  for (const message of [undefined, null, 1, "a", { meet: 1 }]) port1.postMessage(message);
  const meetings = createMeetings(serveTab);

  await expectPair(...(await Promise.all([meet(meetings, "a"), meet(meetings, "a")])));
  port1.close();
});

test("does without a broker", () => {
  const stop = createPortMeetings(() => undefined).meet("a", () => {});

  expect(() => {
    stop();
    stop();
  }).not.toThrow();
});
