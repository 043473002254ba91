/**
 * One attempt at a route to a peer: a channel, then the handshake, and on the side that answers the word which link it is
 * for. Succeeds or fails once.
 */

import type { Clock } from "../common/clock.ts";
import { toLedgerError, type LedgerError } from "../common/errors.ts";
import type { Epoch, SiteId } from "../common/ids.ts";
import type { Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { err, ok, type Result } from "../common/result.ts";
import type { ChannelAttempt } from "../network.ts";
import { protocolVersion } from "../replication/message.ts";
import { handshakeErrorToLedgerError } from "../security/handshake-error.ts";
import { authenticate } from "../security/handshake.ts";
import type { RoomKeys } from "../security/room-keys.ts";
import type { ConnectionId } from "../security/sealed-envelope.ts";
import { awaitAttach, openRoute, type Route } from "../transport/route.ts";
import type { Attach } from "../transport/route-messages.ts";

/** Why there is no route. `unreachable` is the everyday case: no path in time, or the peer went away. */
export type AttemptFailure =
  { readonly reason: "unreachable" } | { readonly reason: "refused" | "unavailable"; readonly error: LedgerError };

/** Authenticated, and not used by a link yet. */
export interface ReadyRoute {
  readonly conn: ConnectionId;
  readonly route: Route;
  readonly epoch: Epoch;
  /** On the side that answers: what the other said first. */
  readonly attach: Attach | undefined;
}

export interface LinkAttempt {
  readonly conn: ConnectionId;
  readonly role: "initiator" | "responder";
  signal(description: string): void;
  readonly outcome: Promise<Result<ReadyRoute, AttemptFailure>>;
  /** Gives up; the outcome is `unreachable`. Harmless once there is a route. */
  abandon(): void;
}

export interface LinkAttemptOptions {
  readonly conn: ConnectionId;
  readonly role: "initiator" | "responder";
  readonly peerId: SiteId;
  readonly self: { readonly siteId: SiteId; readonly epoch: Epoch };
  readonly keys: RoomKeys;
  readonly open: (onSignal: (description: string) => void) => ChannelAttempt;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onSignal: (description: string) => void;
}

/** From the end of the handshake to the word which link the route is for. */
const attachTimeoutMs = 5_000;

export const startLinkAttempt = (options: LinkAttemptOptions): LinkAttempt => {
  const { conn, role, self, keys, clock, random, logger } = options;
  const channelAttempt = options.open(options.onSignal);
  let isReady = false;

  const makeReady = async (): Promise<Result<ReadyRoute, AttemptFailure>> => {
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
    const route = openRoute(trusted);
    const attach = role === "initiator" ? undefined : await awaitAttach(route, clock, attachTimeoutMs);
    if (role === "responder" && attach === undefined) return err({ reason: "unreachable" });
    isReady = true;
    return ok({ conn, route, epoch, attach });
  };

  const outcome = makeReady().catch((thrown: unknown): Result<ReadyRoute, AttemptFailure> => {
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
      if (!isReady) channelAttempt.close();
    },
  };
};
