/**
 * The Network of browsers: a signaling server over a WebSocket, channels over WebRTC. What speaks WebRTC is half of what a
 * page would load, and is needed only once a peer was met: it is loaded beside the start.
 */

import type { Clock } from "./common/clock.ts";
import { LedgerError } from "./common/errors.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import { openChannelLater, type OpenChannel } from "./later-channel.ts";
import type { Network } from "./network.ts";
import type { Bearer } from "./signaling/signaling-connection.ts";
import { openWebSocketSignaling } from "./signaling/websocket-signaling.ts";

export const createWebNetwork = (platform: {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly bearer?: Bearer | undefined;
}): Network => {
  let loading: Promise<OpenChannel> | undefined;

  const load = async (): Promise<OpenChannel> => {
    try {
      const { openWebRtcChannel } = await import("./transport/webrtc-channel.ts");
      return (options) => openWebRtcChannel({ ...platform, ...options });
    } catch (cause) {
      loading = undefined; // The next attempt tries again.
      const message = "Ledger's part for WebRTC could not be loaded; check that its files are all served";
      throw new LedgerError("LEDGER_WEBRTC_UNAVAILABLE", message, { cause });
    }
  };

  return {
    join: (url, roomId) => {
      // What it comes to is the first attempt's to report.
      (loading ??= load()).catch(() => {});
      return openWebSocketSignaling({ ...platform, url, roomId });
    },
    openChannel: (options) => openChannelLater((loading ??= load()), options),
  };
};
