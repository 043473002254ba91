/**
 * The Network of browsers: a signaling server over a WebSocket, channels over WebRTC. What speaks WebRTC is half of what a
 * page would load, and is needed only once a peer was met: it is loaded beside the start, or before it when the page is idle.
 */

import type { Clock } from "./common/clock.ts";
import { LedgerError } from "./common/errors.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import { openChannelLater, type OpenChannel } from "./later-channel.ts";
import type { Network } from "./network.ts";
import type { Bearer } from "./signaling/signaling-connection.ts";
import { openWebSocketSignaling } from "./signaling/websocket-signaling.ts";

export interface WebNetwork extends Network {
  /** It will be joined soon. */
  prepare(): void;
}

/** Running what was loaded takes long enough to be felt beside other work. */
const whenIdle = (work: () => void): void => {
  if (typeof requestIdleCallback === "function") requestIdleCallback(work);
  else setTimeout(work);
};

/** The browser starts its part with the first connection, whether or not that is used. */
const startWebRtc = (): void => {
  try {
    new RTCPeerConnection().close();
  } catch {
    // Some browsers forbid it. Whoever connects is told.
  }
};

export const createWebNetwork = (platform: {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly bearer?: Bearer | undefined;
}): WebNetwork => {
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

  /** What it comes to is the first attempt's to report. */
  const loadAhead = (): void => void (loading ??= load()).catch(() => {});

  return {
    prepare: () => {
      if (typeof RTCPeerConnection === "undefined") return;
      whenIdle(loadAhead);
      whenIdle(startWebRtc);
    },
    join: (url, roomId) => {
      loadAhead();
      return openWebSocketSignaling({ ...platform, url, roomId });
    },
    openChannel: (options) => openChannelLater((loading ??= load()), options),
  };
};
