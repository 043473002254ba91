/**
 * What every link must do, whatever channel carries it. Needs neither Node nor a test runner: the same cases run under
 * Vitest over memory and on a page over WebRTC.
 */

import { defaultLinkLimits, maxNoteBytes, noteWindowBytes } from "../../src/transport/link.ts";
import type { PeerLink } from "../../src/transport/link.ts";
import type { Channel } from "../../src/transport/channel.ts";
import {
  closeReasonOf,
  collectFrames,
  collectMessages,
  expectEqual,
  expectFrame,
  frameOf,
  writableOf,
} from "./frame-collector.ts";
import { linkFaultCases } from "./link-fault-cases.ts";

export interface LinkHarness {
  /** Two links that face each other, with the default limits. */
  readonly connect: () => Promise<{ readonly alice: PeerLink; readonly bob: PeerLink }>;
  /** Alice's link, and the channel at the other end of hers, which Bob's link is not built on. */
  readonly connectBare: () => Promise<{ readonly alice: PeerLink; readonly bob: Channel }>;
  /** Lets time pass for the clock that the links were given. */
  readonly elapse: (ms: number) => Promise<void>;
}

export interface LinkCase {
  /** Finishes the sentence "it …". */
  readonly name: string;
  readonly run: (harness: LinkHarness) => Promise<void>;
}

const { fragmentBytes, windowBytes, maxFrameBytes } = defaultLinkLimits;
const sizes = [0, 1, fragmentBytes - 2, fragmentBytes - 1, fragmentBytes, fragmentBytes + 1, 65_536, maxFrameBytes];

/** Numbers of the wire format, written out so that a change of the format is noticed. */
const consumedMessage = (total: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(4, total >>> 24, (total >>> 16) & 0xff, (total >>> 8) & 0xff, total & 0xff);
const pingMessage = Uint8Array.of(5, 0, 0, 0, 9);
const isPong = (message: Uint8Array): boolean => message[0] === 6 && message[4] === 9;

const frameBytes = (messages: readonly Uint8Array[]): number =>
  messages.reduce((sum, message) => sum + ((message[0] ?? 9) <= 3 ? message.length - 1 : 0), 0);

export const linkCases: readonly LinkCase[] = [
  {
    name: "carries frames of every size intact and in order, both ways at once",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atAlice = collectFrames(alice);
      const atBob = collectFrames(bob);

      for (const size of sizes) alice.send(frameOf(size));
      for (const size of sizes.toReversed()) bob.send(frameOf(size, size + 1));
      await Promise.all([atAlice.until(sizes.length), atBob.until(sizes.length)]);

      sizes.forEach((size, index) => expectFrame(atBob.frames[index], frameOf(size), `to Bob, ${size} bytes`));
      sizes.toReversed().forEach((size, index) => {
        expectFrame(atAlice.frames[index], frameOf(size, size + 1), `to Alice, ${size} bytes`);
      });
    },
  },
  {
    name: "lets a note of any size overtake frames that wait for room",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const arrived: string[] = [];
      const both = new Promise<void>((resolve) => {
        bob.notes.onNote((note, consumed) => {
          consumed();
          arrived.push(`note ${note.length}`);
          if (arrived.includes(`note ${maxNoteBytes}`)) resolve();
        });
      });
      // Frames that nobody consumes: those beyond the window stay where they are.
      bob.on("frame", () => arrived.push("frame"));

      for (let count = 0; count < 20; count += 1) alice.send(frameOf(windowBytes / 8));
      const went = [alice.notes.send(frameOf(1)), alice.notes.send(frameOf(maxNoteBytes))];
      await both;

      expectEqual(went.join(), "true,true", "both notes went");
      expectEqual(arrived.filter((what) => what === "frame").length <= 8, true, "frames wait for room");
      expectEqual(alice.pendingBytes >= 12 * (windowBytes / 8), true, "frames are still queued");
    },
  },
  {
    name: "takes notes until their window is full, and again when some were consumed",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const note = frameOf(4_096);
      const fits = noteWindowBytes / note.length;
      const releases: (() => void)[] = [];
      const room = new Promise<void>((resolve) => alice.notes.onRoom(resolve));
      let sent = 0;
      while (alice.notes.send(note)) sent += 1;

      const all = new Promise<void>((resolve) => {
        bob.notes.onNote((_, consumed) => {
          releases.push(consumed);
          if (releases.length === fits) resolve();
        });
      });
      await all;
      for (const release of releases) release();
      await room;

      expectEqual(sent, fits, "notes that fit the window");
      expectEqual(alice.notes.send(note), true, "there is room again");
    },
  },
  {
    name: "keeps notes that came before anyone listened, in order",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atBob = collectFrames(bob);
      for (const size of [3, 1, 2]) alice.notes.send(frameOf(size));
      alice.send(frameOf(9));
      await atBob.until(1);

      const sizes: number[] = [];
      bob.notes.onNote((note) => sizes.push(note.length));

      expectEqual(sizes.join(), "3,1,2", "sizes");
    },
  },
  {
    name: "refuses an empty note and one that is too long",
    run: async ({ connect }) => {
      const { alice } = await connect();
      const refused = [0, maxNoteBytes + 1].map((size) => {
        try {
          return alice.notes.send(frameOf(size));
        } catch (error) {
          return error instanceof RangeError;
        }
      });

      expectEqual(refused.join(), "true,true", "throws a RangeError");
    },
  },
  {
    name: "refuses a frame over the limit and goes on",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atBob = collectFrames(bob);
      let thrown: unknown;

      try {
        alice.send(new Uint8Array(maxFrameBytes + 1));
      } catch (error) {
        thrown = error;
      }
      alice.send(frameOf(3));
      await atBob.until(1);

      expectEqual(thrown instanceof RangeError, true, "throws a RangeError");
      expectFrame(atBob.frames[0], frameOf(3), "the next frame");
    },
  },
  {
    name: "never has more than the window outstanding, and goes on as the peer consumes",
    run: async ({ connectBare }) => {
      const { alice, bob } = await connectBare();
      const atBob = collectMessages(bob);
      const total = 4 * windowBytes;
      const reached = (bytes: number) => atBob.until(() => frameBytes(atBob.messages) >= bytes);

      for (let sent = 0; sent < total; sent += maxFrameBytes) alice.send(frameOf(maxFrameBytes));
      for (let consumed = 0; consumed < total; consumed += windowBytes) {
        bob.send(consumedMessage(consumed));
        await reached(consumed + windowBytes);
        // Whatever Alice still had to say she would have said before she answers this.
        const before = atBob.messages.length;
        bob.send(pingMessage);
        await atBob.until((message) => isPong(message) && atBob.messages.indexOf(message) >= before);
        expectEqual(frameBytes(atBob.messages), consumed + windowBytes, "bytes outstanding and consumed");
      }
      expectEqual(alice.pendingBytes, windowBytes, "pending until the last report");
      bob.send(consumedMessage(total));
      bob.send(pingMessage);
      await alice.probe(60_000);

      expectEqual(alice.pendingBytes, 0, "pending after it");
    },
  },
  {
    name: "makes the sender wait for a slow consumer, then says writable, and loses nothing",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atBob = collectFrames(bob, false);
      const size = 50_000;
      const count = 60;
      const writable = writableOf(alice);

      const answers = Array.from({ length: count }, (_, index) => alice.send(frameOf(size, index)));
      while (atBob.frames.length < count || atBob.consumers.length > 0) {
        // Not in order: consuming is a matter of amounts.
        await atBob.until(atBob.frames.length - atBob.consumers.length + 1);
        atBob.consumers.pop()?.();
      }
      await writable;
      const atAlice = collectFrames(alice);
      // Arrives behind the last report of what was consumed.
      bob.send(frameOf(1));
      await atAlice.until(1);

      expectEqual(answers[0], true, "the first frame goes at once");
      expectEqual(answers.at(-1), false, "the last one waits");
      atBob.frames.forEach((frame, index) => expectFrame(frame, frameOf(size, index), `frame ${index}`));
      expectEqual(alice.pendingBytes, 0, "pending in the end");
    },
  },
  {
    name: "carries thousands of small frames in order",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atBob = collectFrames(bob);
      const count = 5_000;

      for (let index = 0; index < count; index += 1) alice.send(frameOf(index % 300, index));
      await atBob.until(count);

      atBob.frames.forEach((frame, index) => expectFrame(frame, frameOf(index % 300, index), `frame ${index}`));
    },
  },
  {
    name: "keeps frames for a listener that comes late",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();

      alice.send(frameOf(10));
      alice.send(frameOf(40_000));
      // Each waits for one more message of Alice's: hers are a ping, a frame and three fragments, the rest are answers.
      for (let answers = 0; answers < 6; answers += 1) await bob.probe(60_000);
      const atBob = collectFrames(bob);
      await atBob.until(2);

      expectFrame(atBob.frames[0], frameOf(10), "first");
      expectFrame(atBob.frames[1], frameOf(40_000), "second");
    },
  },
  {
    name: "brings the reason of a close to both sides, once, and to late listeners",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const reasons: string[] = [];
      alice.on("close", (reason) => reasons.push(reason));
      const atBob = closeReasonOf(bob);

      alice.close("GOODBYE_1");
      alice.close("GOODBYE_2");

      expectEqual(await atBob, "GOODBYE_1", "at Bob");
      expectEqual(await closeReasonOf(bob), "GOODBYE_1", "at a late listener");
      expectEqual(reasons.join(), "GOODBYE_1", "at Alice");
      expectEqual(alice.send(frameOf(1)), false, "sending afterwards");
      expectEqual(await alice.probe(60_000), false, "probing afterwards");
    },
  },
  {
    name: "brings the reason of a close behind what is on its way",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();
      const atBob = collectFrames(bob);
      const reason = closeReasonOf(bob);

      // The channel takes them all at once.
      for (let index = 0; index < 4; index += 1) alice.send(frameOf(16_000, index));
      alice.close("ENOUGH");

      expectEqual(await reason, "ENOUGH", "at Bob");
      atBob.frames.forEach((frame, index) => expectFrame(frame, frameOf(16_000, index), `frame ${index}`));
      expectEqual(atBob.frames.length, 4, "frames");
    },
  },
  {
    name: "measures the round trip and finds a peer that answers",
    run: async ({ connect }) => {
      const { alice, bob } = await connect();

      const answers = await Promise.all([alice.probe(60_000), bob.probe(60_000)]);
      const [atAlice, atBob] = [collectFrames(alice), collectFrames(bob)];
      alice.send(frameOf(1));
      await atBob.until(1);
      // Behind Bob's answer to the ping that Alice's link began with: a probe is content with less.
      bob.send(frameOf(1));
      await atAlice.until(1);

      expectEqual(answers.join(), "true,true", "answers");
      expectEqual((alice.roundTripMs ?? -1) >= 0, true, "measured");
    },
  },
  {
    name: "finds that a peer does not answer, and stays open",
    run: async ({ connectBare, elapse }) => {
      const { alice, bob } = await connectBare();

      const answer = alice.probe(300);
      await elapse(300);
      expectEqual(await answer, false, "without an answer");
      const second = alice.probe(60_000);
      bob.send(consumedMessage(0));

      expectEqual(await second, true, "with any message");
    },
  },
  ...linkFaultCases,
];
