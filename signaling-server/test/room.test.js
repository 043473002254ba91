// @ts-check
import { describe, expect, it } from "vitest";
import { defaultLimits } from "../src/limits.js";
import { createRooms } from "../src/room.js";
import { id } from "./support.js";

const room = id(1);

/** @param {ReturnType<typeof createRooms>} rooms */
const fill = (rooms) =>
  Array.from({ length: 512 }, (_, i) => {
    /** @type {string[]} */
    const frames = [];
    const joined = rooms.join(room, id(100 + i), (frame) => frames.push(frame));
    return { joined, frames };
  });

describe("createRooms", () => {
  it("holds 512 members by default, each of whom hears of each, and not one more", () => {
    const rooms = createRooms(defaultLimits());

    const members = fill(rooms);

    expect(members.every(({ joined }) => joined.ok)).toBe(true);
    expect(members.every(({ frames }, i) => frames.length === 511 - i)).toBe(true);
    expect(members[511]?.joined).toMatchObject({ members: members.slice(0, 511).map((_, i) => id(100 + i)) });
    expect(rooms.join(room, id(1), () => {})).toEqual({ ok: false, code: "room-full" });
  });

  it("lets a member leave once, also when its id belongs to someone else by then", () => {
    const rooms = createRooms({ maxRoomMembers: 2 });
    /** @type {string[]} */
    const heard = [];
    rooms.join(room, id(2), (frame) => heard.push(frame));
    const first = rooms.join(room, id(3), () => {});
    if (first.ok) first.membership.leave();
    const second = rooms.join(room, id(3), () => {});
    if (first.ok) first.membership.leave();

    expect(second.ok).toBe(true);
    expect(heard.map((frame) => JSON.parse(frame).type)).toEqual(["member-joined", "member-left", "member-joined"]);
  });

  it("knows members elsewhere, hands them messages and is handed theirs", () => {
    const rooms = createRooms(defaultLimits());
    /** @type {string[]} */
    const atAlice = [];
    /** @type {string[][]} */
    const atBob = [];
    const alice = rooms.join(room, id(2), (frame) => atAlice.push(frame));
    const bobLeaves = rooms.joinElsewhere(
      room,
      id(3),
      (...message) => atBob.push(message),
      (...message) => atBob.push(["relayed", ...message]),
    );

    if (alice.ok) alice.membership.send(id(3), "AA");
    if (alice.ok) alice.membership.relay(id(3), "Aw");
    rooms.handHere(room, { type: "message", from: id(3), to: id(2), payload: "AQ" });
    rooms.handHere(room, { type: "relay", from: id(3), to: id(2), payload: "BA" });
    rooms.handHere(room, { type: "message", from: id(2), to: id(3), payload: "Ag" });
    bobLeaves();
    bobLeaves();

    expect(atBob).toEqual([
      [id(2), "AA"],
      ["relayed", id(2), "Aw"],
    ]);
    expect(atAlice.map((frame) => JSON.parse(frame))).toEqual([
      { type: "member-joined", member: id(3) },
      { type: "message", from: id(3), payload: "AQ" },
      { type: "relay", from: id(3), payload: "BA" },
      { type: "member-left", member: id(3) },
    ]);
    expect([...rooms.here()]).toEqual([[room, [id(2)]]]);
    expect(rooms.memberCount).toBe(1);
  });

  it("leaves a member here alone when another instance claims its id", () => {
    const rooms = createRooms(defaultLimits());
    const alice = rooms.join(room, id(2), () => {});

    rooms.joinElsewhere(
      room,
      id(2),
      () => {},
      () => {},
    )();

    expect(rooms.memberCount).toBe(1);
    expect(alice.ok && alice.membership.leave()).toBe(true);
    expect(rooms.size).toBe(0);
  });

  it("keeps nothing of a room that everyone left", () => {
    const rooms = createRooms(defaultLimits());
    const members = fill(rooms);

    for (const { joined } of members) if (joined.ok) joined.membership.leave();

    expect(rooms.size).toBe(0);
  });
});
