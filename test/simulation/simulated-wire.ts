/**
 * A link as SCTP makes it out of packets that are dropped, sent twice, reordered, delayed and cut off in one direction:
 * what comes out of it is in order and each once, or the link ends. The core must live with what is left of the faults,
 * which is delay, prefixes, and ends that do not know of each other's death.
 */

import type { LinkId } from "../../src/common/ids.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface Packet {
  /** Position of `bytes` in the direction's messages, or undefined for an acknowledgement. */
  readonly seq: number | undefined;
  readonly bytes: Bytes | undefined;
  /** What the sender has received in order. */
  readonly acknowledges: number;
}

/** What one end sends. */
interface Direction {
  unacknowledged: Bytes[];
  firstSeq: number;
  air: Packet[];
  /** Packets are dropped. */
  cut: boolean;
  retransmissions: number;
  /** At the receiver: what came ahead of its turn, and what waits to be taken. */
  readonly early: Map<number, Bytes>;
  nextSeq: number;
  readonly arrived: Bytes[];
}

export type End = 0 | 1;

export interface WireFaults {
  readonly drop: number;
  readonly duplicate: number;
}

export interface SimulatedWire<Owner> {
  readonly id: LinkId;
  readonly ends: readonly [Owner, Owner];
  readonly open: readonly [boolean, boolean];
  /** @returns whether the sender has room for more */
  send(end: End, bytes: Bytes): boolean;
  /** False from the `send` that said so until the end is told that it is writable. */
  hasRoom(end: End): boolean;
  /** The end closes or dies; the other learns of it later. */
  close(end: End): void;
  /** Cuts what `end` sends. */
  cut(end: End): void;
  heal(): void;
  /** What the receiver at `end` may take next. */
  readonly arrived: readonly [readonly Bytes[], readonly Bytes[]];
  take(end: End): Bytes;
  /** What the network does next, in no order. The callbacks are told when an end gives up and when it has room again. */
  due(on: { readonly lost: (end: End) => void; readonly writable: (end: End) => void }): (() => void)[];
  /** Messages that wait at the sender or in the receiver, at most so far. */
  readonly mostHeld: number;
}

/** The association fails. RFC 9260 says ten; fewer make it happen within a history. */
const maxRetransmissions = 4;

const other = (end: End): End => (end === 0 ? 1 : 0);

/** @param windowMessages - sent and not acknowledged; more are taken, but the sender is told to stop */
export const createSimulatedWire = <Owner>(options: {
  readonly id: LinkId;
  readonly ends: readonly [Owner, Owner];
  readonly windowMessages: number;
  readonly faults: WireFaults;
  readonly unit: () => number;
}): SimulatedWire<Owner> => {
  const { id, ends, windowMessages, unit } = options;
  let { faults } = options;
  const open: [boolean, boolean] = [true, true];
  const stopped: [boolean, boolean] = [false, false];
  let mostHeld = 0;
  const createDirection = (): Direction => ({
    unacknowledged: [],
    firstSeq: 0,
    air: [],
    cut: false,
    retransmissions: 0,
    early: new Map(),
    nextSeq: 0,
    arrived: [],
  });
  /** By sending end. */
  const directions: readonly [Direction, Direction] = [createDirection(), createDirection()];

  const packetsOf = (end: End): Packet[] => {
    const { unacknowledged, firstSeq } = directions[end];
    const acknowledges = directions[other(end)].nextSeq;
    return unacknowledged.map((bytes, index) => ({ seq: firstSeq + index, bytes, acknowledges }));
  };

  const arrive = (end: End, packet: Packet, writable: (end: End) => void): void => {
    const receiver = other(end);
    if (directions[end].cut || unit() < faults.drop || !open[receiver]) return;
    acknowledge(receiver, packet.acknowledges, writable);
    if (packet.seq === undefined || packet.bytes === undefined) return;
    const direction = directions[end];
    if (packet.seq >= direction.nextSeq) direction.early.set(packet.seq, packet.bytes);
    for (let next = direction.early.get(direction.nextSeq); next !== undefined;) {
      direction.early.delete(direction.nextSeq);
      direction.nextSeq += 1;
      direction.arrived.push(next);
      next = direction.early.get(direction.nextSeq);
    }
    note();
    // An acknowledgement of its own; it may get lost as well.
    directions[receiver].air.push({ seq: undefined, bytes: undefined, acknowledges: direction.nextSeq });
  };

  const acknowledge = (sender: End, upTo: number, writable: (end: End) => void): void => {
    const direction = directions[sender];
    const count = upTo - direction.firstSeq;
    if (count <= 0) return;
    direction.unacknowledged.splice(0, count);
    direction.firstSeq = upTo;
    direction.retransmissions = 0;
    if (!stopped[sender] || direction.unacknowledged.length >= windowMessages) return;
    stopped[sender] = false;
    if (open[sender]) writable(sender);
  };

  const note = (): void => {
    for (const { unacknowledged, arrived } of directions) {
      mostHeld = Math.max(mostHeld, unacknowledged.length, arrived.length);
    }
  };

  return {
    id,
    ends,
    open,
    arrived: [directions[1].arrived, directions[0].arrived],
    get mostHeld() {
      return mostHeld;
    },
    send: (end, bytes) => {
      if (!open[end]) return true;
      const direction = directions[end];
      direction.unacknowledged.push(bytes);
      direction.air.push(packetsOf(end).at(-1) as Packet);
      note();
      if (direction.unacknowledged.length < windowMessages) return true;
      stopped[end] = true;
      return false;
    },
    hasRoom: (end) => !stopped[end],
    close: (end) => {
      open[end] = false;
      directions[end].unacknowledged.length = 0;
      directions[other(end)].arrived.length = 0;
      directions[other(end)].early.clear();
    },
    cut: (end) => {
      directions[end].cut = true;
    },
    heal: () => {
      for (const direction of directions) direction.cut = false;
      faults = { drop: 0, duplicate: 0 };
    },
    take: (end) => directions[other(end)].arrived.shift() as Bytes,
    due: ({ lost, writable }) => {
      const events: (() => void)[] = [];
      for (const end of [0, 1] as const) {
        const direction = directions[end];
        if (direction.air.length > 0) {
          events.push(() => {
            const index = Math.floor(unit() * direction.air.length);
            const packet = direction.air[index] as Packet;
            if (unit() >= faults.duplicate) direction.air.splice(index, 1);
            arrive(end, packet, writable);
          });
        } else if (open[end] && direction.unacknowledged.length > 0 && directions[other(end)].air.length === 0) {
          // Time to send again is longer than a way there and back.
          events.push(() => {
            direction.retransmissions += 1;
            if (direction.retransmissions > maxRetransmissions) return lost(end);
            direction.air.push(...packetsOf(end));
          });
        }
        if (open[end] && !open[other(end)]) events.push(() => lost(end));
      }
      return events;
    },
  };
};
