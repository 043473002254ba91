import { expect, test } from "vitest";
import { createBroadcastChannels } from "../../src/tabs/broadcast-channels.ts";
import { createLineChannels } from "../../src/tabs/line-channels.ts";
import { createPortBroker } from "../../src/tabs/port-broker.ts";
import { createPortMeetings } from "../../src/tabs/port-meetings.ts";
import type { DirectPort, PortMeetings, TabChannel } from "../../src/tabs/tab-channel.ts";
import { createFakeBrowser } from "./fake-browser.ts";
import { testLines, type LineHarness } from "./line-conformance.ts";

/** Over the real broker and real message channels. */
const meetings = (): PortMeetings => {
  const serveTab = createPortBroker();
  return createPortMeetings(() => {
    const { port1, port2 } = new MessageChannel();
    serveTab(port2);
    return port1;
  });
};

const over = (ways: PortMeetings): LineHarness => {
  const lines = createLineChannels(createBroadcastChannels(), ways);
  return { alice: lines, bob: lines, close: () => {} };
};

testLines("BroadcastChannel where there is no broker", () => over(createPortMeetings(() => undefined)));
testLines("BroadcastChannel and a broker that does not answer", () =>
  over(createPortMeetings(() => new MessageChannel().port1)),
);
testLines("BroadcastChannel and a broker", () => over(meetings()));
testLines("the fake browser's channels and ports", () => {
  const browser = createFakeBrowser();
  const [alice, bob] = [browser.openTab(), browser.openTab()];
  return {
    alice: createLineChannels(alice.channels, alice.meetings),
    bob: createLineChannels(bob.channels, bob.meetings),
    close: () => {},
  };
});

/** A channel or a port whose messages the test sees, and brings. */
const createFakePort = () => {
  const posted: unknown[] = [];
  let receive = (_message: unknown): void => {};
  let goneFor = (): void => {};
  let isOpen = true;
  const port: DirectPort = {
    post: (message) => void posted.push(message),
    onMessage: (listener) => {
      receive = listener;
    },
    onClose: (listener) => {
      goneFor = listener;
    },
    close: () => {
      isOpen = false;
    },
  };
  return {
    port,
    posted,
    get isOpen() {
      return isOpen;
    },
    bring: (message: unknown) => receive(message),
    breakOff: () => goneFor(),
  };
};

const openFakeLine = () => {
  const channel = createFakePort();
  const port = createFakePort();
  let meet = (_port: DirectPort): void => {};
  const line = createLineChannels(
    { open: (): TabChannel => channel.port },
    {
      meet: (_name, onPort) => {
        meet = onPort;
        return () => {};
      },
    },
  ).open("a");
  const told: unknown[] = [];
  line.onMessage((message) => told.push(message));
  line.onBreak(() => told.push("break"));
  return { line, channel, port, told, meet: () => meet(port.port) };
};

test("posts by the port only once the other side listens there, and says so behind what went before", () => {
  const { line, channel, port, meet } = openFakeLine();
  line.hasten();
  meet();
  line.post({ n: 1 });
  expect([channel.posted, port.posted]).toEqual([[{ n: 1 }], ["ready"]]);

  port.bring("ready");
  line.post({ n: 2 });

  expect([channel.posted, port.posted]).toEqual([
    [{ n: 1 }, "moved"],
    ["ready", { n: 2 }],
  ]);
});

test("holds back what overtook the last messages of the channel, and leaves the channel when both sides did", () => {
  const { line, channel, port, told, meet } = openFakeLine();
  line.hasten();
  meet();

  port.bring("ready");
  port.bring({ n: 2 });
  channel.bring({ n: 1 });
  expect(told).toEqual([{ n: 1 }]);
  expect(channel.isOpen).toBe(true);
  channel.bring("moved");
  port.bring({ n: 3 });

  expect(told).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(channel.isOpen).toBe(false);
});

test("stays on the channel when the port is gone before anybody came to it", () => {
  const { line, channel, port, told, meet } = openFakeLine();
  line.hasten();
  meet();

  port.breakOff();
  line.post({ n: 1 });
  channel.bring({ n: 2 });

  expect(channel.posted).toEqual([{ n: 1 }]);
  expect(told).toEqual([{ n: 2 }]);
});

test.each([
  ["after this side came to it", ["ready"]],
  ["after both came to it", ["ready", "moved"]],
])("tells that a port broke %s", (_when, came) => {
  const { line, channel, port, told, meet } = openFakeLine();
  line.hasten();
  meet();
  for (const message of came) (message === "moved" ? channel : port).bring(message);

  port.breakOff();

  expect(told).toEqual(["break"]);
});

test("tells that a port broke when the other side came to it too late", () => {
  const { line, channel, port, told, meet } = openFakeLine();
  line.hasten();
  meet();
  port.breakOff();

  channel.bring("moved");

  expect(told).toEqual(["break"]);
});

test("closes a port that comes after the line was closed", () => {
  const { line, port, meet } = openFakeLine();
  line.hasten();
  line.close();

  meet();

  expect(port.isOpen).toBe(false);
});
