/**
 * Messages as frames: deflated where it pays, cut to a size that leaves a link responsive, and put together again within
 * a bound. One header byte a frame: bit 0 more frames of this message follow, bit 1 the message is deflated.
 */

import { err, ok, type Result } from "./common/result.ts";

const moreFlag = 1;
const deflatedFlag = 2;

/** Below this a message is sent as it is: deflating costs a turn of the event loop and gains a few bytes. */
const leastDeflatedBytes = 1024;

/** Small enough that a frame never fills a link's window alone. */
const frameBytes = 192 * 1024;

const pump = async (
  bytes: Uint8Array<ArrayBuffer>,
  through: CompressionStream | DecompressionStream,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  const writer = through.writable.getWriter();
  // A broken stream rejects here as well as in the reader below, which is where it is dealt with.
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => {});

  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = through.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
};

const cut = (bytes: Uint8Array<ArrayBuffer>, flags: number): readonly Uint8Array<ArrayBuffer>[] => {
  const frames: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  do {
    const end = Math.min(offset + frameBytes - 1, bytes.length);
    const frame = new Uint8Array(end - offset + 1);
    frame[0] = flags | (end < bytes.length ? moreFlag : 0);
    frame.set(bytes.subarray(offset, end), 1);
    frames.push(frame);
    offset = end;
  } while (offset < bytes.length);
  return frames;
};

/**
 * Frames of a message; a promise only when deflating is worth it, so that small messages leave at once.
 * @param mayDeflate - false where the link is faster than that
 */
export const messageToFrames = (
  message: Uint8Array<ArrayBuffer>,
  mayDeflate = true,
): readonly Uint8Array<ArrayBuffer>[] | Promise<readonly Uint8Array<ArrayBuffer>[]> => {
  if (!mayDeflate || message.length < leastDeflatedBytes) return cut(message, 0);
  return pump(message, new CompressionStream("deflate-raw"), Infinity).then((deflated) =>
    deflated !== undefined && deflated.length < message.length ? cut(deflated, deflatedFlag) : cut(message, 0),
  );
};

/** Whether the frame is one that {@link messageToFrames} cut from a message of which more follows. */
export const isCutFrame = (frame: Uint8Array<ArrayBuffer>): boolean =>
  frame.length === frameBytes && ((frame[0] as number) & moreFlag) !== 0;

export type FrameError = "FRAME_EMPTY" | "FRAME_FLAGS" | "MESSAGE_TOO_LARGE" | "NOT_DEFLATED";

export interface FrameJoiner {
  /**
   * Takes the next frame. Answers the message when it was the last of one, undefined when more must come.
   * A promise only for deflated messages. After an error nothing more may be added.
   */
  add(
    frame: Uint8Array<ArrayBuffer>,
  ): Result<Uint8Array | undefined, FrameError> | Promise<Result<Uint8Array | undefined, FrameError>>;
}

/** @param maxMessageBytes - of a message, both as it came and inflated */
export const createFrameJoiner = (maxMessageBytes: number): FrameJoiner => {
  let parts: Uint8Array[] = [];
  let length = 0;

  const join = (): Uint8Array<ArrayBuffer> => {
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    parts = [];
    length = 0;
    return whole;
  };

  return {
    add: (frame) => {
      const flags = frame[0];
      if (flags === undefined) return err("FRAME_EMPTY");
      if (flags > (moreFlag | deflatedFlag)) return err("FRAME_FLAGS");
      // Frames that bring nothing would never reach the bound and could be sent for ever.
      if ((flags & moreFlag) !== 0 && frame.length === 1) return err("FRAME_EMPTY");
      length += frame.length - 1;
      if (length > maxMessageBytes) return err("MESSAGE_TOO_LARGE");
      parts.push(frame.subarray(1));
      if ((flags & moreFlag) !== 0) return ok(undefined);
      if ((flags & deflatedFlag) === 0) return ok(join());
      return pump(join(), new DecompressionStream("deflate-raw"), maxMessageBytes).then(
        (message) => (message === undefined ? err("MESSAGE_TOO_LARGE") : ok(message)),
        () => err("NOT_DEFLATED"),
      );
    },
  };
};
