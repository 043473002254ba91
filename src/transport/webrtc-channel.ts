/**
 * A {@link Channel} over WebRTC, and the only importer of simple-peer. simple-peer negotiates: offer, answer, candidates,
 * `failed`. The bytes go past its stream, straight through the RTCDataChannel, so that they are neither wrapped in its
 * Buffer nor queued a second time.
 *
 * Must hold:
 * 1. RTCPeerConnection is given the app's `iceServers` and nothing else: simple-peer's own default would tell Google and
 *    Twilio the user's address.
 * 2. `disconnected` changes nothing: the path often comes back by itself. `failed` closes.
 * 3. Of the signals only one offer or answer counts, and none once the channel is open: a later one could bring another
 *    fingerprint than the one the handshake is bound to.
 * 4. Signals contain addresses: they are not logged, in part or in whole.
 */

import type { SignalData } from "simple-peer";
import SimplePeer from "simple-peer/simplepeer.min.js";
import type { Clock } from "../common/clock.ts";
import { LedgerError } from "../common/errors.ts";
import { createSilentLogger } from "../common/logger.ts";
import type { Logger } from "../common/logger.ts";
import type { Channel } from "./channel.ts";
import { adoptDataChannel } from "./data-channel.ts";
import type { AdoptedDataChannel } from "./data-channel.ts";
import { decodeWebRtcSignal, sdpToFingerprint } from "./webrtc-signal.ts";
import type { WebRtcSignal } from "./webrtc-signal.ts";

/** The parts of the platform that are needed; an argument so that tests can watch. */
export interface WebRtcPlatform {
  readonly RTCPeerConnection: typeof RTCPeerConnection;
  readonly RTCSessionDescription: typeof RTCSessionDescription;
  readonly RTCIceCandidate: typeof RTCIceCandidate;
}

export interface WebRtcChannelOptions {
  /** True on exactly one of the two sides: it makes the offer. */
  readonly initiator: boolean;
  /** Used exactly as given; empty means neither STUN nor TURN. */
  readonly iceServers: readonly RTCIceServer[];
  /** `"relay"` uses TURN only. Default: the browser's, `"all"`. */
  readonly iceTransportPolicy?: RTCIceTransportPolicy;
  readonly clock: Clock;
  /** Until the channel must be open. Default 15,000. */
  readonly timeoutMs?: number;
  /** To be brought to the other side's `signal`, in order. May contain addresses of this machine. */
  readonly onSignal: (data: string) => void;
  /** A TURN server said no, with this STUN error code. Not every browser tells. */
  readonly onTurnRefused?: (errorCode: number) => void;
  readonly logger?: Logger;
  /** Default: the global ones. */
  readonly platform?: WebRtcPlatform;
}

export interface WebRtcOpening {
  /** Takes what the other side's `onSignal` was given. Never throws: what is not sound is left out. */
  signal(data: string): void;
  /**
   * Rejects with `LEDGER_WEBRTC_UNAVAILABLE` where there is no WebRTC, with `LEDGER_OPTION_INVALID` when the platform
   * refuses `iceServers`, and otherwise with a {@link ChannelOpenError}.
   */
  readonly opened: Promise<Channel>;
  /** Gives up, or closes the channel when it is open. Idempotent. */
  close(reason?: string): void;
}

/** No path was found, or it was given up. `reason` is simple-peer's code, `"ERR_OPEN_TIMEOUT"` or what `close` was given. */
export class ChannelOpenError extends Error {
  override readonly name = "ChannelOpenError";
  readonly reason: string;

  constructor(reason: string) {
    super(`the WebRTC channel did not open: ${reason}`);
    this.reason = reason;
  }
}

const defaultTimeoutMs = 15_000;

/** Candidates beyond are left out: a machine has a handful, and those before the offer are kept in memory. */
const maxRemoteCandidates = 64;

export const openWebRtcChannel = (options: WebRtcChannelOptions): WebRtcOpening => {
  const { clock, onSignal, timeoutMs = defaultTimeoutMs, logger = createSilentLogger() } = options;
  const platform = options.platform ?? globalPlatform();
  if (platform === undefined) return unavailableOpening();

  let state: "opening" | "open" | "closed" = "opening";
  let connection: RTCPeerConnection | undefined;
  let adopted: AdoptedDataChannel | undefined;
  let fingerprints = { local: "", remote: "" };
  let hasRemoteDescription = false;
  let remoteCandidates = 0;
  let failure: unknown;
  let settle: { readonly resolve: (channel: Channel) => void; readonly reject: (error: Error) => void };
  const opened = new Promise<Channel>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever closes an opening need not have looked at its promise.
  opened.catch(() => {});

  const finish = (reason: string): void => {
    if (state === "closed") return;
    const wasOpening = state === "opening";
    state = "closed";
    cancelTimeout();
    if (wasOpening) settle.reject(openError(reason, failure));
    adopted?.end(reason);
    peer.destroy();
    logger.debug("WebRTC channel closed", { reason, wasOpening });
  };

  const adopt = (dataChannel: RTCDataChannel): void => {
    if (adopted !== undefined) return finish("ERR_SECOND_DATA_CHANNEL");
    adopted = adoptDataChannel(dataChannel, {
      clock,
      logger,
      fingerprints: () => fingerprints,
      release: () => peer.destroy(),
    });
  };

  const watch = (made: RTCPeerConnection): void => {
    connection = made;
    made.addEventListener("icecandidateerror", ({ errorCode }) => {
      // Above are codes of the browser's own: 701 is a server that does not answer, which is everyday life.
      if (errorCode >= 300 && errorCode < 700) options.onTurnRefused?.(errorCode);
    });
    made.addEventListener("datachannel", (event) => adopt(event.channel));
  };

  /** simple-peer is handed this class instead of the platform's, so that what it does can be narrowed. */
  class WatchedConnection extends platform.RTCPeerConnection {
    constructor() {
      const { iceServers, iceTransportPolicy } = options;
      super({ iceServers: [...iceServers], ...(iceTransportPolicy === undefined ? {} : { iceTransportPolicy }) });
      watch(this);
    }

    override createDataChannel(label: string, init?: RTCDataChannelInit): RTCDataChannel {
      const dataChannel = super.createDataChannel(label, init);
      adopt(dataChannel);
      return dataChannel;
    }

    /** One candidate that cannot be used is no reason to give up, nor to write to the console, as simple-peer would. */
    override async addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
      try {
        await super.addIceCandidate(candidate);
      } catch {
        logger.debug("a candidate could not be used");
      }
    }
  }

  const peer = new SimplePeer({
    initiator: options.initiator,
    trickle: true,
    channelName: "ledger",
    channelConfig: { ordered: true },
    wrtc: {
      RTCPeerConnection: WatchedConnection,
      RTCSessionDescription: platform.RTCSessionDescription,
      RTCIceCandidate: platform.RTCIceCandidate,
    },
  });
  const cancelTimeout = clock.setTimer(timeoutMs, () => finish("ERR_OPEN_TIMEOUT"));

  peer.on("signal", (signal) => {
    if (state !== "closed") onSignal(JSON.stringify(signal));
  });
  peer.on("error", (error) => {
    failure = error;
  });
  peer.on("close", () => finish(failure === undefined ? "closed by the peer" : errorToReason(failure)));
  // Its stream sees every message too; unread it would keep them all.
  peer.resume();
  peer.on("connect", () => {
    if (state !== "opening") return;
    const local = sdpToFingerprint(connection?.localDescription?.sdp ?? "");
    const remote = sdpToFingerprint(connection?.remoteDescription?.sdp ?? "");
    if (adopted === undefined || local === undefined || remote === undefined) return finish("ERR_NO_FINGERPRINT");
    fingerprints = { local, remote };
    state = "open";
    cancelTimeout();
    adopted.start();
    settle.resolve(adopted.channel);
  });

  /** Whether this is the one description that the other role sends, or a candidate of which there are not too many. */
  const isExpected = (signal: WebRtcSignal): boolean => {
    if (signal.type === "candidate") return (remoteCandidates += 1) <= maxRemoteCandidates;
    if (hasRemoteDescription || signal.type !== (options.initiator ? "answer" : "offer")) return false;
    hasRemoteDescription = true;
    return true;
  };

  return {
    signal: (text) => {
      if (state === "closed") return;
      const decoded = decodeWebRtcSignal(text);
      if (!decoded.ok) return logger.warn("a signal was left out", { fault: decoded.error });
      if (!isExpected(decoded.value)) return logger.debug("a signal was left out", { type: decoded.value.type });
      try {
        peer.signal(decoded.value as SignalData);
      } catch (error) {
        failure = error;
        finish(errorToReason(error));
      }
    },
    opened,
    close: (reason = "closed") => {
      if (state === "open") adopted?.channel.close(reason);
      else finish(reason);
    },
  };
};

const globalPlatform = (): WebRtcPlatform | undefined =>
  typeof RTCPeerConnection === "undefined" ? undefined : { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate };

const unavailableOpening = (): WebRtcOpening => {
  const opened = Promise.reject<Channel>(
    new LedgerError("LEDGER_WEBRTC_UNAVAILABLE", "RTCPeerConnection is missing here; workers and Node do not have it"),
  );
  opened.catch(() => {});
  return { signal: () => {}, opened, close: () => {} };
};

/** The cause is kept only for the app's own option: other messages of the platform can quote a signal. */
const openError = (reason: string, failure: unknown): Error =>
  reason === "ERR_PC_CONSTRUCTOR"
    ? new LedgerError("LEDGER_OPTION_INVALID", "the browser refuses iceServers; see the cause", { cause: failure })
    : new ChannelOpenError(reason);

const errorToReason = (error: unknown): string => {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "ERR_WEBRTC";
};
