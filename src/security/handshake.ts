/**
 * Mutual proof, over a channel that nobody has proven anything about, that both ends hold the room's token and that no
 * one sits between them. Runs before anything else of the channel is read.
 *
 *   both      hello
 *   both      proof = HMAC(authenticationKey, "ledger/v1/auth" | role of the prover | room id | DTLS fingerprint of
 *             initiator | of responder | nonce of initiator | of responder | site id … | epoch … | version)
 *   both      accepted, once the other's proof has been verified
 *
 * Must:
 * H1  bind the proof to both fingerprints: two legs with someone between them have different ones, of DTLS or of relay keys;
 * H2  bind the proof to the prover's role and refuse our own nonce: nothing of ours can be played back to us;
 * H3  give a peer no more than one guess, and little memory, before it has proven itself;
 * H4  leave every message behind the peer's `accepted` to the link. The peer sends none before it has our `accepted`.
 */

import type { Clock } from "../common/clock.ts";
import { hexToBytes, siteIdToBytes, type Epoch, type SiteId } from "../common/ids.ts";
import { createSilentLogger, type Logger } from "../common/logger.ts";
import type { Random } from "../common/random.ts";
import { err, ok, type Result } from "../common/result.ts";
import type { Channel } from "../transport/channel.ts";
import { openChannelInbox, type ChannelInbox } from "./channel-inbox.ts";
import { encodeFields } from "./encode-fields.ts";
import { handshakeError, type HandshakeError } from "./handshake-error.ts";
import {
  decodeHandshakeMessage,
  encodeAccepted,
  encodeHello,
  encodeProof,
  encodeRefused,
  maxHandshakeMessageBytes,
  nonceBytes,
  refusalCodes,
  type HandshakeMessage,
  type Hello,
  type RefusalCode,
} from "./handshake-message.ts";
import type { RoomKeys } from "./room-keys.ts";

/** Who opened the channel. The two ends must have different roles. */
export type HandshakeRole = "initiator" | "responder";

export interface AuthenticateOptions {
  readonly channel: Channel;
  readonly keys: Pick<RoomKeys, "roomId" | "authenticationKey">;
  readonly role: HandshakeRole;
  readonly self: ProvenIdentity;
  readonly clock: Clock;
  readonly random: Random;
  /** From the call to the peer's `accepted`. Default 5,000. */
  readonly timeoutMs?: number;
  /** Of everything that is spoken on a link. Default 1. */
  readonly protocolVersion?: number;
  readonly logger?: Logger;
}

/** A replica, in one opening of its database. */
export interface ProvenIdentity {
  readonly siteId: SiteId;
  readonly epoch: Epoch;
}

export interface AuthenticatedPeer extends ProvenIdentity {
  /** The channel from behind the handshake on; to be used instead of the one given. Attach all listeners in one go. */
  readonly channel: Channel;
}

/** Hello, proof and verdict: what a peer may send before it has our `accepted`. */
const maxMessagesBeforeTrust = 3;
/** Held for a link that is being set up; its flow control allows less. */
const maxHeldBytes = 4 * 1024 * 1024;
/** Time for the reason of a refusal to reach the other side before the channel closes. */
const lingerMs = 250;

/** Never rejects for anything the peer does. A channel that fails is told why, and closed. */
export const authenticate = async (
  options: AuthenticateOptions,
): Promise<Result<AuthenticatedPeer, HandshakeError>> => {
  const { channel, clock, timeoutMs = 5_000, logger = createSilentLogger() } = options;
  let trusted = false;
  let messages = 0;
  let bytes = 0;

  const inbox = openChannelInbox(channel, logger, (message) => {
    messages += 1;
    bytes += message.length;
    if (trusted) return bytes > maxHeldBytes ? "MALFORMED" : undefined;
    return messages > maxMessagesBeforeTrust || message.length > maxHandshakeMessageBytes ? "MALFORMED" : undefined; // H3
  });
  const cancelTimeout = clock.setTimer(timeoutMs, () => inbox.stop("TIMEOUT"));

  const outcome = await prove(options, inbox, () => {
    trusted = true;
  }).catch((cause: unknown) => err(handshakeError("INTERNAL", "self", cause)));
  cancelTimeout();

  if (outcome.ok) return ok({ ...outcome.value, channel: inbox.release() });
  inbox.stop(outcome.error.code);
  refuse(options, outcome.error, trusted);
  return outcome;
};

const prove = async (
  options: AuthenticateOptions,
  inbox: ChannelInbox,
  onTrusted: () => void,
): Promise<Result<ProvenIdentity, HandshakeError>> => {
  const { channel, keys, role, self, random, protocolVersion: version = 1 } = options;
  const { local, remote } = channel.fingerprints;
  if (channel.route !== "memory" && (local === "" || remote === "" || local === remote)) {
    return err(handshakeError("INTERNAL", "self", new Error("the channel has no fingerprints to bind to"))); // H1
  }

  const ours: Hello = { version, nonce: random.bytes(nonceBytes), ...self };
  channel.send(encodeHello(ours));
  const theirs = await read(inbox, version, "hello");
  if (!theirs.ok) return theirs;
  if (equalBytes(ours.nonce, theirs.value.nonce)) return err(handshakeError("REFLECTED", "self")); // H2

  const otherRole = role === "initiator" ? "responder" : "initiator";
  const transcript = (prover: HandshakeRole): Uint8Array<ArrayBuffer> =>
    role === "initiator"
      ? encodeTranscript(prover, keys, [local, ours], [remote, theirs.value])
      : encodeTranscript(prover, keys, [remote, theirs.value], [local, ours]);

  const mac = await crypto.subtle.sign("HMAC", keys.authenticationKey, transcript(role));
  channel.send(encodeProof(new Uint8Array(mac)));
  const proof = await read(inbox, version, "proof");
  if (!proof.ok) return proof;
  // In constant time, which comparing two MACs here would not be.
  const proven = await crypto.subtle.verify("HMAC", keys.authenticationKey, proof.value.mac, transcript(otherRole));
  if (!proven) return err(handshakeError("UNTRUSTED", "self"));
  if (inbox.stopped !== undefined) return err(stopError(inbox.stopped));

  onTrusted();
  channel.send(encodeAccepted());
  const verdict = await read(inbox, version, "accepted");
  if (!verdict.ok) return verdict;
  return ok({ siteId: theirs.value.siteId, epoch: theirs.value.epoch }); // H4
};

/** The next message, which must be of the kind given. */
const read = async <K extends HandshakeMessage["kind"]>(
  inbox: ChannelInbox,
  version: number,
  kind: K,
): Promise<Result<Extract<HandshakeMessage, { kind: K }>, HandshakeError>> => {
  const bytes = await inbox.next();
  if (bytes === undefined) return err(stopError(inbox.stopped));
  const decoded = decodeHandshakeMessage(bytes, version);
  if (!decoded.ok) return err(handshakeError("MALFORMED", "self"));
  const message = decoded.value;
  if (message.kind === kind) return ok(message as Extract<HandshakeMessage, { kind: K }>);
  if (message.kind === "refused") return err(handshakeError(message.code, "peer"));
  if (message.kind === "foreign-hello") return err(handshakeError("INCOMPATIBLE", "self"));
  return err(handshakeError("MALFORMED", "self"));
};

const stopError = (reason: string | undefined): HandshakeError => {
  if (reason === "CLOSED") return handshakeError("CLOSED", "peer");
  return handshakeError(reason === "TIMEOUT" ? "TIMEOUT" : "MALFORMED", "self");
};

const encodeTranscript = (
  prover: HandshakeRole,
  { roomId }: Pick<RoomKeys, "roomId">,
  [initiatorFingerprint, initiator]: readonly [string, Hello],
  [responderFingerprint, responder]: readonly [string, Hello],
): Uint8Array<ArrayBuffer> =>
  encodeFields([
    "ledger/v1/auth",
    prover,
    roomId,
    initiatorFingerprint,
    responderFingerprint,
    initiator.nonce,
    responder.nonce,
    siteIdToBytes(initiator.siteId),
    siteIdToBytes(responder.siteId),
    hexToBytes(initiator.epoch),
    hexToBytes(responder.epoch),
    new Uint8Array([initiator.version >> 8, initiator.version & 0xff]),
  ]);

/** Tells the peer where it may listen, and closes the channel. */
const refuse = ({ channel, clock }: AuthenticateOptions, error: HandshakeError, trusted: boolean): void => {
  const reason = `handshake: ${error.code}`;
  // After our `accepted` the peer may take any message for the link's.
  if (error.foundBy === "peer" || trusted || !isRefusalCode(error.code)) return channel.close(reason);
  channel.send(encodeRefused(error.code));
  const cancelLinger = clock.setTimer(lingerMs, () => channel.close(reason));
  channel.on("close", cancelLinger);
};

const isRefusalCode = (code: HandshakeError["code"]): code is RefusalCode =>
  (refusalCodes as readonly string[]).includes(code);

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);
