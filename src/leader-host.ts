/** The Host of a tab that leads, and of Node: owns the replica and, between connect and disconnect, the room. */

import type { PeerStatus } from "./api.ts";
import type { Clock } from "./common/clock.ts";
import { createEmitter } from "./common/emitter.ts";
import { LedgerError, toLedgerError } from "./common/errors.ts";
import type { LinkId } from "./common/ids.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import { createEphemeralHub } from "./ephemeral/hub.ts";
import type { Host, HostEvent, HostSnapshot } from "./host.ts";
import type { Network } from "./network.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Replica } from "./replica.ts";
import { joinRoom, type Room } from "./room/room.ts";
import type { RoomKeys } from "./security/room-keys.ts";

export interface LeaderHostOptions {
  readonly replica: Replica;
  readonly network: Network;
  readonly deriveKeys: (token: string) => Promise<RoomKeys>;
  /** Resolves with whether no keys of `token` are kept any more. */
  readonly forgetKeys: (token: string) => Promise<boolean>;
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A connect() that was not called off: which room, and what waits for it. */
interface Membership {
  readonly url: string;
  readonly token: string;
  room: Room | undefined;
  /** The room was left only to come back under another id. */
  isEnteringAnew: boolean;
  signaling: "connecting" | "connected" | "reconnecting";
  /** Settles the promise of connect(); undefined once settled. */
  settle: { readonly resolve: () => void; readonly reject: (error: LedgerError) => void } | undefined;
}

/** In a larger room a newcomer links to some of the others only. */
const mostExpected = 8;

export const createLeaderHost = ({
  replica,
  network,
  deriveKeys,
  forgetKeys,
  options,
  clock,
  random,
  logger,
}: LeaderHostOptions): Host => {
  let membership: Membership | undefined;
  let closing: Promise<void> | undefined;
  let nextLinkId = 1;
  /** Rooms being entered, called off or not: each may still put keys into the cache. */
  const entering = new Set<Promise<void>>();
  const emitter = createEmitter<{ event: readonly [HostEvent]; snapshot: readonly [HostSnapshot] }>((error) =>
    logger.error("a host listener threw", { error: String(error) }),
  );

  const peers = (): readonly PeerStatus[] => {
    const progressByPeer = new Map(replica.progress.map((entry) => [entry.peerId, entry]));
    return (membership?.room?.peers() ?? []).map((peer) => {
      const progress = peer.state === "ready" ? progressByPeer.get(peer.peerId) : undefined;
      return {
        ...peer,
        ...(peer.state === "ready" ? { pending: progress?.pending ?? { changes: 1, bytes: 0 } } : {}),
        digest: progress?.digest ?? "unknown",
        ...(progress?.schema === undefined ? {} : { schema: progress.schema }),
        ...(progress?.lastSyncAt === undefined ? {} : { lastSyncAt: progress.lastSyncAt }),
      };
    });
  };

  const look = (): HostSnapshot => ({
    storage: replica.storage,
    role: "leader",
    leader: "responding",
    nodeId: replica.siteId,
    version: replica.version,
    signaling: membership?.signaling ?? "off",
    ...(membership?.room === undefined ? {} : { signalingDrops: membership.room.drops }),
    peers: peers(),
  });
  let snapshot = look();
  let snapshotText = JSON.stringify(snapshot);

  const refresh = (): void => {
    const next = look();
    const text = JSON.stringify(next);
    if (text === snapshotText) return;
    snapshot = next;
    snapshotText = text;
    emitter.emit("snapshot", snapshot);
  };

  const tell = (event: HostEvent): void => {
    refresh();
    emitter.emit("event", event);
  };

  replica.on("commit", ({ tables, origin }) => {
    const change =
      origin.type === "remote" ? { origin: "remote" as const, peerId: origin.peerId } : { origin: "local" as const };
    tell({ name: "change", args: [{ tables, ...change }] });
  });
  replica.on("conflict", (conflict) => tell({ name: "conflict", args: [conflict] }));
  replica.on("rows", (changes) => tell({ name: "rows", args: [changes] }));
  replica.on("reset", () => tell({ name: "reset", args: [] }));
  replica.on("sync", (count, peer) => tell({ name: "sync", args: [count, peer] }));
  replica.on("progress", refresh);
  replica.on("schema-ahead", (peer) => tell({ name: "schema-ahead", args: [peer] }));
  replica.on("diverged", (peer) => tell({ name: "diverged", args: [peer] }));
  replica.on("error", (error) => tell({ name: "error", args: [error] }));

  const hub = createEphemeralHub({
    siteId: () => replica.siteId,
    clock,
    logger,
    tell: (news) => tell({ name: "ephemeral", args: [news] }),
    onFault: (peer, rule) => {
      const message = `peer ${peer} broke the protocol: NOTE_MALFORMED ${rule}`;
      tell({ name: "error", args: [new LedgerError("LEDGER_PEER_FAULT", message)] });
    },
  });

  const closedError = (): LedgerError =>
    new LedgerError(
      "LEDGER_DISCONNECTED",
      "disconnect(), close() or another connect() came before the room was joined",
    );

  const watch = (room: Room, own: Membership): void => {
    room.on("peer-join", (peer) => {
      if (room.peers().length <= mostExpected) replica.expect(peer);
      tell({ name: "peer-join", args: [peer] });
    });
    room.on("peer-ready", (peer) => tell({ name: "peer-ready", args: [peer] }));
    room.on("peer-leave", (peer) => tell({ name: "peer-leave", args: [peer] }));
    room.on("dropped", refresh);
    room.on("route", (peer, route) => tell({ name: "route", args: [peer, route] }));
    room.on("error", (error) => tell({ name: "error", args: [error] }));
    room.on("clash", (yields) => {
      if (yields) return void replica.renewIdentity();
      const message = "another live replica has this one's id, as after copying a database; that one takes a new id";
      tell({ name: "error", args: [new LedgerError("LEDGER_IDENTITY_CLASH", message)] });
    });
    room.on("joined", (again) => {
      const isReturn = again || own.isEnteringAnew;
      own.isEnteringAnew = false;
      own.signaling = "connected";
      tell({ name: isReturn ? "reconnected" : "connected", args: [] });
      own.settle?.resolve();
      own.settle = undefined;
    });
    room.on("lost", () => {
      own.signaling = "reconnecting";
      tell({ name: "disconnected", args: [] });
    });
    room.on("reconnecting", (attempt) => {
      own.signaling = "reconnecting";
      tell({ name: "reconnecting", args: [attempt] });
    });
    room.on("failed", (error) => {
      // The first failure is for whoever awaits connect(); later ones for whoever listens.
      if (own.settle === undefined) return tell({ name: "error", args: [error] });
      own.settle.reject(error);
      own.settle = undefined;
    });
  };

  /** The room knows this replica by its id: in again, as another. */
  const enterAnew = (): void => {
    const own = membership;
    if (own?.room === undefined) return refresh();
    const wasConnected = own.signaling === "connected";
    own.room.close();
    own.isEnteringAnew = wasConnected;
    if (wasConnected) {
      own.signaling = "reconnecting";
      tell({ name: "disconnected", args: [] });
    }
    if (membership !== own) return;
    enter(own).catch((error: unknown) => tell({ name: "error", args: [toLedgerError(error)] }));
  };
  replica.on("identity", () => {
    hub.identityChanged();
    enterAnew();
  });

  const leave = (): void => {
    const left = membership;
    if (left === undefined) return;
    membership = undefined;
    const wasConnected = left.signaling === "connected";
    left.room?.close();
    left.settle?.reject(closedError());
    if (wasConnected) tell({ name: "disconnected", args: [] });
    else refresh();
  };

  const enter = async (own: Membership): Promise<void> => {
    const { url, token } = own;
    const keys = await deriveKeys(token);
    if (membership !== own) return;
    const room = joinRoom({
      ...options,
      url,
      keys,
      self: { siteId: replica.siteId, epoch: replica.epoch },
      network,
      clock,
      random,
      logger,
      nextLinkId: () => nextLinkId++ as LinkId,
      onLink: (link) => {
        replica.attach(link);
        hub.attach(link);
      },
    });
    own.room = room;
    watch(room, own);
    refresh();
  };

  return {
    get snapshot() {
      refresh();
      return snapshot;
    },
    get token() {
      return membership?.token;
    },
    call: async (call) => {
      const answer = await replica.call(call);
      // Of all that a snapshot shows this alone changes by calls without being told.
      if (replica.version !== snapshot.version) refresh();
      return answer;
    },
    connect: (url, token) => {
      leave();
      return new Promise<void>((resolve, reject) => {
        const own: Membership = {
          url,
          token,
          room: undefined,
          isEnteringAnew: false,
          signaling: "connecting",
          settle: { resolve, reject },
        };
        membership = own;
        refresh();
        const entered = enter(own).catch((error: unknown) => {
          if (membership === own) membership = undefined;
          own.settle = undefined;
          reject(toLedgerError(error));
          refresh();
        });
        entering.add(entered);
        void entered.then(() => entering.delete(entered));
      });
    },
    disconnect: () => {
      leave();
      return Promise.resolve();
    },
    forgetRoom: async (token) => {
      if (membership?.token === token) leave();
      await Promise.all(entering);
      if (await forgetKeys(token)) return;
      throw new LedgerError(
        "LEDGER_STORAGE_UNAVAILABLE",
        "the room was left, but its keys may still be in this browser; call forgetRoom() again, or clear the site's data",
      );
    },
    ephemeral: async (request) => hub.serve(request),
    onEvent: (listener) => emitter.on("event", listener),
    onReopened: () => () => {}, // The replica is one for as long as this host lives.
    onSnapshot: (listener) => emitter.on("snapshot", listener),
    close: () => {
      closing ??= (async () => {
        leave();
        hub.close();
        await replica.close();
      })();
      return closing;
    },
  };
};
