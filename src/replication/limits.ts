/** Bounds on what a peer may send. A breach closes the link with a code and changes nothing. */

export interface ReplicationLimits {
  /** Bytes of one message, before and after inflating. */
  readonly maxMessageBytes: number;
  /** Changes of one message, and so entries of each of its dictionaries: a deflated frame may claim a thousand times its size. */
  readonly maxChanges: number;
  /** Changes, and bytes of messages, of one transaction that comes in several: they wait in memory until it is whole. */
  readonly maxGatheredChanges: number;
  readonly maxGatheredBytes: number;
  /** Tables of a digest. */
  readonly maxTables: number;
  /** Sites in a frontier. */
  readonly maxSites: number;
  /** Bytes of a packed key. */
  readonly maxKeyBytes: number;
  /** Bytes of a text or blob. */
  readonly maxValueBytes: number;
  /** Characters of a table's or column's name. */
  readonly maxNameLength: number;
}

export const defaultReplicationLimits: ReplicationLimits = {
  maxMessageBytes: 64 * 1024 * 1024,
  maxChanges: 500_000,
  maxGatheredChanges: 2_000_000,
  maxGatheredBytes: 256 * 1024 * 1024,
  maxTables: 10_000,
  maxSites: 100_000,
  maxKeyBytes: 64 * 1024,
  maxValueBytes: 16 * 1024 * 1024,
  maxNameLength: 128,
};

/** cr-sqlite stores larger counters, but a row that holds one can never be written again. */
export const maxCounter = 2 ** 31 - 1;

/** Of a snapshot's image, which its taker has in memory as a whole. */
export const maxImageBytes = 96 * 1024 * 1024;

/** Of an image in one message. */
export const maxPartBytes = 1024 * 1024;
