/** The rules about schemas: each side says what its own is, and learns how the other's relates to it. */

import type { LinkId } from "../common/ids.ts";
import { unchanged, withLink } from "./core-links.ts";
import type { CoreState, Effect, Step, StreamingLink } from "./core-state.ts";
import { relateSchemas, type SchemaRelation, type SchemaStamp } from "./schema-stamp.ts";

const relateLink = (state: CoreState, id: LinkId, link: StreamingLink, relation: SchemaRelation): Step => ({
  state: withLink(state, id, { ...link, schemaRelation: relation }),
  effects: relation === link.schemaRelation ? [] : [{ type: "report-schema", peer: link.peer, relation }],
});

export const receivedSchema = (state: CoreState, id: LinkId, link: StreamingLink, schema: SchemaStamp): Step =>
  relateLink(state, id, { ...link, peerSchema: schema }, relateSchemas(state.schema, schema));

/** The own schema is known, or has changed. */
export const schemaRead = (state: CoreState, schema: SchemaStamp): Step => {
  if (schema.hash === state.schema.hash && schema.migration === state.schema.migration) return unchanged(state);
  const effects: Effect[] = [];
  let next: CoreState = { ...state, schema };
  for (const [id, link] of state.links) {
    effects.push({ type: "send", link: id, message: { type: "schema", schema } });
    if (link.phase !== "streaming") continue;
    const step = relateLink(next, id, link, relateSchemas(schema, link.peerSchema));
    next = step.state;
    effects.push(...step.effects);
  }
  return { state: next, effects };
};

/** A peer of whose schema nothing but that it differs was known sent what there is no place for here. */
export const sentUnknown = (state: CoreState, id: LinkId): Step => {
  const link = state.links.get(id);
  if (link?.phase !== "streaming" || link.schemaRelation !== "different") return unchanged(state);
  return relateLink(state, id, link, "ahead");
};
