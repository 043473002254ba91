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
    expect(members.every(({ frames }, i) => frames.length === 512 - i)).toBe(true);
    expect(JSON.parse(members[511]?.frames[0] ?? "")).toEqual({
      type: "joined",
      members: members.slice(0, 511).map((_, i) => id(100 + i)),
    });
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
    expect(heard.map((frame) => JSON.parse(frame).type)).toEqual([
      "joined",
      "member-joined",
      "member-left",
      "member-joined",
    ]);
  });

  it("keeps nothing of a room that everyone left", () => {
    const rooms = createRooms(defaultLimits());
    const members = fill(rooms);

    for (const { joined } of members) if (joined.ok) joined.membership.leave();

    expect(rooms.size).toBe(0);
  });
});
