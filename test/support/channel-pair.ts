/**
 * Two channels that are each other's other end, with nothing kind about them: a message that nobody listens to is lost,
 * and so is a close event, as the port allows. Delivery is on a later turn, in order, many messages in one turn.
 */

import { createEmitter } from "../../src/common/emitter.ts";
import type { Channel, ChannelEvents } from "../../src/transport/channel.ts";

export interface ChannelPairOptions {
  /** Fingerprints as each end sees them; default: an honest WebRTC path. */
  readonly alice?: Channel["fingerprints"];
  readonly bob?: Channel["fingerprints"];
  readonly route?: Channel["route"];
}

export const aliceFingerprint = "sha-256 aa:01";
export const bobFingerprint = "sha-256 bb:02";

export const createChannelPair = (options: ChannelPairOptions = {}): { alice: Channel; bob: Channel } => {
  const ends = [createEnd(), createEnd()] as const;
  let closed = false;

  function createEnd() {
    return createEmitter<ChannelEvents>((error) => {
      throw error;
    });
  }

  const createChannel = (own: 0 | 1, fingerprints: Channel["fingerprints"]): Channel => ({
    route: options.route ?? "webrtc",
    maxMessageBytes: 65_536,
    bufferedBytes: 0,
    fingerprints,
    send: (bytes) => {
      if (closed) return;
      const copy = bytes.slice();
      queueMicrotask(() => ends[own === 0 ? 1 : 0].emit("message", copy));
    },
    on: (event, listener) => ends[own].on(event, listener),
    close: (reason) => {
      if (closed) return;
      closed = true;
      queueMicrotask(() => {
        for (const end of ends) end.emit("close", reason);
      });
    },
  });

  return {
    alice: createChannel(0, options.alice ?? { local: aliceFingerprint, remote: bobFingerprint }),
    bob: createChannel(1, options.bob ?? { local: bobFingerprint, remote: aliceFingerprint }),
  };
};
