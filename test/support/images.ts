/** Images of snapshots, whole and forged. Runs in Node and in a browser's worker. */

import type { SiteId } from "../../src/common/ids.ts";
import type { ChangeLog } from "../../src/database/change-log.ts";
import type { Applied } from "../../src/database/change-writer.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import type { Snapshot } from "../../src/database/write-snapshot.ts";
import type { ImagePart } from "../../src/replication/message.ts";

/** All parts of what `log` gives a newcomer, put together. */
export const snapshotOf = async (log: ChangeLog): Promise<Snapshot> => {
  const snapshot = await log.readSnapshot();
  if (snapshot === undefined) throw new Error("no snapshot was made");
  const { part, to } = snapshot;
  const bytes = new Uint8Array(part.size);
  for (let next: ImagePart | undefined = part; next !== undefined;) {
    bytes.set(next.bytes, next.offset);
    next = await log.readImagePart({ image: part.image, offset: next.offset + next.bytes.length });
  }
  return { bytes, to };
};

/** In one part. */
export const takeSnapshotOf = async (
  giver: { readonly site: SiteId; readonly log: ChangeLog },
  taker: ChangeLog,
  { bytes, to }: Snapshot,
): Promise<Applied> => {
  const taken = await taker.takeSnapshot({
    peer: giver.site,
    part: { image: 1, size: bytes.length, offset: 0, bytes },
    cursor: { epoch: giver.log.epoch, position: to },
  });
  if (taken === undefined) throw new Error("the image was not whole");
  return taken;
};

/** The image with `sql` run on it, attached as `image`. */
export const forge = async (image: Uint8Array, sql: string): Promise<Uint8Array<ArrayBuffer>> => {
  const connection = await (await openMemoryHost()).openConnection();
  await connection.images.attach("image", image);
  await connection.run(sql);
  const forged = await connection.images.detach("image");
  await connection.close();
  return forged;
};
