/** One attempt to link with a peer: a channel, then the handshake, then the link. Succeeds or fails once. */

import type { Clock } from "../common/clock.ts";
import { toLedgerError, type LedgerError } from "../common/errors.ts";
import type { Epoch, LinkId, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { err, ok, type Result } from "../common/result.ts";
import type { Network } from "../network.ts";
import { protocolVersion } from "../replication/message.ts";
import { handshakeErrorToLedgerError } from "../security/handshake-error.ts";
import { authenticate } from "../security/handshake.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import type { ConnectionId } from "../security/sealed-envelope.ts";
import { createLink } from "../transport/channel-link.ts";
import type { PeerLink } from "../transport/link.ts";

/** Why there is no link. `unreachable` is the everyday case: no path in time, or the peer went away. */
export type AttemptFailure =
  { readonly reason: "unreachable" } | { readonly reason: "refused" | "unavailable"; readonly error: LedgerError };

export interface LinkAttempt {
  readonly conn: ConnectionId;
  readonly role: "initiator" | "responder";
  signal(description: string): void;
  readonly outcome: Promise<Result<PeerLink, AttemptFailure>>;
  /** Gives up; the outcome is `unreachable`. Harmless once there is a link. */
  abandon(): void;
}

export interface LinkAttemptOptions {
  readonly conn: ConnectionId;
  readonly role: "initiator" | "responder";
  readonly peerId: SiteId;
  readonly linkId: LinkId;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly keys: RoomKeys;
  readonly network: Network;
  readonly iceServers: readonly RTCIceServer[];
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onSignal: (description: string) => void;
  readonly onTurnRefused: (errorCode: number) => void;
}

export const startLinkAttempt = (options: LinkAttemptOptions): LinkAttempt => {
  const { conn, role, network, self, keys, clock, random, logger } = options;
  const channelAttempt = network.openChannel({
    initiator: role === "initiator",
    iceServers: options.iceServers,
    timeoutMs: options.timeoutMs,
    onSignal: options.onSignal,
    onTurnRefused: options.onTurnRefused,
  });
  let linked = false;

  const link = async (): Promise<Result<PeerLink, AttemptFailure>> => {
    const channel = await channelAttempt.opened;
    const authenticated = await authenticate({ channel, keys, role, self, clock, random, logger, protocolVersion });
    if (!authenticated.ok) {
      if (authenticated.error.code === "CLOSED") return err({ reason: "unreachable" });
      return err({ reason: "refused", error: handshakeErrorToLedgerError(authenticated.error) });
    }
    const { channel: trusted, siteId, epoch } = authenticated.value;
    if (siteId !== options.peerId) {
      // A member may claim to be anyone; this one is not whom we were told.
      trusted.close("WRONG_PEER");
      return err({ reason: "unreachable" });
    }
    linked = true;
    return ok(createLink(trusted, { id: options.linkId, peer: { siteId, epoch }, clock, logger }));
  };

  const outcome = link().catch((thrown: unknown): Result<PeerLink, AttemptFailure> => {
    const error = toLedgerError(thrown);
    if (error.code === "LEDGER_INTERNAL") return err({ reason: "unreachable" });
    return err({ reason: "unavailable", error });
  });

  return {
    conn,
    role,
    signal: (description) => channelAttempt.signal(description),
    outcome,
    abandon: () => {
      if (!linked) channelAttempt.close();
    },
  };
};
