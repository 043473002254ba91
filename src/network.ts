/**
 * Port: how replicas of a room meet and how bytes get from one to another. The web's is a signaling server and WebRTC,
 * the memory one of `ledger/testing` needs neither.
 */

import type { RoomId } from "./common/ids.ts";
import type { Signaling } from "./signaling/signaling.ts";
import type { Channel } from "./transport/channel.ts";

/** An attempt to open a channel, fed with what the other side's attempt says. */
export interface ChannelAttempt {
  /** What the other attempt's `onSignal` gave. Never throws; nonsense makes the attempt fail. */
  signal(description: string): void;
  /** @throws LedgerError LEDGER_WEBRTC_UNAVAILABLE, or an Error saying why no channel came up */
  readonly opened: Promise<Channel>;
  /** Gives up, or closes the channel. Idempotent. */
  close(): void;
}

export interface ChannelAttemptOptions {
  readonly initiator: boolean;
  readonly iceServers: readonly RTCIceServer[];
  readonly timeoutMs: number;
  /** Carries one description to the other side; called any number of times, in order. */
  readonly onSignal: (description: string) => void;
  /** A TURN server of `iceServers` said no; `errorCode` is STUN's, such as 401. May be told several times. */
  readonly onTurnRefused?: (errorCode: number) => void;
}

export interface Network {
  /** Enters the room's meeting point at `url`; answers at once and connects in the background. */
  join(url: string, roomId: RoomId): Signaling;
  openChannel(options: ChannelAttemptOptions): ChannelAttempt;
}
