/** What a link must do when its peer breaks the format: close with the code, tell the peer, and never throw. */

import { defaultLinkLimits, maxNoteBytes, noteWindowBytes } from "../../src/transport/link.ts";
import { closeReasonOf, collectFrames, collectMessages, expectEqual } from "./frame-collector.ts";
import type { LinkCase } from "./link-cases.ts";

const { windowBytes, maxFrameBytes } = defaultLinkLimits;
const fragmentBody = 65_535;

const message = (type: number, bodyBytes: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(1 + bodyBytes);
  bytes[0] = type;
  return bytes;
};

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

const faults: readonly {
  readonly what: string;
  readonly code: string;
  readonly messages: Uint8Array<ArrayBuffer>[];
}[] = [
  { what: "a type it does not know", code: "LINK_UNKNOWN_TYPE", messages: [Uint8Array.of(10, 1, 2)] },
  { what: "type 0", code: "LINK_UNKNOWN_TYPE", messages: [Uint8Array.of(0)] },
  { what: "a fragment without bytes", code: "LINK_MALFORMED", messages: [message(2, 0)] },
  { what: "a last fragment without bytes", code: "LINK_MALFORMED", messages: [message(2, 100), message(3, 0)] },
  { what: "a ping with trailing bytes", code: "LINK_MALFORMED", messages: [Uint8Array.of(5, 0, 0, 0, 1, 0)] },
  { what: "a pong cut short", code: "LINK_MALFORMED", messages: [Uint8Array.of(6, 0, 0, 0)] },
  { what: "a report cut short", code: "LINK_MALFORMED", messages: [Uint8Array.of(4)] },
  { what: "a close without a reason", code: "LINK_MALFORMED", messages: [Uint8Array.of(7)] },
  { what: "a close that is not UTF-8", code: "LINK_MALFORMED", messages: [Uint8Array.of(7, 0xc3, 0x28)] },
  { what: "a close with a line break", code: "LINK_MALFORMED", messages: [Uint8Array.of(7, 65, 10, 66)] },
  { what: "a close with too long a reason", code: "LINK_MALFORMED", messages: [message(7, 257).fill(65, 1)] },
  { what: "an end of no frame", code: "LINK_FRAGMENT_SEQUENCE", messages: [message(3, 100)] },
  {
    what: "a frame within another",
    code: "LINK_FRAGMENT_SEQUENCE",
    messages: [message(2, 100), message(1, 100)],
  },
  {
    what: "a frame of too many fragments",
    code: "LINK_FRAME_TOO_LARGE",
    messages: times(Math.floor(maxFrameBytes / fragmentBody) + 1, () => message(2, fragmentBody)),
  },
  {
    what: "a frame more than the window holds",
    code: "LINK_WINDOW_OVERRUN",
    messages: times(Math.floor(windowBytes / fragmentBody) + 1, () => message(1, fragmentBody)),
  },
  {
    what: "more empty frames than the window holds",
    code: "LINK_WINDOW_OVERRUN",
    messages: times(windowBytes / 64 + 1, () => message(1, 0)),
  },
  { what: "a note without bytes", code: "LINK_MALFORMED", messages: [Uint8Array.of(8)] },
  { what: "a note that is too long", code: "LINK_WINDOW_OVERRUN", messages: [message(8, maxNoteBytes + 1)] },
  {
    what: "more notes than their window holds",
    code: "LINK_WINDOW_OVERRUN",
    messages: times(Math.floor(noteWindowBytes / maxNoteBytes) + 1, () => message(8, maxNoteBytes)),
  },
  { what: "a report of notes cut short", code: "LINK_MALFORMED", messages: [Uint8Array.of(9, 0)] },
  { what: "a report of notes never sent", code: "LINK_CONSUMED_TOO_MUCH", messages: [Uint8Array.of(9, 0, 0, 0, 1)] },
  { what: "a report of bytes never sent", code: "LINK_CONSUMED_TOO_MUCH", messages: [Uint8Array.of(4, 0, 0, 0, 1)] },
  {
    what: "a report that goes back",
    code: "LINK_CONSUMED_TOO_MUCH",
    messages: [Uint8Array.of(4, 255, 255, 255, 255)],
  },
];

const codeOf = (bytes: Uint8Array): string => (bytes[0] === 7 ? new TextDecoder().decode(bytes.subarray(1)) : "");

export const linkFaultCases: readonly LinkCase[] = faults.map(({ what, code, messages }) => ({
  name: `closes with ${code} on ${what}`,
  run: async ({ connectBare }) => {
    const { alice, bob } = await connectBare();
    const atBob = collectMessages(bob);
    collectFrames(alice, false);
    const reason = closeReasonOf(alice);

    for (const bytes of messages) bob.send(bytes);

    expectEqual(await reason, code, "reason at Alice");
    expectEqual(codeOf(await atBob.until((bytes) => bytes[0] === 7)), code, "code sent to Bob");
    await closeReasonOf(bob);
  },
}));
