/**
 * What members of a room tell each other through the meeting point, sealed: who they are, and what it takes to open a
 * channel. Wraps one Signaling; speaks of members, not of links.
 */

import { createEmitter, type Unsubscribe } from "../common/emitter.ts";
import {
  bytesToHex,
  bytesToSiteId,
  hexToBytes,
  siteIdToBytes,
  type Epoch,
  type MemberId,
  type SiteId,
} from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { utf8 } from "../common/utf8.ts";
import { createReplayGuard } from "../security/replay-guard.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import {
  createConnectionId,
  createSealer,
  maxBodyBytes,
  type ConnectionId,
  type Sealer,
} from "../security/sealed-envelope.ts";
import type { Signaling } from "../signaling/signaling.ts";

/** Types of sealed bodies. */
const types = { announce: 1, signal: 2, decline: 3, relay: 4 } as const;

/** By which way an attempt wants to open its channel. */
export type Way = "direct" | "relay";

/** A member says who it is. */
export interface Announcement {
  readonly siteId: SiteId;
  readonly epoch: Epoch;
  /** The member does not know yet who we are. */
  readonly asks: boolean;
}

/** What was thrown away, by reason; see SignalingDrops in api.ts. */
export type DropReason = "forged" | "malformed" | "replayed" | "reflected";

export interface RoomMailEvents {
  announced: readonly [from: MemberId, announcement: Announcement];
  /** A description for the channel attempt `conn`. */
  signal: readonly [from: MemberId, conn: ConnectionId, way: Way, description: string];
  /** The attempt `conn` will not be answered. */
  declined: readonly [from: MemberId, conn: ConnectionId];
  /** Mail was dropped. Not told of each: of the 1st, 2nd, 4th, 8th … of a reason, so that a flood makes no flood. */
  dropped: readonly [reason: DropReason];
}

/** Nothing is delivered of a member that has left. */
export interface RoomMail {
  readonly drops: Readonly<Record<DropReason, number>>;
  announce(to: MemberId, asks: boolean): void;
  signal(to: MemberId, conn: ConnectionId, way: Way, description: string): void;
  decline(to: MemberId, conn: ConnectionId): void;
  on<K extends keyof RoomMailEvents>(event: K, listener: (...args: RoomMailEvents[K]) => void): Unsubscribe;
  close(): void;
}

const announcementBytes = 33;

/** Attempts whose sequence numbers are remembered; far more than can be under way. */
const maxConnections = 256;

export const createRoomMail = (options: {
  readonly signaling: Signaling;
  readonly keys: RoomKeys;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly random: Random;
  readonly logger: Logger;
}): RoomMail => {
  const { signaling, keys, self, random, logger } = options;
  const guard = createReplayGuard();
  const announcements = createConnectionId(random);
  const seqByConnection = new Map<ConnectionId, number>();
  const drops: Record<DropReason, number> = { forged: 0, malformed: 0, replayed: 0, reflected: 0 };
  let sealer: { readonly member: MemberId; readonly sealer: Sealer } | undefined;
  /** Those that left while mail was being opened: it takes a moment, and the dead must not seem to speak. */
  const gone = new Set<MemberId>();
  let opening = 0;
  const emitter = createEmitter<RoomMailEvents>((error) =>
    logger.error("a mail listener threw", { error: String(error) }),
  );

  /** Keeps the newest attempts, and always the announcements. */
  const forgetOldest = (): void => {
    if (seqByConnection.size <= maxConnections) return;
    for (const conn of seqByConnection.keys()) {
      if (conn === announcements) continue;
      seqByConnection.delete(conn);
      return;
    }
  };

  const post = (to: MemberId, conn: ConnectionId, type: number, body: Uint8Array): void => {
    if (sealer === undefined) return;
    if (body.length > maxBodyBytes) return logger.warn("a signal is too long to be sent", { bytes: body.length });
    const seq = seqByConnection.get(conn) ?? 0;
    seqByConnection.delete(conn);
    seqByConnection.set(conn, seq + 1);
    forgetOldest();
    sealer.sealer.seal(to, conn, seq, type, body).then(
      (payload) => signaling.send(to, payload),
      (error: unknown) => logger.error("sealing failed", { error: String(error) }),
    );
  };

  const drop = (reason: DropReason): void => {
    const count = (drops[reason] += 1);
    if (!Number.isInteger(Math.log2(count))) return;
    logger.warn("dropped mail", { reason, count });
    emitter.emit("dropped", reason);
  };

  const deliver = (from: MemberId, conn: ConnectionId, type: number, body: Uint8Array): void => {
    switch (type) {
      case types.announce: {
        const asks = body[32];
        if (body.length !== announcementBytes || asks === undefined || asks > 1) return drop("malformed");
        const siteId = bytesToSiteId(body.subarray(0, 16));
        const epoch = bytesToHex(body.subarray(16, 32)) as Epoch;
        return emitter.emit("announced", from, { siteId, epoch, asks: asks === 1 });
      }
      case types.signal:
      case types.relay: {
        const description = utf8.decode(body);
        if (description === undefined) return drop("malformed");
        return emitter.emit("signal", from, conn, type === types.relay ? "relay" : "direct", description);
      }
      case types.decline:
        return emitter.emit("declined", from, conn);
      default:
        return drop("malformed");
    }
  };

  const receive = async (from: MemberId, payload: Uint8Array): Promise<void> => {
    const opener = sealer;
    if (opener === undefined) return;
    if (from === opener.member) return drop("reflected");
    opening += 1;
    const opened = await opener.sealer.open(from, payload);
    opening -= 1;
    const isGone = gone.has(from);
    if (opening === 0) gone.clear();
    if (isGone) return;
    if (!opened.ok) return drop(opened.error === "FORGED" ? "forged" : "malformed");
    const { conn, seq, type, body } = opened.value;
    const admitted = guard.admit({ self: opener.member, from, conn, seq });
    if (!admitted.ok) return drop(admitted.error === "REPLAYED" ? "replayed" : "reflected");
    if (opener === sealer) deliver(from, conn, type, body);
  };

  const offs = [
    signaling.on("joined", (member) => {
      sealer = { member, sealer: createSealer({ keys, self: member, random }) };
    }),
    signaling.on("lost", () => {
      sealer = undefined;
    }),
    signaling.on("member-left", (member) => {
      if (opening > 0) gone.add(member);
    }),
    signaling.on("message", (from, payload) => void receive(from, payload)),
  ];

  return {
    get drops() {
      return { ...drops };
    },
    announce: (to, asks) => {
      const body = new Uint8Array(announcementBytes);
      body.set(siteIdToBytes(self.siteId));
      body.set(hexToBytes(self.epoch), 16);
      body[32] = asks ? 1 : 0;
      post(to, announcements, types.announce, body);
    },
    signal: (to, conn, way, description) =>
      post(to, conn, way === "relay" ? types.relay : types.signal, utf8.encode(description)),
    decline: (to, conn) => post(to, conn, types.decline, new Uint8Array(0)),
    on: emitter.on,
    close: () => {
      for (const off of offs) off();
      emitter.clear();
      sealer = undefined;
    },
  };
};
