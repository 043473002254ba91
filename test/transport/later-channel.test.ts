import { expect, test } from "vitest";
import { openChannelLater, type OpenChannel } from "../../src/later-channel.ts";
import type { Channel } from "../../src/transport/channel.ts";

const options = { initiator: true, iceServers: [], timeoutMs: 1_000, onSignal: () => {} };

const createOpener = () => {
  const log: string[] = [];
  const channel = {} as Channel;
  const openChannel: OpenChannel = ({ timeoutMs }) => {
    log.push(`open ${timeoutMs}`);
    return {
      signal: (description) => log.push(description),
      opened: Promise.resolve(channel),
      close: () => log.push("close"),
    };
  };
  return { log, channel, openChannel };
};

test("brings what was signalled before to the attempt, in order, and then what comes", async () => {
  const { log, channel, openChannel } = createOpener();

  const attempt = openChannelLater(Promise.resolve(openChannel), options);
  attempt.signal("one");
  attempt.signal("two");
  expect(await attempt.opened).toBe(channel);
  attempt.signal("three");
  attempt.close();

  expect(log).toEqual(["open 1000", "one", "two", "three", "close"]);
});

test("begins nothing when it is closed before", async () => {
  const { log, openChannel } = createOpener();

  const attempt = openChannelLater(Promise.resolve(openChannel), options);
  attempt.close();

  await expect(attempt.opened).rejects.toThrow("given up");
  expect(log).toEqual([]);
});

test("fails as loading does", async () => {
  const failure = new Error("not served");

  const attempt = openChannelLater(Promise.reject(failure), options);
  attempt.signal("one");

  await expect(attempt.opened).rejects.toBe(failure);
});
