/**
 * A meeting point in memory, for tests and for several replicas in one process: the port's promises without a network,
 * with switches for what goes wrong on one. Everything is delivered later, in order, never inside the call that sent it.
 */

import { bytesToBase64url } from "../common/base64url.ts";
import { createEmitter } from "../common/emitter.ts";
import { LedgerError } from "../common/errors.ts";
import type { MemberId, RoomId } from "../common/ids.ts";
import { createSystemRandom, type Random } from "../common/random.ts";
import { maxPayloadBytes, type Signaling, type SignalingEvents } from "./signaling.ts";

export interface MemoryMeetingPoint {
  /** Joins as soon as the meeting point is up; listeners attached in the same turn miss nothing. */
  join(roomId: RoomId): Signaling;
  /** As if the server's process ended: everyone hears `lost`, and `failed` from now on. Idempotent. */
  takeDown(): void;
  /** Everyone who has not closed joins again under a new member id. Idempotent. */
  bringUp(): void;
  /** As if this member's network were unplugged: it hears and says nothing more, and nobody is told. */
  silence(signaling: Signaling): void;
  /** Cuts this member's connection, silenced or not, so that both ends notice; it joins again under a new member id. */
  cut(signaling: Signaling): void;
}

export interface MemoryMeetingPointOptions {
  /** Makes member ids. Default: the platform's. */
  readonly random?: Random;
  /** Runs `deliver` soon, in the order asked for. Default: queueMicrotask; a simulation passes its own queue. */
  readonly later?: (deliver: () => void) => void;
  readonly onListenerError?: (error: unknown) => void;
  /**
   * Bytes that each member may relay at a time; they come back as soon as they have been delivered. Default 0: does not
   * relay.
   */
  readonly relayCreditBytes?: number;
}

interface Member {
  readonly emit: <K extends keyof SignalingEvents>(event: K, ...args: SignalingEvents[K]) => void;
  readonly roomId: RoomId;
  state: "outside" | "joined" | "silent" | "closed";
  self: MemberId;
  attempt: number;
  relayCredit: number;
  /** Was refused credit, and waits to hear of more. */
  wantsCredit: boolean;
}

export const createMemoryMeetingPoint = (options: MemoryMeetingPointOptions = {}): MemoryMeetingPoint => {
  const { random = createSystemRandom(), later = queueMicrotask, onListenerError = reportLater } = options;
  const { relayCreditBytes = 0 } = options;
  const members = new Set<Member>();
  const memberBySignaling = new WeakMap<Signaling, Member>();
  let up = true;

  const othersInRoomOf = (member: Member): Member[] =>
    [...members].filter(
      (other) =>
        other !== member && other.roomId === member.roomId && (other.state === "joined" || other.state === "silent"),
    );

  /** Delivers to the connection that `member` has now; one that has ended by then hears nothing. */
  const tell = <K extends keyof SignalingEvents>(member: Member, event: K, ...args: SignalingEvents[K]): void => {
    const { self } = member;
    later(() => {
      if (member.state === "joined" && member.self === self) member.emit(event, ...args);
    });
  };

  const enter = (member: Member): void => {
    if (member.state !== "outside" || !up) return;
    member.state = "joined";
    member.self = bytesToBase64url(random.bytes(16)) as MemberId;
    member.attempt = 0;
    member.relayCredit = relayCreditBytes;
    const others = othersInRoomOf(member);
    tell(
      member,
      "joined",
      member.self,
      others.map((other) => other.self),
    );
    for (const other of others) tell(other, "member-joined", member.self);
  };

  const exit = (member: Member, state: "outside" | "closed"): void => {
    const wasInside = member.state === "joined" || member.state === "silent";
    member.state = state;
    if (!wasInside) return;
    for (const other of othersInRoomOf(member)) tell(other, "member-left", member.self);
  };

  const lose = (member: Member): void => {
    exit(member, "outside");
    member.attempt = 1;
    later(() => {
      if (member.state === "closed") return;
      member.emit("lost");
      member.emit("reconnecting", member.attempt, 0);
    });
  };

  const tryToEnter = (member: Member): void => {
    if (up) return enter(member);
    if (member.state !== "outside") return;
    member.attempt += 1;
    member.emit("failed", new LedgerError("LEDGER_SIGNALING_UNREACHABLE", "the meeting point is down"));
    member.emit("reconnecting", member.attempt, 0);
  };

  const relay = (member: Member, to: MemberId, payload: Uint8Array): boolean => {
    member.wantsCredit = payload.length > member.relayCredit;
    if (member.wantsCredit) return false;
    member.relayCredit -= payload.length;
    const receiver = othersInRoomOf(member).find((other) => other.self === to);
    if (receiver !== undefined) tell(receiver, "relayed", member.self, payload.slice());
    const { self } = member;
    later(() => {
      if (member.state !== "joined" || member.self !== self) return;
      member.relayCredit += payload.length;
      if (member.wantsCredit) member.emit("relay-credit");
    });
    return true;
  };

  return {
    join: (roomId) => {
      const events = createEmitter<SignalingEvents>(onListenerError);
      const member: Member = {
        emit: events.emit,
        roomId,
        state: "outside",
        self: "" as MemberId,
        attempt: 0,
        relayCredit: 0,
        wantsCredit: false,
      };
      const signaling: Signaling = {
        get connected() {
          return member.state === "joined" || member.state === "silent";
        },
        renewIceServers: () => {}, // It has none.
        send: (to, payload) => {
          if (payload.length > maxPayloadBytes) throw new RangeError(`a payload has at most ${maxPayloadBytes} bytes`);
          if (member.state !== "joined") return;
          const receiver = othersInRoomOf(member).find((other) => other.self === to);
          // A copy: the sender may go on using its buffer.
          if (receiver !== undefined) tell(receiver, "message", member.self, payload.slice());
        },
        get relays() {
          return relayCreditBytes > 0 && (member.state === "joined" || member.state === "silent");
        },
        relay: (to, payload) => {
          if (payload.length > maxPayloadBytes) throw new RangeError(`a payload has at most ${maxPayloadBytes} bytes`);
          // One that was silenced has not noticed yet.
          return member.state === "silent" || (member.state === "joined" && relay(member, to, payload));
        },
        on: (event, listener) => events.on(event, listener),
        close: () => {
          events.clear();
          exit(member, "closed");
          members.delete(member);
        },
      };
      members.add(member);
      memberBySignaling.set(signaling, member);
      later(() => tryToEnter(member));
      return signaling;
    },
    takeDown: () => {
      if (!up) return;
      up = false;
      const inside = [...members].filter((member) => member.state === "joined" || member.state === "silent");
      // All at once: a server that dies tells nobody that the others left.
      for (const member of inside) member.state = "outside";
      for (const member of inside) lose(member);
    },
    bringUp: () => {
      if (up) return;
      up = true;
      for (const member of members) later(() => enter(member));
    },
    silence: (signaling) => {
      const member = memberBySignaling.get(signaling);
      if (member?.state === "joined") member.state = "silent";
    },
    cut: (signaling) => {
      const member = memberBySignaling.get(signaling);
      if (member?.state !== "joined" && member?.state !== "silent") return;
      lose(member);
      later(() => enter(member));
    },
  };
};

/** A listener's exception is a bug of the test: let it fail there. */
const reportLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });
