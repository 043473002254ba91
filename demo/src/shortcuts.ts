/** Keys for the whole page. Single keys never act while somebody types, and can be switched off. */

import { find } from "./dom.ts";

export interface Shortcuts {
  readonly newNote: () => void;
  readonly search: () => void;
  readonly escape: () => void;
  /** @returns false when there was nothing to undo */
  readonly undo: () => boolean;
}

const memory = "notes-single-keys-off";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.closest("input:not([readonly]), textarea:not([readonly]), select, dialog") !== null;

export const listenForShortcuts = (actions: Shortcuts): void => {
  const singleKeys = find("single-keys", HTMLInputElement);
  singleKeys.checked = localStorage.getItem(memory) === null;
  singleKeys.addEventListener("change", () => {
    if (singleKeys.checked) localStorage.removeItem(memory);
    else localStorage.setItem(memory, "1");
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Escape") return actions.escape();
    if (isTyping(event.target)) return;
    const withCommand = event.ctrlKey || event.metaKey;
    if (withCommand && !event.shiftKey && event.key.toLowerCase() === "z") {
      if (actions.undo()) event.preventDefault();
      return;
    }
    if (withCommand || event.altKey || !singleKeys.checked) return;
    if (event.key === "n") actions.newNote();
    else if (event.key === "/") actions.search();
    else return;
    event.preventDefault();
  });
};
