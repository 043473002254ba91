/**
 * Images of snapshots on their way, in memory: those that were made here, from which newcomers get parts, and those of which
 * parts came from peers. Knows neither what is in an image nor how long it is worth keeping.
 */

import type { SiteId } from "../common/ids.ts";
import type { ImagePart, ImagePlace } from "../replication/message.ts";
import { SnapshotRefusedError } from "./snapshot-refused.ts";
import type { Snapshot } from "./write-snapshot.ts";

/** Long enough to deflate well, short enough that a write in between does not wait. */
const defaultPartBytes = 256 * 1024;

/** Each may be large. */
const mostMade = 2;

/** An image that was made here, by its number. */
export interface MadeImage extends Snapshot {
  readonly image: number;
}

export interface ImageShelf {
  add(snapshot: Snapshot): MadeImage;
  find(image: number): MadeImage | undefined;
  /** The one that was made last. */
  newest(): MadeImage | undefined;
  /** Undefined when the image is gone, or the place is none in it. */
  partAt(place: ImagePlace): ImagePart | undefined;
  /**
   * Adds the next part of an image from `peer`, and answers the image when it is whole; it is gone from here then.
   * @throws SnapshotRefusedError when the parts before are not here
   */
  collect(peer: SiteId, part: ImagePart): Uint8Array<ArrayBuffer> | undefined;
  /** Drops what was made here, which another schema has made useless. */
  dropMade(): void;
  /** Drops everything else. */
  keepOnly(made: readonly number[], from: readonly SiteId[]): void;
}

interface Collected {
  readonly image: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

export const createImageShelf = (partBytes = defaultPartBytes): ImageShelf => {
  const made = new Map<number, MadeImage>();
  const collected = new Map<SiteId, Collected>();
  let lastNumber = 0;

  const startCollecting = (peer: SiteId, { image, size }: ImagePart): Collected => {
    const fresh: Collected = { image, bytes: new Uint8Array(size), length: 0 };
    collected.set(peer, fresh);
    return fresh;
  };

  return {
    add: (snapshot) => {
      lastNumber += 1;
      const entry: MadeImage = { ...snapshot, image: lastNumber };
      made.set(lastNumber, entry);
      for (const oldest of made.keys()) if (made.size > mostMade) made.delete(oldest);
      return entry;
    },
    find: (image) => made.get(image),
    newest: () => made.get(lastNumber),
    partAt: ({ image, offset }) => {
      const bytes = made.get(image)?.bytes;
      if (bytes === undefined || offset >= bytes.length) return undefined;
      return { image, size: bytes.length, offset, bytes: bytes.subarray(offset, offset + partBytes) };
    },
    collect: (peer, part) => {
      const before = collected.get(peer);
      const entry = part.offset === 0 ? startCollecting(peer, part) : before;
      if (entry === undefined || entry.image !== part.image || entry.length !== part.offset) {
        throw new SnapshotRefusedError("malformed", "a part is missing");
      }
      entry.bytes.set(part.bytes, part.offset);
      entry.length += part.bytes.length;
      if (entry.length < part.size) return undefined;
      collected.delete(peer);
      return entry.bytes;
    },
    dropMade: () => made.clear(),
    keepOnly: (given, from) => {
      for (const image of [...made.keys()]) if (!given.includes(image)) made.delete(image);
      for (const peer of [...collected.keys()]) if (!from.includes(peer)) collected.delete(peer);
    },
  };
};
