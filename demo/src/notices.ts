/** Things that went wrong or that one should know, in words that say what to do. */

import { LedgerError, type LedgerErrorCode } from "ledger";
import { find, make, makeButton } from "./dom.ts";

export interface NoticeChoice {
  /** Instead of "Got it", for putting the notice away. */
  readonly closeLabel: string;
  readonly onClose: () => void;
  readonly label: string;
  readonly run: () => void;
}

export interface Notices {
  /** Shows a notice; the same `key` is shown once at a time. */
  show(key: string, text: string, choice?: NoticeChoice): void;
  hide(key: string): void;
  showError(error: unknown): void;
}

/** Errors that need no words of their own: the page shows the state already, or the person asked for it. */
const silent = new Set<LedgerErrorCode>([
  "LEDGER_DISCONNECTED",
  "LEDGER_CLOSED",
  "LEDGER_SIGNALING_UNREACHABLE",
  "LEDGER_STORAGE_VOLATILE",
]);

const wordsByCode: Partial<Record<LedgerErrorCode, string>> = {
  LEDGER_STORAGE_UNAVAILABLE: "This browser does not let the page store anything, so notes cannot be kept here.",
  LEDGER_STORAGE_BUSY: "Another window is using these notes. Close it, or open a second window from here.",
  LEDGER_QUOTA_EXCEEDED: "The browser has no space left. What was saved is safe; delete something to save more.",
  LEDGER_ENGINE_UNAVAILABLE: "A part of this page could not be loaded. Check the connection and reload.",
  LEDGER_ENGINE_CRASHED: "Something broke and was started again. What was saved is safe.",
  LEDGER_LEADER_CHANGED: "Another of your tabs was closed while this was being saved. Please try that again.",
  LEDGER_SIGNALING_REFUSED: "The meeting point turned this window away. Your notes are safe; try again later.",
  LEDGER_OPTION_INVALID:
    "This link does not work. Ask for a new invitation, or remove what follows the ? in the address.",
  LEDGER_WEBRTC_UNAVAILABLE: "This browser cannot link with others. Your notes stay here.",
  LEDGER_PEER_UNTRUSTED: "Somebody without the right invitation tried to join and was turned away.",
  LEDGER_PEER_FAULT: "A window sent something unreadable and was cut off. Your notes are safe.",
  LEDGER_PEER_INCOMPATIBLE: "Somebody uses another version of this page. Reload in all windows to link again.",
  LEDGER_IDENTITY_CLASH: "Two windows were using one copy of the notes. One of them now has a new name.",
};

const wordsFor = (error: unknown): string | undefined => {
  if (!(error instanceof LedgerError)) return "Something unexpected went wrong. Reloading the page usually helps.";
  if (silent.has(error.code)) return undefined;
  return wordsByCode[error.code] ?? "Something unexpected went wrong. Your saved notes are safe; reload the page.";
};

export const createNotices = (): Notices => {
  const place = find("notices", HTMLElement);
  const shownByKey = new Map<string, HTMLElement>();

  const hide = (key: string): void => {
    shownByKey.get(key)?.remove();
    shownByKey.delete(key);
  };
  const show = (key: string, text: string, choice?: NoticeChoice): void => {
    if (shownByKey.has(key)) return;
    const close = makeButton("notice-close", choice?.closeLabel ?? "Got it", () => {
      hide(key);
      choice?.onClose();
    });
    const buttons = make("div", "notice-buttons", close);
    if (choice !== undefined) buttons.prepend(makeButton("notice-close", choice.label, choice.run));
    const notice = make("div", "notice", make("p", "", text), buttons);
    shownByKey.set(key, notice);
    place.append(notice);
  };

  return {
    show,
    hide,
    showError: (error) => {
      const words = wordsFor(error);
      if (words === undefined) return;
      console.error(error);
      show(error instanceof LedgerError ? error.code : "unexpected", words);
    },
  };
};
