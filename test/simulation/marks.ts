/**
 * Writes that nothing overwrites, and what was promised of them: an acknowledged one is lost only when no replica holds
 * it any more, and whoever is said to hold one does.
 */

import type { LinkId } from "../../src/common/ids.ts";
import { versionOf } from "../../src/replication/frontier.ts";
import { marksOf, type SimulatedReplica } from "./simulated-replica.ts";

export interface Marks {
  /** `replica` has acknowledged a transaction with the mark. */
  written(replica: SimulatedReplica, mark: string): Promise<void>;
  /** `replica` is on an older file now. */
  lostEnd(replica: SimulatedReplica, all: readonly SimulatedReplica[]): Promise<void>;
  /** Every mark that must be there in the end. */
  readonly kept: ReadonlySet<string>;
  /** Answers what is wrong with what `replica` believes of `peer`, linked by `link`. */
  audit(replica: SimulatedReplica, peer: SimulatedReplica, link: LinkId): Promise<string | undefined>;
}

interface Mark {
  readonly mark: string;
  /** Index of the replica, since ids change. */
  readonly author: number;
  readonly version: number;
  /** Openings on older files before it was written: a version that was lost tells nothing any more. */
  readonly life: number;
}

export const createMarks = (): Marks => {
  const kept = new Set<string>();
  const written: Mark[] = [];
  const lives = new Map<number, number>();
  const lifeOf = (index: number): number => lives.get(index) ?? 0;

  return {
    kept,
    written: async (replica, mark) => {
      const { index: author, database, log } = replica;
      kept.add(mark);
      const version = versionOf(await log.frontier(), database.siteId);
      written.push({ mark, author, version, life: lifeOf(author) });
    },
    lostEnd: async ({ index }, all) => {
      lives.set(index, lifeOf(index) + 1);
      const held = new Set<string>();
      for (const replica of all) for (const mark of await marksOf(replica)) held.add(mark);
      for (const mark of kept) if (!held.has(mark)) kept.delete(mark);
    },
    audit: async (replica, peer, link) => {
      const state = replica.core.links.get(link);
      const { index, database } = replica;
      if (state?.phase !== "streaming" || !peer.hasTable) return undefined;
      const held = versionOf(state.held, database.siteId);
      const there = await marksOf(peer);
      const missing = written.find(
        ({ mark, author, version, life }) =>
          author === index && life === lifeOf(index) && version <= held && kept.has(mark) && !there.has(mark),
      );
      return missing === undefined
        ? undefined
        : `replica ${index} takes ${missing.mark} for received by replica ${peer.index}, which lacks it`;
    },
  };
};
