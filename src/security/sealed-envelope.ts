/**
 * Seals signaling payloads, so that the server can neither read, alter nor redirect them. Does not detect replays: see
 * replay-guard.ts.
 *
 *   payload   = iv (12 random bytes) | AES-256-GCM(signalingKey, iv, plaintext, additional data)
 *   plaintext = conn (16) | seq (u32) | type (u8) | body length (u16) | body | zeros up to a multiple of 256
 *   additional data = "ledger/v1/signal" | room | from | to, each as u16 length and UTF-8; numbers are big-endian
 *
 * A random iv repeats with chance 2^-32 only after 2^32 payloads under one token.
 */

import { base64urlToBytes, bytesToBase64url } from "../common/base64url.ts";
import type { MemberId, RoomId } from "../common/ids.ts";
import type { Random } from "../common/random.ts";
import { err, ok, type Result } from "../common/result.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import { encodeFields } from "./encode-fields.ts";
import type { RoomKeys } from "./room-keys.ts";

/** One attempt at a link, named by its initiator: 16 random bytes, base64url, 22 characters. */
export type ConnectionId = string & { readonly __connectionId: never };

export interface OpenedEnvelope {
  readonly conn: ConnectionId;
  readonly seq: number;
  readonly type: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** `FORGED`: not sealed with this room's key from this sender to us. `MALFORMED`: sealed, but not by these rules. */
export type EnvelopeError = "MALFORMED" | "FORGED";

export interface Sealer {
  /**
   * Resolves in the order of the calls, whatever the length of each.
   * @param seq - whole, from 0 to 2^32 - 1, rising within (self, conn)
   * @param type - whole, from 0 to 255
   * Rejects with RangeError when a number is out of range or `body` is longer than {@link maxBodyBytes}: a caller bug.
   */
  seal(to: MemberId, conn: ConnectionId, seq: number, type: number, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** Resolves in the order of the calls; never rejects. */
  open(from: MemberId, payload: Uint8Array): Promise<Result<OpenedEnvelope, EnvelopeError>>;
}

/** Signaling's `maxPayloadBytes`, which this folder must not import; a test keeps the two together. */
const maxPayloadBytes = 11 * 1024;
const ivBytes = 12;
const tagBytes = 16;
const connBytes = 16;
const headerBytes = connBytes + 4 + 1 + 2;
/** Sizes tell an offer from a candidate; steps tell less. */
const stepBytes = 256;
const maxPlaintextBytes = Math.floor((maxPayloadBytes - ivBytes - tagBytes) / stepBytes) * stepBytes;

/** Longest `body` that fits a signaling payload. */
export const maxBodyBytes = maxPlaintextBytes - headerBytes;

export const createConnectionId = (random: Random): ConnectionId =>
  bytesToBase64url(random.bytes(connBytes)) as ConnectionId;

/** @param self - the member id of the present connection; a new connection needs a new sealer */
export const createSealer = ({
  keys,
  self,
  random,
}: {
  readonly keys: Pick<RoomKeys, "roomId" | "signalingKey">;
  readonly self: MemberId;
  readonly random: Random;
}): Sealer => {
  // WebCrypto may finish a short operation before a long one asked for earlier; sequence numbers must not be shuffled.
  const sealing = createWorkQueue();
  const opening = createWorkQueue();

  return {
    seal: async (to, conn, seq, type, body) => {
      const plaintext = encodePlaintext(conn, seq, type, body);
      const iv = random.bytes(ivBytes);
      return sealing.run(async () => {
        const additionalData = encodeAdditionalData(keys.roomId, self, to);
        const sealed = await crypto.subtle.encrypt(
          { name: "AES-GCM", iv, additionalData },
          keys.signalingKey,
          plaintext,
        );
        const payload = new Uint8Array(ivBytes + sealed.byteLength);
        payload.set(iv);
        payload.set(new Uint8Array(sealed), ivBytes);
        return payload;
      });
    },
    open: (from, payload) =>
      opening.run(async () => {
        const sealedBytes = payload.length - ivBytes - tagBytes;
        if (sealedBytes < stepBytes || sealedBytes % stepBytes !== 0 || payload.length > maxPayloadBytes) {
          return err("MALFORMED");
        }
        const copy = payload.slice();
        const iv = copy.subarray(0, ivBytes);
        const additionalData = encodeAdditionalData(keys.roomId, from, self);
        try {
          const plaintext = await crypto.subtle.decrypt(
            { name: "AES-GCM", iv, additionalData },
            keys.signalingKey,
            copy.subarray(ivBytes),
          );
          return decodePlaintext(new Uint8Array(plaintext));
        } catch {
          // WebCrypto says no more than that the tag does not fit, and there is no more to say.
          return err("FORGED");
        }
      }),
  };
};

const encodePlaintext = (conn: ConnectionId, seq: number, type: number, body: Uint8Array): Uint8Array<ArrayBuffer> => {
  const connection = base64urlToBytes(conn);
  if (!connection.ok || connection.value.length !== connBytes) throw new RangeError("conn is not a connection id");
  if (!Number.isInteger(seq) || seq < 0 || seq > 0xffff_ffff) throw new RangeError("seq does not fit in 32 bits");
  if (!Number.isInteger(type) || type < 0 || type > 0xff) throw new RangeError("type does not fit in 8 bits");
  if (body.length > maxBodyBytes) throw new RangeError(`a body has at most ${maxBodyBytes} bytes`);
  const plaintext = new Uint8Array(Math.ceil((headerBytes + body.length) / stepBytes) * stepBytes);
  const view = new DataView(plaintext.buffer);
  plaintext.set(connection.value);
  view.setUint32(connBytes, seq);
  view.setUint8(connBytes + 4, type);
  view.setUint16(connBytes + 5, body.length);
  plaintext.set(body, headerBytes);
  return plaintext;
};

const decodePlaintext = (plaintext: Uint8Array<ArrayBuffer>): Result<OpenedEnvelope, EnvelopeError> => {
  const view = new DataView(plaintext.buffer);
  const bodyBytes = view.getUint16(connBytes + 5);
  const end = headerBytes + bodyBytes;
  // One form per content: the least number of steps, and nothing but zeros behind the body.
  if (Math.ceil(end / stepBytes) * stepBytes !== plaintext.length) return err("MALFORMED");
  if (plaintext.subarray(end).some((byte) => byte !== 0)) return err("MALFORMED");
  return ok({
    conn: bytesToBase64url(plaintext.subarray(0, connBytes)) as ConnectionId,
    seq: view.getUint32(connBytes),
    type: view.getUint8(connBytes + 4),
    body: plaintext.slice(headerBytes, end),
  });
};

const encodeAdditionalData = (room: RoomId, from: MemberId, to: MemberId): Uint8Array<ArrayBuffer> =>
  encodeFields(["ledger/v1/signal", room, from, to]);
