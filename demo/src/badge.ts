/** The badge at the top: whether everyone sees the same notes. */

import { find, setText } from "./dom.ts";
import { type RoomState, roomWords } from "./room-summary.ts";

/** Every keystroke makes the others late for a moment; only what lasts longer is worth showing, milliseconds. */
const patienceMs = 500;

export interface Badge {
  show(state: RoomState): void;
}

export const createBadge = (): Badge => {
  const badge = find("badge", HTMLElement);
  const text = find("badge-text", HTMLElement);
  let shown: RoomState | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const apply = (state: RoomState): void => {
    shown = state;
    badge.dataset["state"] = state;
    setText(text, roomWords[state]);
  };

  return {
    show: (state) => {
      clearTimeout(timer);
      if (state === shown) return;
      if (shown === "same" && state === "catching-up") timer = setTimeout(() => apply(state), patienceMs);
      else apply(state);
    },
  };
};
