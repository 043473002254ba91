/** Counts what goes over links, and over how many of them a write goes. Listens only. */

import { createFrameJoiner } from "../../src/message-frames.ts";
import { decodeMessage } from "../../src/replication/codec.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";
import type { Message } from "../../src/replication/message.ts";
import type { Link } from "../../src/transport/link.ts";

/** What arrived over all links, both ways. */
export interface Traffic {
  readonly messages: number;
  readonly messagesWithRows: number;
  readonly rowsSent: number;
  /** Rows that changed something where they came. */
  readonly rowsEffective: number;
  /** Of the messages with rows, as far as they fit into one frame. */
  readonly bytesWithRows: number;
  /** Of frames; what DTLS, SCTP and flow control add is not counted. */
  readonly bytes: number;
  /** Links that the newest write crossed until it was where it came last, counted along the way that it took. */
  readonly hops: number;
}

export interface TrafficMeter {
  readonly traffic: Traffic;
  /** Frames that were sent and have not arrived. */
  readonly inFlight: number;
  /** The link over which replica `own` hears replica `peer`, with an ear on it. */
  tap(link: Link, own: number, peer: number): Link;
  /** Rows had an effect somewhere. */
  addEffective(rows: number): void;
  /** Counts from zero. */
  restart(): void;
  /** A write begins its way at `replica`. */
  restartHops(replica: number): void;
}

const nothing: Traffic = {
  messages: 0,
  messagesWithRows: 0,
  rowsSent: 0,
  rowsEffective: 0,
  bytesWithRows: 0,
  bytes: 0,
  hops: 0,
};

export const createTrafficMeter = (): TrafficMeter => {
  let traffic = nothing;
  let inFlight = 0;
  const hopsByReplica = new Map<number, number>();

  const hear = (message: Message, bytes: number, own: number, peer: number): void => {
    traffic = { ...traffic, messages: traffic.messages + 1 };
    if (message.type !== "changes" || message.groups.length === 0) return;
    const rows = message.groups.reduce((sum, group) => sum + group.changes.length, 0);
    if (!hopsByReplica.has(own)) hopsByReplica.set(own, (hopsByReplica.get(peer) ?? 0) + 1);
    traffic = {
      ...traffic,
      messagesWithRows: traffic.messagesWithRows + 1,
      rowsSent: traffic.rowsSent + rows,
      bytesWithRows: traffic.bytesWithRows + bytes,
      hops: Math.max(traffic.hops, hopsByReplica.get(own) as number),
    };
  };

  const tap = (link: Link, own: number, peer: number): Link => {
    const joiner = createFrameJoiner(defaultReplicationLimits.maxMessageBytes);
    const listen = async (frame: Uint8Array<ArrayBuffer>): Promise<void> => {
      inFlight -= 1;
      traffic = { ...traffic, bytes: traffic.bytes + frame.length };
      const joined = await joiner.add(frame.slice());
      if (!joined.ok || joined.value === undefined) return;
      const decoded = decodeMessage(joined.value, defaultReplicationLimits);
      if (decoded.ok) hear(decoded.value, frame.length, own, peer);
    };
    return {
      id: link.id,
      peer: link.peer,
      get route() {
        return link.route;
      },
      get pendingBytes() {
        return link.pendingBytes;
      },
      get roundTripMs() {
        return link.roundTripMs;
      },
      send: (frame) => {
        inFlight += 1;
        return link.send(frame);
      },
      probe: (timeoutMs) => link.probe(timeoutMs),
      on: (event, listener) => {
        if (event !== "frame") return link.on(event, listener);
        const onFrame = listener as unknown as (frame: Uint8Array<ArrayBuffer>, consumed: () => void) => void;
        return link.on("frame", (frame, consumed) => {
          void listen(frame);
          onFrame(frame, consumed);
        });
      },
      close: (reason) => link.close(reason),
    };
  };

  return {
    get traffic() {
      return traffic;
    },
    get inFlight() {
      return inFlight;
    },
    tap,
    addEffective: (rows) => {
      traffic = { ...traffic, rowsEffective: traffic.rowsEffective + rows };
    },
    restart: () => {
      traffic = nothing;
    },
    restartHops: (replica) => {
      hopsByReplica.clear();
      hopsByReplica.set(replica, 0);
    },
  };
};
