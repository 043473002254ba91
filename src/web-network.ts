/** The Network of browsers: a signaling server over a WebSocket, channels over WebRTC. */

import type { Clock } from "./common/clock.ts";
import type { Logger } from "./common/logger.ts";
import type { Random } from "./common/random.ts";
import type { Network } from "./network.ts";
import type { Bearer } from "./signaling/signaling-connection.ts";
import { openWebSocketSignaling } from "./signaling/websocket-signaling.ts";
import { openWebRtcChannel } from "./transport/webrtc-channel.ts";

export const createWebNetwork = (platform: {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly bearer?: Bearer | undefined;
}): Network => ({
  join: (url, roomId) => openWebSocketSignaling({ ...platform, url, roomId }),
  openChannel: (options) => openWebRtcChannel({ ...platform, ...options }),
});
