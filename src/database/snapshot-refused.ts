/** Why an image from a peer was not taken. */

export type SnapshotRefusal = "holds-data" | "other-schema" | "malformed";

/** Not a fault of this replica, which is as before: the changes have to come one by one. */
export class SnapshotRefusedError extends Error {
  readonly refusal: SnapshotRefusal;

  /** @param detail - never contains row contents */
  constructor(refusal: SnapshotRefusal, detail: string) {
    super(`${refusal}: ${detail}`);
    this.refusal = refusal;
  }
}
