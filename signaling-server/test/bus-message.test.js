// @ts-check
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBusMessage, encodeBusMessage, snapshotParts } from "../src/bus-message.js";
import { id } from "./support.js";

const [self, room, alice] = [id(1), id(2), id(10)];

describe("decodeBusMessage", () => {
  /** @type {import("../src/bus-message.js").BusMessage[]} */
  const messages = [
    { type: "joined", from: self, seq: 1, room, member: alice },
    { type: "left", from: self, seq: 2, room, member: alice },
    { type: "beat", from: self, seq: 2 },
    { type: "ask", from: self },
    { type: "bye", from: self },
    { type: "message", from: self, room, sender: alice, to: id(11), payload: "AA" },
    { type: "relay", from: self, room, sender: alice, to: id(11), payload: "AA" },
    ...snapshotParts(self, 3, [[room, [alice]]]),
  ];

  it.each(messages)("reads what encodeBusMessage wrote: $type", (message) => {
    expect(decodeBusMessage(encodeBusMessage(message))).toEqual(message);
  });

  it.each(messages)("takes $type only with all its fields", (message) => {
    for (const field of Object.keys(message).filter((name) => name !== "isLast")) {
      expect(decodeBusMessage(JSON.stringify({ ...message, [field]: undefined }))).toBeUndefined();
      expect(decodeBusMessage(JSON.stringify({ ...message, [field]: { nested: -1 } }))).toBeUndefined();
    }
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => decodeBusMessage(text) === undefined));
    fc.assert(fc.property(fc.json(), (text) => decodeBusMessage(text) === undefined));
  });
});

describe("snapshotParts", () => {
  it("is one part for an instance without members", () => {
    expect(snapshotParts(self, 7, [])).toEqual([
      { type: "snapshot", from: self, seq: 7, part: 0, isLast: true, rooms: [] },
    ]);
  });

  it("fits many members into messages below half a MiB and loses none", () => {
    const members = Array.from({ length: 12_000 }, (_, i) => id(i));
    const alone = Array.from({ length: 8_000 }, (_, i) => /** @type {const} */ ([id(100_000 + i), [alice]]));

    const parts = snapshotParts(self, 7, [[room, members], ...alone]);

    expect(parts.every((part) => encodeBusMessage(part).length < 512 * 1024)).toBe(true);
    expect(parts.map(({ part, isLast }) => [part, isLast])).toEqual(parts.map((_, i) => [i, i === parts.length - 1]));
    const rooms = parts.flatMap((part) => part.rooms);
    expect(rooms.flatMap(([name, some]) => (name === room ? some : []))).toEqual(members);
    expect(rooms).toHaveLength(8_000 + 3);
  });
});
