/**
 * What the ends of a movable channel say to each other on a route, beside the messages they carry: numbers chosen so that
 * no message of a link begins with them. Numbers are unsigned, 32 bits, big-endian.
 *
 * | first byte | name     | rest                                                                                    |
 * | ---------- | -------- | --------------------------------------------------------------------------------------- |
 * | 16         | attach   | name of the channel (16 bytes), messages received on it so far, modulo 2^32             |
 * | 17         | received | messages received so far, modulo 2^32                                                   |
 */

import { base64urlToBytes, bytesToBase64url } from "../common/base64url.ts";
import { err, ok, type Result } from "../common/result.ts";

/** Names a movable channel at both ends: the 22 characters of the attempt that it began with. */
export interface Attach {
  readonly name: string;
  readonly received: number;
}

const attachType = 16;
const receivedType = 17;
const nameBytes = 16;
const attachBytes = 1 + nameBytes + 4;
const receivedBytes = 1 + 4;

/** @param attach.name - 16 bytes in base64url */
export const encodeAttach = ({ name, received }: Attach): Uint8Array<ArrayBuffer> => {
  const decoded = base64urlToBytes(name);
  if (!decoded.ok || decoded.value.length !== nameBytes) throw new RangeError("a channel's name has 16 bytes");
  const message = new Uint8Array(attachBytes);
  message[0] = attachType;
  message.set(decoded.value, 1);
  new DataView(message.buffer).setUint32(1 + nameBytes, received);
  return message;
};

export const decodeAttach = (message: Uint8Array): Result<Attach, "MALFORMED"> => {
  if (message.length !== attachBytes || message[0] !== attachType) return err("MALFORMED");
  return ok({
    name: bytesToBase64url(message.subarray(1, 1 + nameBytes)),
    received: new DataView(message.buffer, message.byteOffset).getUint32(1 + nameBytes),
  });
};

/** @param received - taken modulo 2^32 */
export const encodeReceived = (received: number): Uint8Array<ArrayBuffer> => {
  const message = new Uint8Array(receivedBytes);
  message[0] = receivedType;
  new DataView(message.buffer).setUint32(1, received);
  return message;
};

/** Undefined for a message that is none of these but the channel's own. */
export const decodeReceived = (message: Uint8Array): Result<number, "MALFORMED"> | undefined => {
  if (message[0] !== receivedType) return undefined;
  if (message.length !== receivedBytes) return err("MALFORMED");
  return ok(new DataView(message.buffer, message.byteOffset).getUint32(1));
};
