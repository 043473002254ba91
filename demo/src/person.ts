/** Friendly names and colours for the people in a room, the same in every window. */

import { make } from "./dom.ts";
import type { Visitor } from "./presence.ts";

export interface Person {
  readonly name: string;
  /** Dark enough for white text, light enough for a dark page. */
  readonly color: string;
  /** One letter for the round badge. */
  readonly initial: string;
}

const colors = [
  ["Teal", "#0f766e"],
  ["Rust", "#c2410c"],
  ["Rose", "#be185d"],
  ["Violet", "#7c3aed"],
  ["Indigo", "#4f46e5"],
  ["Cobalt", "#2563eb"],
  ["Fern", "#15803d"],
  ["Olive", "#4d7c0f"],
  ["Amber", "#b45309"],
  ["Crimson", "#dc2626"],
  ["Plum", "#a21caf"],
  ["Azure", "#0369a1"],
  ["Slate", "#64748b"],
] as const;

const animals = [
  "Otter", "Heron", "Fox", "Lynx", "Badger", "Finch", "Hare", "Marten", "Wren", "Robin", "Beaver", "Owl", "Seal", "Moose",
  "Puffin", "Raven", "Stork", "Swan", "Tapir", "Vole", "Whale", "Yak", "Zebra", "Gecko", "Ibis", "Jackdaw", "Koala",
  "Lemur", "Newt", "Panda", "Quail",
] as const; // prettier-ignore

/** FNV-1a, 32 bits. */
const hash = (text: string): number => {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return sum;
};

/** The person behind a node id. Two people share a name once in about 400 pairs; nothing depends on names. */
export const personOf = (nodeId: string): Person => {
  const sum = hash(nodeId);
  const [colorName, color] = colors[sum % colors.length] ?? colors[0];
  const animal = animals[Math.floor(sum / colors.length) % animals.length] ?? animals[0];
  return { name: `${colorName} ${animal}`, color, initial: animal.charAt(0) };
};

/** The round badge of a person. Decoration: the name stands beside it. */
export const makeAvatar = (person: Person): HTMLElement => {
  const avatar = make("span", "avatar", person.initial);
  avatar.style.setProperty("--person", person.color);
  avatar.setAttribute("aria-hidden", "true");
  return avatar;
};

/** Somebody who has a note open; a ring when they type. For screen readers in words. */
export const makeVisitor = (visitor: Visitor): HTMLElement => {
  const person = personOf(visitor.nodeId);
  const words = `${person.name} is ${visitor.isTyping ? "typing" : "here"}`;
  const avatar = makeAvatar(person);
  avatar.classList.toggle("is-typing", visitor.isTyping);
  avatar.title = words;
  return make("span", "visitor", avatar, make("span", "visually-hidden", `${words}, `));
};
