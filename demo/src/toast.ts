/** One short message at the bottom of the page, with one thing to do about it: the undo after a deletion. */

import { find, make, makeButton } from "./dom.ts";

/** How long a message stays, milliseconds. Pointing at it or focusing it stops the time. */
const stayMs = 10_000;

export interface Toasts {
  show(text: string, action?: { readonly label: string; readonly run: () => void }): void;
  /** Does what the message offers. @returns false when there is nothing to do */
  runAction(): boolean;
}

export const createToasts = (): Toasts => {
  const place = find("toast", HTMLElement);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let action: (() => void) | undefined;

  const hide = (): void => {
    clearTimeout(timer);
    action = undefined;
    place.replaceChildren();
  };
  const startTimer = (): void => {
    clearTimeout(timer);
    timer = setTimeout(hide, stayMs);
  };
  const runAction = (): boolean => {
    const run = action;
    hide();
    run?.();
    return run !== undefined;
  };

  place.addEventListener("pointerenter", () => clearTimeout(timer));
  place.addEventListener("pointerleave", startTimer);
  place.addEventListener("focusin", () => clearTimeout(timer));
  place.addEventListener("focusout", startTimer);

  return {
    show: (text, offered) => {
      action = offered?.run;
      const message = make("div", "toast-message", make("span", "toast-text", text));
      if (offered !== undefined) message.append(makeButton("toast-action", offered.label, () => void runAction()));
      place.replaceChildren(message);
      startTimer();
    },
    runAction,
  };
};
