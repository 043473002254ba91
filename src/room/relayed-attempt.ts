/**
 * An attempt to open a channel through the signaling server: both ends tell each other a fresh public key by sealed mail,
 * then records go back and forth.
 */

import { base64urlToBytes, bytesToBase64url } from "../common/base64url.ts";
import type { Clock } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import type { ChannelAttempt } from "../network.ts";
import type { HandshakeRole } from "../security/handshake.ts";
import { agreeOnRelayKeys, createRelayKeyPair, relayFingerprint } from "../security/relay-keys.ts";
import { createRelaySealer, isFatalFault, maxRecordBodyBytes } from "../security/relay-sealer.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import type { ConnectionId } from "../security/sealed-envelope.ts";
import type { Channel } from "../transport/channel.ts";
import { createRelayChannel, type RelayCarrier } from "../transport/relay-channel.ts";

export interface RelayedAttemptOptions {
  readonly carrier: RelayCarrier;
  readonly conn: ConnectionId;
  readonly role: HandshakeRole;
  readonly keys: Pick<RoomKeys, "roomId" | "relayKey">;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onSignal: (description: string) => void;
}

export const openRelayedChannel = (options: RelayedAttemptOptions): ChannelAttempt => {
  const { carrier, conn, role, keys, timeoutMs, clock, logger, onSignal } = options;
  let channel: Channel | undefined;
  let giveUp!: (error: Error) => void;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  givenUp.catch(() => {}); // Nobody need be waiting.
  let takeKey!: (publicKey: Uint8Array<ArrayBuffer>) => void;
  const theirKey = new Promise<Uint8Array<ArrayBuffer>>((resolve) => {
    takeKey = resolve;
  });
  const cancelTimer = clock.setTimer(timeoutMs, () => giveUp(new Error("the other end did not answer")));

  const open = async (): Promise<Channel> => {
    const own = await createRelayKeyPair();
    onSignal(bytesToBase64url(own.publicKey));
    const theirs = await Promise.race([theirKey, givenUp]);
    const agreed = await agreeOnRelayKeys({ keys, conn, role, own, theirs });
    if (!agreed.ok) throw new Error(agreed.error);
    return createRelayChannel({
      carrier,
      sealer: createRelaySealer(agreed.value),
      maxBodyBytes: maxRecordBodyBytes,
      isFatal: isFatalFault,
      fingerprints: { local: relayFingerprint(own.publicKey), remote: relayFingerprint(theirs) },
      clock,
      logger,
    });
  };

  const openInTime = async (): Promise<Channel> => {
    try {
      channel = await Promise.race([open(), givenUp]);
      return channel;
    } catch (error) {
      carrier.close();
      throw error;
    } finally {
      cancelTimer();
    }
  };

  const opened = openInTime();
  opened.catch(() => {}); // An attempt that nobody awaits any more may still fail.

  return {
    signal: (description) => {
      const decoded = base64urlToBytes(description);
      // What has another length is refused with the rest that is no key.
      if (decoded.ok) takeKey(decoded.value);
    },
    opened,
    close: () => {
      giveUp(new Error("the attempt was abandoned"));
      channel?.close("ABANDONED");
    },
  };
};
