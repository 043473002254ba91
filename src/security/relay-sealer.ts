/**
 * Seals the records of one relayed channel, and opens those of the other side in exactly the order they were sealed.
 *
 *   record    = counter (u32) | AES-256-GCM(key of the sender, nonce, plaintext)          tag of 16 bytes at the end
 *   nonce     = 8 zero bytes | counter; the first counter is 0
 *   plaintext = length of the body (u16) | body | zeros up to a multiple of 256           numbers are big-endian
 *
 * Must:
 * R1  use no nonce twice: every channel has keys of its own, a counter is used once and never wraps;
 * R2  accept no gap: a record that is genuine and comes too early ends the channel;
 * R3  shrug at what is not genuine or was seen: whoever relays could end a channel by cutting it just as well.
 */

import { err, ok, type Result } from "../common/result.ts";
import { createWorkQueue } from "../common/work-queue.ts";
import type { RelayKeys } from "./relay-keys.ts";

/**
 * - `MALFORMED`, `FORGED`: not a record of the other side, to be ignored
 * - `REPEATED`: seen before, to be ignored
 * - `GAP`: records before it are lost; the channel is over
 * - `BROKEN`: of the other side, but not by these rules; the channel is over
 */
export type RecordFault = "MALFORMED" | "FORGED" | "REPEATED" | "GAP" | "BROKEN";

/** Whether the channel is over. */
export const isFatalFault = (fault: string): boolean => fault === "GAP" || fault === "BROKEN";

export interface RelaySealer {
  /**
   * Resolves in the order of the calls.
   * Rejects with RangeError for a body above {@link maxRecordBodyBytes} or a channel that has used up its counters.
   */
  seal(body: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  /** Resolves in the order of the calls; never rejects. */
  open(record: Uint8Array<ArrayBuffer>): Promise<Result<Uint8Array<ArrayBuffer>, RecordFault>>;
}

const counterBytes = 4;
const tagBytes = 16;
const lengthBytes = 2;
/** Sizes tell what is typed; steps tell less. */
const stepBytes = 256;
/** Of a signaling payload, less the 16 bytes that name the channel. */
const maxRecordBytes = 11 * 1024 - 16;
const maxPlaintextBytes = Math.floor((maxRecordBytes - counterBytes - tagBytes) / stepBytes) * stepBytes;
const maxCounter = 0xffff_ffff;

export const maxRecordBodyBytes = maxPlaintextBytes - lengthBytes;

/** @param firstCounter - where to begin; for tests of the end */
export const createRelaySealer = (keys: RelayKeys, firstCounter = 0): RelaySealer => {
  // WebCrypto may finish a short operation before a long one asked for earlier.
  const sealing = createWorkQueue();
  const opening = createWorkQueue();
  let nextSealed = firstCounter;
  let nextOpened = firstCounter;

  return {
    seal: async (body) => {
      if (body.length > maxRecordBodyBytes)
        throw new RangeError(`a record's body has at most ${maxRecordBodyBytes} bytes`);
      if (nextSealed > maxCounter) throw new RangeError("this channel has used up its counters"); // R1
      const counter = nextSealed;
      nextSealed += 1;
      const plaintext = encodePlaintext(body);
      return sealing.run(async () => {
        const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonceOf(counter) }, keys.sealing, plaintext);
        const record = new Uint8Array(counterBytes + sealed.byteLength);
        new DataView(record.buffer).setUint32(0, counter);
        record.set(new Uint8Array(sealed), counterBytes);
        return record;
      });
    },
    open: (record) =>
      opening.run(async () => {
        const plaintextBytes = record.length - counterBytes - tagBytes;
        if (plaintextBytes < stepBytes || plaintextBytes % stepBytes !== 0) return err("MALFORMED");
        const counter = new DataView(record.buffer, record.byteOffset).getUint32(0);
        if (counter < nextOpened) return err("REPEATED"); // R3
        const plaintext = await decrypt(keys.opening, counter, record.subarray(counterBytes));
        if (plaintext === undefined) return err("FORGED"); // R3
        if (counter > nextOpened) return err("GAP"); // R2
        nextOpened += 1;
        return decodePlaintext(plaintext);
      }),
  };
};

const nonceOf = (counter: number): Uint8Array<ArrayBuffer> => {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(8, counter);
  return nonce;
};

const decrypt = async (
  key: CryptoKey,
  counter: number,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonceOf(counter) }, key, sealed));
  } catch {
    // WebCrypto says no more than that the tag does not fit, and there is no more to say.
    return undefined;
  }
};

const encodePlaintext = (body: Uint8Array): Uint8Array<ArrayBuffer> => {
  const plaintext = new Uint8Array(Math.ceil((lengthBytes + body.length) / stepBytes) * stepBytes);
  new DataView(plaintext.buffer).setUint16(0, body.length);
  plaintext.set(body, lengthBytes);
  return plaintext;
};

const decodePlaintext = (plaintext: Uint8Array<ArrayBuffer>): Result<Uint8Array<ArrayBuffer>, RecordFault> => {
  const end = lengthBytes + new DataView(plaintext.buffer).getUint16(0);
  // One form per content: the least number of steps, and nothing but zeros behind the body.
  if (Math.ceil(end / stepBytes) * stepBytes !== plaintext.length) return err("BROKEN");
  if (plaintext.subarray(end).some((byte) => byte !== 0)) return err("BROKEN");
  return ok(plaintext.slice(lengthBytes, end));
};
