/** The Network of tests and of several replicas in one process: rooms and channels in memory, no server, no WebRTC. */

import { LedgerError } from "./common/errors.ts";
import type { Network } from "./network.ts";
import { createMemoryMeetingPoint, type MemoryMeetingPoint } from "./signaling/memory-signaling.ts";
import type { Channel } from "./transport/channel.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./transport/memory-network.ts";

export interface TestNetworkOptions {
  /** Whether the stand-in of the signaling server relays, as one with `RELAY=1` does. Default false. */
  readonly relays?: boolean;
}

export interface TestNetwork extends Network {
  /** Takes the stand-in of the signaling server down and up. */
  readonly meetingPoint: MemoryMeetingPoint;
  /** Every channel made so far, with switches to cut and to crash. */
  readonly channels: MemoryNetwork;
  /** Whether direct channels come up from now on, as they do not behind some routers. At first they do. */
  allowDirect(isAllowed: boolean): void;
}

/** What a member of the stand-in may have on its way. */
const relayCreditBytes = 256 * 1024;

/**
 * Give the same one to every Ledger that shall meet, as option `network`; any `ws://` URL will do.
 * @param channels - for channels with latency, jitter or a bandwidth. Default: messages arrive on the next microtask
 */
export const createTestNetwork = (
  channels: MemoryNetwork = createMemoryNetwork(),
  { relays = false }: TestNetworkOptions = {},
): TestNetwork => {
  const meetingPoint = createMemoryMeetingPoint({ relayCreditBytes: relays ? relayCreditBytes : 0 });
  const offered = new Map<string, Channel>();
  let nextOffer = 1;
  let isDirectAllowed = true;

  return {
    meetingPoint,
    channels,
    allowDirect: (isAllowed) => {
      isDirectAllowed = isAllowed;
    },
    join: (_, roomId) => meetingPoint.join(roomId),
    openChannel: ({ initiator, onSignal }) => {
      let open: Channel | undefined;
      let closed = false;
      let resolve!: (channel: Channel) => void;
      let reject!: (error: Error) => void;
      const promise = new Promise<Channel>((onResolve, onReject) => {
        resolve = onResolve;
        reject = onReject;
      });
      promise.catch(() => {}); // An attempt that nobody awaits any more may still fail.
      const settle = (channel: Channel): void => {
        if (closed) return channel.close("ABANDONED");
        open = channel;
        resolve(channel);
      };

      let offer: string | undefined;
      if (!isDirectAllowed) {
        // Later, as everything that goes wrong on a network.
        queueMicrotask(() => reject(new Error("no direct channel comes up")));
      } else if (initiator) {
        offer = String(nextOffer);
        nextOffer += 1;
        const [own, theirs] = channels.createChannelPair();
        offered.set(offer, theirs);
        open = own;
        queueMicrotask(() => onSignal(`offer ${offer}`));
      }
      return {
        signal: (description) => {
          if (!isDirectAllowed) return;
          const [kind, id] = description.split(" ");
          if (kind === "answer" && open !== undefined) return settle(open);
          const channel = kind === "offer" && id !== undefined ? offered.get(id) : undefined;
          if (channel === undefined || id === undefined) return;
          offered.delete(id);
          onSignal(`answer ${id}`);
          settle(channel);
        },
        opened: promise,
        close: () => {
          closed = true;
          if (offer !== undefined) offered.delete(offer);
          open?.close("ABANDONED");
          reject(new LedgerError("LEDGER_DISCONNECTED", "the attempt was abandoned"));
        },
      };
    },
  };
};
