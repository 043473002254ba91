/**
 * What a replica says of its schema, so that peers know whether they understand everything that it sends. Schemas do not
 * travel: every replica migrates by itself.
 */

import { hashText } from "./digest.ts";

export interface SchemaStamp {
  /** The highest version of the migrations that ran; 0 when none did. */
  readonly migration: number;
  /** Of the synced tables with their columns; 64 bits as 16 hex digits. */
  readonly hash: string;
}

/** How a peer's schema relates to the own one. `different`: neither can be told to be the newer one. */
export type SchemaRelation = "same" | "ahead" | "behind" | "different";

export const emptySchema: SchemaStamp = { migration: 0, hash: "0".repeat(16) };

/** The stamp of these tables; their order, and that of the columns that are no key, do not matter. */
export const stampOf = (
  tables: Iterable<{
    readonly name: string;
    readonly keyColumns: readonly string[];
    readonly valueColumns: readonly string[];
  }>,
  migration: number,
): SchemaStamp => {
  const texts = [...tables].map(({ name, keyColumns, valueColumns }) =>
    JSON.stringify([name, keyColumns, [...valueColumns].sort()]),
  );
  return { migration, hash: texts.length === 0 ? emptySchema.hash : hashText(texts.sort().join("\n")) };
};

/** Of two that replicate the same columns neither is ahead, whatever else ran there. */
export const relateSchemas = (own: SchemaStamp, theirs: SchemaStamp): SchemaRelation => {
  if (own.hash === theirs.hash) return "same";
  if (own.migration === theirs.migration) return "different";
  return theirs.migration > own.migration ? "ahead" : "behind";
};
