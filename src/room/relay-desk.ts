/**
 * Where the relayed channels of one room share the signaling connection: each frame begins with the 16 bytes of the
 * attempt it belongs to. Channels take turns, frame by frame, as far as the meeting point's credit goes.
 */

import { base64urlToBytes, bytesToBase64url } from "../common/base64url.ts";
import type { MemberId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { ConnectionId } from "../security/sealed-envelope.ts";
import type { Signaling } from "../signaling/signaling.ts";
import type { RelayCarrier } from "../transport/relay-channel.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface RelayDesk {
  /** A carrier for the attempt `conn` with `to`, which must use the same. */
  open(to: MemberId, conn: ConnectionId): RelayCarrier;
  /** Resolves when no channel is open any more and everything has left. */
  idle(): Promise<void>;
  readonly isIdle: boolean;
}

interface Slot {
  readonly to: MemberId;
  readonly queue: Bytes[];
  /** What came before anyone listened. */
  readonly early: Bytes[];
  isOpen: boolean;
  listener: { readonly onRecord: (record: Bytes) => void; readonly onEnd: (reason: string) => void } | undefined;
}

const connBytes = 16;

/** A handshake's messages, should they come before the keys are there. */
const maxEarlyRecords = 16;

export const createRelayDesk = (signaling: Signaling, logger: Logger): RelayDesk => {
  /** In the order of their turns: who has sent goes to the end. */
  const slotByKey = new Map<string, Slot>();
  const idlers: (() => void)[] = [];

  const keyOf = (member: MemberId, conn: string): string => `${member} ${conn}`;

  const remove = (key: string): void => {
    slotByKey.delete(key);
    if (slotByKey.size === 0) for (const tell of idlers.splice(0)) tell();
  };

  /** Whose turn it is of those who have something to send. */
  const nextUp = (): readonly [key: string, slot: Slot, frame: Bytes] | undefined => {
    for (const [key, slot] of slotByKey) {
      const [frame] = slot.queue;
      if (frame !== undefined) return [key, slot, frame];
    }
    return undefined;
  };

  const pump = (): void => {
    for (let next = nextUp(); next !== undefined; next = nextUp()) {
      const [key, slot, frame] = next;
      if (!signaling.relay(slot.to, frame)) return;
      slot.queue.shift();
      slotByKey.delete(key);
      if (slot.isOpen || slot.queue.length > 0) slotByKey.set(key, slot);
      else remove(key);
    }
  };

  const endAll = (reason: string, isConcerned: (slot: Slot) => boolean): void => {
    for (const [key, slot] of [...slotByKey]) {
      if (!isConcerned(slot)) continue;
      slot.isOpen = false;
      remove(key);
      slot.listener?.onEnd(reason);
    }
  };

  signaling.on("relayed", (from, payload) => {
    const slot = slotByKey.get(keyOf(from, bytesToBase64url(payload.subarray(0, connBytes))));
    // Of a channel that is over, or that never was.
    if (slot === undefined || !slot.isOpen) return;
    const record = payload.subarray(connBytes);
    if (slot.listener !== undefined) return slot.listener.onRecord(record);
    if (slot.early.length < maxEarlyRecords) slot.early.push(record);
    else logger.warn("a relayed record came too early");
  });
  signaling.on("relay-credit", pump);
  signaling.on("relay-over", () => endAll("RELAY_OVER", () => true));
  signaling.on("lost", () => endAll("RELAY_LOST", () => true));
  signaling.on("member-left", (member) => endAll("RELAY_PEER_LEFT", ({ to }) => to === member));

  return {
    open: (to, conn) => {
      const key = keyOf(to, conn);
      const decoded = base64urlToBytes(conn);
      const prefix = decoded.ok ? decoded.value : new Uint8Array(connBytes);
      const slot: Slot = { to, queue: [], early: [], isOpen: true, listener: undefined };
      slotByKey.set(key, slot);
      return {
        send: (record) => {
          if (slotByKey.get(key) !== slot) return;
          const frame = new Uint8Array(connBytes + record.length);
          frame.set(prefix);
          frame.set(record, connBytes);
          slot.queue.push(frame);
          pump();
        },
        listen: (onRecord, onEnd) => {
          if (!slot.isOpen) return onEnd("RELAY_LOST");
          slot.listener = { onRecord, onEnd };
          for (const record of slot.early.splice(0)) onRecord(record);
        },
        close: () => {
          slot.isOpen = false;
          slot.listener = undefined;
          if (slotByKey.get(key) === slot && slot.queue.length === 0) remove(key);
        },
      };
    },
    idle: () => (slotByKey.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
    get isIdle() {
      return slotByKey.size === 0;
    },
  };
};
