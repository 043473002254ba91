// @ts-check
/**
 * What this instance knows of one other: its members and how current that is.
 *
 * O1  members of the other instance are in our rooms only while it is known here;
 * O2  a change is applied only right behind the one before it; after a gap nothing but a snapshot is;
 * O3  a message comes after its sender has joined: if its joining was missed, the message itself is the news.
 */

/** @typedef {import("./bus-message.js").Snapshot} Snapshot */

/**
 * @param {object} options
 * @param {import("./room.js").Rooms} options.rooms
 * @param {(room: string, message: { type: "message" | "relay", from: string, to: string, payload: string }) => void} options.forward sends a message
 *   to one of its members
 * @param {number} options.nowMs
 */
export const createOtherInstance = ({ rooms, forward, nowMs }) => {
  /** @type {Map<string, Map<string, () => void>>} */
  const leaveByMemberByRoom = new Map();
  /** @type {number | undefined} undefined until a snapshot was applied */
  let seq;
  /** @type {{ seq: number, nextPart: number, members: Map<string, Set<string>> } | undefined} */
  let draft;

  /**
   * @param {string} room
   * @param {string} member
   */
  const add = (room, member) => {
    const leaves = leaveByMemberByRoom.get(room) ?? new Map();
    if (leaves.has(member)) return;
    leaveByMemberByRoom.set(room, leaves);
    leaves.set(
      member,
      rooms.joinElsewhere(
        room,
        member,
        (from, payload) => forward(room, { type: "message", from, to: member, payload }),
        (from, payload) => forward(room, { type: "relay", from, to: member, payload }),
      ),
    );
  };

  /**
   * @param {string} room
   * @param {string} member
   */
  const remove = (room, member) => {
    const leaves = leaveByMemberByRoom.get(room);
    leaves?.get(member)?.();
    leaves?.delete(member);
    if (leaves?.size === 0) leaveByMemberByRoom.delete(room);
  };

  /** @param {ReadonlyMap<string, ReadonlySet<string>>} present */
  const become = (present) => {
    for (const [room, leaves] of leaveByMemberByRoom) {
      for (const member of leaves.keys()) if (!present.get(room)?.has(member)) remove(room, member);
    }
    for (const [room, members] of present) for (const member of members) add(room, member);
  };

  return {
    heardMs: nowMs,
    askedMs: Number.NEGATIVE_INFINITY,
    /** @param {number} counted */
    isCurrent: (counted) => seq === counted,
    /**
     * @param {import("./bus-message.js").Change} change
     * @returns {boolean} false when something before it was missed
     */
    apply: ({ type, seq: next, room, member }) => {
      if (seq === undefined || next !== seq + 1) {
        seq = undefined; // O2
        return false;
      }
      seq = next;
      if (type === "joined") add(room, member);
      else remove(room, member);
      return true;
    },
    /** @param {Snapshot} snapshot */
    applySnapshot: ({ seq: counted, part, isLast, rooms: some }) => {
      if (part === 0) draft = { seq: counted, nextPart: 0, members: new Map() };
      if (draft?.seq !== counted || draft.nextPart !== part) return;
      draft.nextPart += 1;
      for (const [room, members] of some) {
        const all = draft.members.get(room) ?? new Set();
        for (const member of members) all.add(member);
        draft.members.set(room, all);
      }
      if (!isLast) return;
      become(draft.members);
      draft = undefined;
      seq = counted;
    },
    /** @param {import("./bus-message.js").Message} message */
    receive: ({ type, room, sender, to, payload }) => {
      add(room, sender); // O3
      rooms.handHere(room, { type, from: sender, to, payload });
    },
    /** Its members leave. */
    forget: () => become(new Map()), // O1
  };
};

/** @typedef {ReturnType<typeof createOtherInstance>} OtherInstance */
